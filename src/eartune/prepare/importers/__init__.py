"""People's own files, in the shapes they come in, as utterances: one file a shape."""
