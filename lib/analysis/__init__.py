"""One question each about an events table: an events table in, a small table out."""
