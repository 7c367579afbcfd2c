"""Transcription: its instruction, which alignment, cascades and words before an answer use, and its longest answer."""

TRANSCRIBE = "Repeat the sentence."  # the pocket checkpoint was aligned with it, too
MOST_WORD_TOKENS = 100
"""The most tokens that the words of an utterance may take when they are decoded."""
