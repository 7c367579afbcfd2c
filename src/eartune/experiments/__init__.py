"""One YAML file is one experiment: its plan, its run folder, and the runner."""
