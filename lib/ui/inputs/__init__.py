"""What viewers choose: source, topic, range, fields, clients, time and filters."""
