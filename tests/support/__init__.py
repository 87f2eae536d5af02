"""Real servers on this machine, and what fills them, for tests and benchmarks."""
