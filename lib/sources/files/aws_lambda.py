"""Events with which AWS calls a function on records of MSK, one's own Kafka, Kinesis, Firehose.

Each holds several records, their keys and values in base64.
"""

from __future__ import annotations

import json
from itertools import chain
from typing import TYPE_CHECKING, Any

import pyarrow as pa

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator


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
    if not isinstance(records, list):
        return []
    return [found for found in map(_of_kinesis, records) if found is not None]


def _of_kinesis(record: object) -> dict[str, Any] | None:
    """Return a record of Kinesis in an envelope; None if it is none.

    Kinesis stamps it when it is received. Its sequence number is larger than any offset: without
    one, a record stands at the number of its row.
    """
    if not isinstance(record, dict):
        return None
    inner = record.get("kinesis", record)
    if not isinstance(inner, dict):
        return None
    found = {name.lower(): value for name, value in inner.items()}
    if not {"data", "approximatearrivaltimestamp"} <= found.keys():
        return None
    arrival = found["approximatearrivaltimestamp"]
    shard = str(record.get("eventID", "")).partition(":")[0].rpartition("-")[2]
    return {
        "partition": int(shard) if shard.isdecimal() else 0,
        "timestamp": round(arrival * 1000) if _is_seconds(arrival) else arrival,
        "timestampType": "LogAppendTime",
        "key": found.get("partitionkey"),
        "value": found["data"],
        "topic": "",
    }


def _is_seconds(arrival: object) -> bool:
    return isinstance(arrival, int | float) and abs(arrival) < 1e12
