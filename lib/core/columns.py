"""The names of columns: the notebook's, of the events table, and what several tables have."""

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
SENT_TIME: Final = "SentTimestamp"
"""When the event was sent, by the client's clock; int64 epoch ms, only where a field says it."""
RECORD_TIME: Final = "RecordTimestamp"
"""The record's timestamp, int64 epoch ms, where another field is the received time."""
PLACE: Final = "PlaceInRecord"
"""Which of a record's events it is, int64 from 0; only of topics whose records hold several."""
ARRIVAL: Final = "Arrival"
"""Which of the topic's events it is, in arrival order; int64 from 0, only in parts of a topic."""
LEFT: Final = "Left"
"""Whether a filter leaves it, bool; only in parts of a topic that was asked of a part."""
KEY_HASH: Final = "KeyHash"
"""A number of the event's client alone, and where Kafka sends its events, int64; as above."""
HOME_HASH: Final = "HomeHash"
"""The same of what windows are grouped by, where that is not the client."""

KEY: Final = "@key"
HEADER: Final = "@header:"
"""A column of the record's key, and what one of a header's values begins with."""

MISSING_TIME: Final = -(2**63)
"""In a column of times: this event has none. Seconds since zero are NaN there."""

KAFKA_COLUMNS: Final = frozenset({RECEIVED_TIME, RECEIVED_TIME_TYPE, PARTITION, OFFSET, PLACE})
"""Columns that come from the record, not from its value."""

MISSED_BY_MS: Final = "MissedByMs"
"""Of a dropped event: the further delay, lateness or grace that would have kept it."""

# What a setting of an engine does, a row each.
GAP_MS: Final = "GapMs"
DELAY_MS: Final = "DelayMs"
DROPPED_SHARE: Final = "DroppedShare"
LATENCY_MEDIAN_MS: Final = "LatencyMedianMs"
EXACT_SHARE: Final = "ExactShare"

# How far apart the events of a key are, a row a bin.
FROM_MS: Final = "FromMs"
TO_MS: Final = "ToMs"
SHARE_BELOW: Final = "ShareBelow"

# What several tables of answers have.
EVENTS: Final = "Events"
FROM: Final = "From"
TO: Final = "To"
LAST_HEARD: Final = "LastHeard"
SILENT: Final = "Silent"
LOST: Final = "Lost"
DRIFT: Final = "Drift"
