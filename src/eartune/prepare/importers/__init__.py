"""Read people's own files, one module for each format, as utterances."""
