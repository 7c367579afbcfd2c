"""Evaluation: metrics with intervals, and the scoring of prediction files against references."""
