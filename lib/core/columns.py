"""The names of the events table's columns, the notebook's own."""

from __future__ import annotations

from typing import Final

EVENT_TIME: Final = "Timestamp"
RECEIVED_TIME: Final = "KafkaTimestamp"
RECEIVED_TIME_TYPE: Final = "KafkaTimestampType"
CLIENT: Final = "ClientID"
SESSION: Final = "SessionID"
SEQUENCE: Final = "EventID"
PARTITION: Final = "KafkaPartition"
OFFSET: Final = "KafkaOffset"
EVENT_TIME_0: Final = "EventTimestamp0"
RECEIVED_TIME_0: Final = "ReceivedTimestamp0"

KAFKA_COLUMNS: Final = frozenset({RECEIVED_TIME, RECEIVED_TIME_TYPE, PARTITION, OFFSET})
"""Columns that come from the record, not from its value."""
