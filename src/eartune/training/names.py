"""The names of files that training writes, for modules that look for them without torch."""

WEIGHTS = "weights.safetensors"
"""The file with every parameter that a stage, or a stage before it, has trained."""
