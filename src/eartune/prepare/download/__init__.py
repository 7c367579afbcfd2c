"""Public corpora fetched and unpacked."""
