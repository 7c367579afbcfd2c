"""The instruction for transcription, which alignment and cascades use."""

TRANSCRIBE = "Repeat the sentence."  # the pocket checkpoint was aligned with it, too
