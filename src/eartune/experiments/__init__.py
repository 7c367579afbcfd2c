"""Experiments: the YAML file, the plan of its models, and the runner that makes them."""
