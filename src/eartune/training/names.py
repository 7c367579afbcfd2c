"""Names of files that training leaves, for those who look for them without torch."""

WEIGHTS = "weights.safetensors"
