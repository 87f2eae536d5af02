"""The fast reader: librdkafka through its C API, its messages gathered by compiled loops."""
