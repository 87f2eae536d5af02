"""The report of a topic without the app: as HTML, JSON and files, with a verdict for CI."""
