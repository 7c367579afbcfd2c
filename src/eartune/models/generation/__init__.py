"""Decoding: key-value cache, greedy and beam search, and answers constrained to a grammar."""
