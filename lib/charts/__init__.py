"""Tables in, Altair charts out: pure functions, the only place that knows colours and axes."""
