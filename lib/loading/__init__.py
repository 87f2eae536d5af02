"""A topic read into an events table: sources, decoding and events at work side by side."""
