"""The pocket checkpoint, which everything can be tried with on a CPU."""
