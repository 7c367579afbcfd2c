"""The commands, with one file for each."""
