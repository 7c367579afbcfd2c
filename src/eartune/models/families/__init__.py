"""Families of audio LLMs, one file each: how a family encodes audio, its chat, and the names of its components."""
