"""Download and unpack public corpora."""
