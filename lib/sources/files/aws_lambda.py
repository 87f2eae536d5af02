"""Events with which AWS calls a function on records of MSK, one's own Kafka, Kinesis, Firehose.

Each holds several records, their keys and values in base64; those of SQS, SNS and of streams of
DynamoDB have them as they are.
"""

from __future__ import annotations

import json
from itertools import chain
from typing import TYPE_CHECKING, Any, Final

import pyarrow as pa

from lib.sources.files.envelope import Envelope
from lib.sources.files.notations import without_types

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    _Parts = tuple[object, object, object]
    """When a record arrived, its key, its value."""

ENVELOPE: Final = Envelope(
    {
        **{name: name for name in ("partition", "timestamp", "key", "value")},
        "timestamp_type": "timestampType",
    }
)
"""In which a service's records are put; those of Kafka have one of their own."""


def is_event(document: object) -> bool:
    """Return whether a JSON document is such an event, or what `aws kinesis get-records` gives."""
    return bool(_records(document))


def records_of_events(events: Iterable[pa.BinaryArray]) -> Iterator[pa.BinaryArray]:
    """Yield the records in events as JSON objects, in envelopes; what is no event as it stands."""
    for block in events:
        yield pa.array(chain.from_iterable(map(_written, block.to_pylist())), pa.binary())


def _written(event: bytes) -> list[bytes]:
    try:
        found = _records(json.loads(event))
    except (ValueError, RecursionError):
        found = []
    return [json.dumps(record).encode() for record in found] or [event]


def _records(document: object) -> list[dict[str, Any]]:
    if not isinstance(document, dict):
        return []
    by_partition = document.get("records")
    if isinstance(by_partition, dict) and "kafka" in str(document.get("eventSource", "")).lower():
        lists = [each for each in by_partition.values() if isinstance(each, list)]
        return [record for each in lists for record in each if isinstance(record, dict)]
    records = document.get("records" if "deliveryStreamArn" in document else "Records")
    records = document.get("Messages") if records is None else records
    several = records if isinstance(records, list) else [document]
    return [found for found in map(_record, several) if found is not None]


def _record(record: object) -> dict[str, Any] | None:
    """Return a record of a service in an envelope; None if it is none.

    The service stamps it when it is received. What it calls a sequence number is larger than any
    offset: without one, a record stands at the number of its row.
    """
    if not isinstance(record, dict):
        return None
    read = (_of_kinesis, _of_queue, _of_notification, _of_table)
    parts = next((found for each in read if (found := each(record)) is not None), None)
    if parts is None:
        return None
    arrival, key, value = parts
    shard = str(record.get("eventID", "")).partition(":")[0].rpartition("-")[2]
    return {
        "partition": int(shard) if ":" in str(record.get("eventID")) and shard.isdecimal() else 0,
        "timestamp": _in_ms(arrival),
        "timestampType": "LogAppendTime",
        "key": key,
        "value": value,
    }


def _of_kinesis(record: dict[str, Any]) -> _Parts | None:
    inner = record.get("kinesis", record)
    found = {name.lower(): v for name, v in inner.items()} if isinstance(inner, dict) else {}
    if not {"data", "approximatearrivaltimestamp"} <= found.keys():
        return None
    return found["approximatearrivaltimestamp"], found.get("partitionkey"), found["data"]


def _of_queue(record: dict[str, Any]) -> _Parts | None:
    """Return what SQS gives, as an event or as `aws sqs receive-message` does."""
    found = {name.lower(): value for name, value in record.items()}
    attributes = found.get("attributes")
    if not {"messageid", "receipthandle", "body"} <= found.keys():
        return None
    beside = attributes if isinstance(attributes, dict) else {}
    body = _loaded(found["body"])
    inside = _of_notification(body) if isinstance(body, dict) else None
    value = found["body"] if inside is None else inside[2]
    return beside.get("SentTimestamp"), beside.get("MessageGroupId"), value


def _of_notification(record: dict[str, Any]) -> _Parts | None:
    """Return what SNS gives, as an event or as it posts it."""
    inner = record.get("Sns", record)
    if not isinstance(inner, dict) or not {"TopicArn", "Message", "MessageId"} <= inner.keys():
        return None
    return inner.get("Timestamp"), None, inner["Message"]


def _of_table(record: dict[str, Any]) -> _Parts | None:
    """Return what a stream of DynamoDB gives: the item as it is now; null where it was removed."""
    inner = record.get("dynamodb")
    if not isinstance(inner, dict) or "Keys" not in inner:
        return None
    keys = without_types(inner["Keys"])
    removed = record.get("eventName") == "REMOVE"
    value = None if removed else without_types(inner.get("NewImage", inner["Keys"]))
    key = json.dumps(keys) if isinstance(keys, dict) and len(keys) > 1 else _only(keys)
    return inner.get("ApproximateCreationDateTime"), key, value


def _only(keys: object) -> str | None:
    return str(next(iter(keys.values()))) if isinstance(keys, dict) and keys else None


def _loaded(text: object) -> object:
    try:
        return json.loads(text) if isinstance(text, str) else None
    except (ValueError, RecursionError):
        return None


def _in_ms(arrival: object) -> object:
    """Return a time in ms; a text, which says itself what it is, as it stands."""
    number = int(arrival) if isinstance(arrival, str) and arrival.isdecimal() else arrival
    if not isinstance(number, int | float):
        return number
    unit = next((1000**k for k in range(3) if abs(number) < 1e11 * 1000**k), 1000**3)
    return round(number * 1000 / unit)
