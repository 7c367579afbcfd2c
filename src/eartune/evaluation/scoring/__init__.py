"""Files of predictions against files of references: read, matched, and made ready for the metrics."""
