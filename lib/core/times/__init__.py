"""Times of events: the forms that topics write them in, read as epoch milliseconds."""
