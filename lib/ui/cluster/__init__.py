"""Topics that a Dask cluster holds for all viewers: offered, on their way, and what it told."""
