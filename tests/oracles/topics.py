"""A sample of events, written to a topic in each of several ways, and what a page makes of it."""

from __future__ import annotations

import io
import json
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta, timezone

import fastavro
import numpy as np

from lib.replay.code import Names
from lib.replay.engine import replay
from lib.replay.input import replay_input
from lib.replay.windows import NO_INDEX
from tests.support.broker import Record

# Client, event time since the first in ms, partition, in the order in which they are written.
# Sessions are joined, bridged and split, and some events are late for every engine.
SAMPLE = [
    ("a", 0, 0),
    ("b", 100, 1),
    ("c", 200, 2),
    ("a", 10_000, 0),
    ("b", 45_000, 1),
    ("c", 46_000, 2),
    ("a", 47_100, 0),
    ("b", 5_000, 1),
    ("a", 62_000, 0),
    ("c", 61_000, 2),
    ("a", 30_500, 0),
    ("b", 110_000, 1),
    ("c", 120_000, 2),
    ("a", 130_000, 0),
    ("c", 90_000, 2),
    ("b", 300_000, 1),
    ("c", 300_100, 2),
    ("a", 300_200, 0),
]
SCHEMA = {
    "type": "record",
    "name": "Event",
    "namespace": "skewline.test",
    "fields": [
        {"name": "meta", "type": {"type": "record", "name": "Meta", "fields": [
            {"name": "client", "type": ["null", "string"]},
            {"name": "at", "type": {"type": "long", "logicalType": "timestamp-millis"}},
        ]}},
        {"name": "n", "type": "int"},
    ],
}  # fmt: skip


@dataclass(frozen=True)
class Mapping:
    """How events are written; a client of it begins with its name."""

    name: str
    names: Names

    def record(self, client, ms, partition):
        """An event as a record."""
        client = f"{self.name}-{client}"
        moment = datetime.fromtimestamp(ms / 1000, UTC)
        value, headers, key, timestamp = {"n": 1}, [], None, None
        match self.name:
            case "nested":
                at = moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
                value["Data"] = {"Client": client, "At": at}
            case "header":
                value["ts"] = ms / 1000
                headers = [("client", client.encode())]
            case "key":
                key = client.encode()
                headers = [("time", str(ms * 1000 + 7).encode())]
            case "avro":
                return Record(avro_value(client, ms), partition=partition)
            case "bare":
                timestamp = ms
            case "compact":
                value["when"] = moment.strftime("%Y%m%d%H%M%S") + f"{ms % 1000:03}"
            case _:
                value |= both(self.name, client, ms)
        return Record(json.dumps(value).encode(), key, partition, timestamp, tuple(headers))

    def no_events(self, ms):
        """Records that a program has to leave out: without the key, or a time."""
        values = {
            "plain": [{"ClientID": None, "Timestamp": ms}, {"ClientID": "x", "Timestamp": "n/a"}],
            "dots": [{"device.id": "x", "x": {"event.time": "n/a"}}, {"device.id": None}],
            "header": [{"ts": ms / 1000}],
            "nested": [{"Data": {"Client": None}}, {"Data": "x"}, {"Data": {"Client": "x"}}],
        }
        return [Record(json.dumps(value).encode()) for value in values.get(self.name, ())]

    def key_of(self, client, partition):
        """What the event is grouped by, as text."""
        whole = {None: "all", "@partition": str(partition)}
        return whole.get(self.names.key, f"{self.name}-{client}")


def mappings(topic, servers, registry):
    """Every way to write, each to a topic of its own."""
    found = {
        "plain": Names(topic),
        "nested": Names(topic, "Data.Client", "Data.At", "iso"),
        "header": Names(topic, "@header:client", "ts", "s"),
        "key": Names(topic, "@key", "@header:time", "us"),
        "avro": Names(topic, "meta.client", "meta.at", avro=json.dumps(SCHEMA)),
        "bare": Names(topic, None, None),
        "odd": Names(topic, "Client`ID'", 'Time"$stamp'),
        "ticks": Names(topic, "who", "when", "dotnet_ticks"),
        "compact": Names(topic, "@partition", "when", "compact"),
        "dots": Names(topic, "device.id", "x.event.time", "iso", "Asia/Tokyo"),
        "days": Names(topic, "client", "event_time", "excel_days"),
    }
    return [
        Mapping(name, replace(names, topic=f"{topic}-{name}", servers=servers, registry=registry))
        for name, names in found.items()
    ]


def both(name, client, ms):
    """The fields of client and time where both are in the value."""
    match name:
        case "odd":
            return {"Client`ID'": client, 'Time"$stamp': ms}
        case "ticks":
            return {"who": client, "when": ms * 10_000 + 621_355_968_000_000_000}
        case "dots":
            return {"device.id": client, "x": {"event.time": written_abroad(ms)}}
        case "days":
            return {"client": client, "event_time": f"{ms / 86_400_000 + 25_569:.15f}"}
    return {"ClientID": client, "Timestamp": ms}


def written_abroad(ms):
    """A time in ISO 8601, with an offset or none, as in Tokyo, and as few digits as it needs."""
    kind = ms // 100 % 4
    moment = datetime.fromtimestamp(ms / 1000, timezone(timedelta(hours=(9, -3, 0, 9)[kind])))
    text = moment.strftime("%Y-%m-%d %H:%M:%S") + f".{ms % 1000:03}".rstrip("0").rstrip(".")
    return text + ("", moment.strftime("%z"), "Z", "+09")[kind]


def avro_value(client, ms):
    """A value as Confluent's serializer writes it."""
    written = io.BytesIO(b"\0\0\0\0\x01")
    written.seek(5)
    event = {"meta": {"client": client, "at": ms}, "n": 1}
    fastavro.schemaless_writer(written, fastavro.parse_schema(SCHEMA), event)
    return written.getvalue()


def windows_shown(mapping, setting, begin_ms, pace_ms):
    """The final results that a page shows: key, start, end and count of each."""
    keys = [mapping.key_of(client, partition) for client, _, partition in SAMPLE]
    texts = sorted(set(keys))
    events = replay_input(
        np.array([begin_ms + ms for _, ms, _ in SAMPLE]),
        np.array([texts.index(key) for key in keys]),
        np.array([partition for *_, partition in SAMPLE]),
        np.arange(len(SAMPLE)) * pace_ms + begin_ms + 600_000,
        texts,
    )
    found = replay(events, setting)
    columns = (found.key, found.start, found.end, found.count)
    rows = zip(*(column[found.closed_at != NO_INDEX].tolist() for column in columns), strict=True)
    return sorted((texts[key], start, end, count) for key, start, end, count in rows)
