"""What a model is asked when its answer is to be the words themselves: for alignment and for cascades."""

TRANSCRIBE = "Repeat the sentence."  # with which the pocket checkpoint was aligned, too
