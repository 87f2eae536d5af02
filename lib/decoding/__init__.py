"""Record bytes to columns, and the records that are rejected on the way."""
