"""The pocket checkpoint, a small model with which everything can be tried on a CPU."""
