"""Reads files of predictions and files of references, matches them, and prepares them for the metrics."""
