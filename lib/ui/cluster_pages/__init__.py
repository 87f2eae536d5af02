"""Parts of pages that show what a Dask cluster told of a topic."""
