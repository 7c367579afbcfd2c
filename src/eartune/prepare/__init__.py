"""Turn people's own files and public corpora into manifests without faults."""
