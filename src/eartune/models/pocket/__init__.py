"""The pocket checkpoint, a small model with which everything runs on a CPU."""
