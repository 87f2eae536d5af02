"""A topic followed while it grows: what each refresh costs follows what is new."""
