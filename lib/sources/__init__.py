"""Where records come from: Kafka clusters and files, behind one protocol."""
