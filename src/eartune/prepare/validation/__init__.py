"""Faults of rows and recordings, and what becomes of them."""
