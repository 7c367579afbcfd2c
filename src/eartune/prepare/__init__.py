"""A user's own files, or a public corpus, become checked manifests."""
