"""Parts of pages: what is asked of a topic here, drawn with its controls."""
