"""Commands that print ratios against a named baseline, run beside it."""
