"""Where events come from: Kafka, files, samples; one interface (`lib.topics.source`)."""
