"""Metrics with intervals, and prediction files scored against references."""
