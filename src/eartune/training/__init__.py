"""Training: schemes, their stages, and the one loop that trains a stage."""
