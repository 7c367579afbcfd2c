"""Speech from text, for pools and tests that have no recordings."""
