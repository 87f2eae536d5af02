"""The stream processing engines, one a file; no engine imports another."""
