"""Decoding of recordings with trained models, and checks that a model uses the audio."""
