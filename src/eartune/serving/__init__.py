"""A loaded model behind an HTTP server: requests become questions, which one thread answers in batches."""
