"""Files as topics: a folder of them, one that was uploaded, the samples."""
