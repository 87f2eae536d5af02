"""The same questions put to a topic block by block on a Dask cluster. See docs/dask.md."""
