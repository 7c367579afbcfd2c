"""Trained models answer recordings; checks that they use the audio."""
