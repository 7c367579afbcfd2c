"""Rows of corpora, their recordings and their labels: what everything else is given."""
