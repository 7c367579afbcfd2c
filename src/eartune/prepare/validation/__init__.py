"""Find faults of rows and recordings, and keep what is unusable out of the manifests."""
