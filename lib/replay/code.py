"""What the code to paste has in common. `make oracles` compiles and runs every program."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal

from lib.core.columns import HEADER, KEY
from lib.events.fields import FROM_PARTITION, RECORD_TIMESTAMP

if TYPE_CHECKING:
    from collections.abc import Mapping

    from lib.core.times.forms import FormName
    from lib.events.fields import Fields

GPS_LEAP_MS: Final = 18_000
"""How far GPS time, which has no leap seconds, is ahead of UTC since 2017."""

Place = Literal["value", "header", "key", "partition", "timestamp", "nothing"]


@dataclass(frozen=True)
class Names:
    """What a topic and its fields are called.

    Attributes
    ----------
    topic
        The Kafka topic.
    key
        What to group by: a field of the value, nested ones with dots; `@key`, `@header:NAME`,
        `@partition`; or None: nothing, all events are one key's.
    time
        The event time, likewise. None: the record's timestamp.
    form
        How the event time is written.
    zone
        The zone of times that name none. None: UTC.
    avro
        The schema of the values, as JSON, where they are Avro as Confluent's serializer writes it:
        behind five bytes. None: the values are JSON objects.
    servers
        `bootstrap.servers`.
    registry
        The schema registry, for Avro.
    """

    topic: str
    key: str | None = "ClientID"
    time: str | None = "Timestamp"
    form: FormName = "ms"
    zone: str | None = None
    avro: str | None = None
    servers: str = "localhost:9092"
    registry: str = "http://localhost:8081"

    @property
    def key_place(self) -> Place:
        """Where the key is in a record."""
        return "nothing" if self.key is None else _place(self.key)

    @property
    def time_place(self) -> Place:
        """Where the event time is in a record."""
        return "timestamp" if self.time is None else _place(self.time)


def names_of(
    topic: str, fields: Fields, forms: Mapping[str, FormName], *, avro: str | None = None
) -> Names:
    """Return the names of a topic whose fields are recognised or chosen.

    A program reads the first field of the event time. `forms` are those recognised, per field.
    """
    event = fields.event_time
    source = next(iter(event.sources), RECORD_TIMESTAMP)
    return Names(
        topic,
        key=fields.client,
        time=None if source == RECORD_TIMESTAMP else source,
        form=event.form or forms.get(source, "ms"),
        zone=event.zone,
        avro=avro,
    )


def _place(source: str) -> Place:
    if source.startswith(HEADER):
        return "header"
    return {KEY: "key", FROM_PARTITION: "partition"}.get(source, "value")  # type: ignore[return-value]


def path_of(source: str) -> list[str]:
    """Return the steps to a field, or the name of a header."""
    if source.startswith(HEADER):
        return [source.removeprefix(HEADER)]
    return source.split(".")


@dataclass(frozen=True)
class Program:
    """A program to paste.

    Attributes
    ----------
    title
        What it is written in or for, as a heading.
    language
        The name by which a highlighter of syntax knows it: `sql`, `java`, `python`.
    text
        The program.
    """

    title: str
    language: str
    text: str


def plain_schema(avro: str) -> str:
    """Return an Avro schema without its logical types: times are numbers then, as written."""

    def plain(part: object) -> object:
        if isinstance(part, dict):
            return {k: plain(v) for k, v in part.items() if k != "logicalType"}
        return [plain(each) for each in part] if isinstance(part, list) else part

    return json.dumps(plain(json.loads(avro)))


def java_text(text: str) -> str:
    """Return a text as Java's string literal, which JSON's is."""
    return json.dumps(text)


def sql_name(name: str) -> str:
    """Return a name in backticks, as Flink SQL has it."""
    return "`" + name.replace("`", "``") + "`"


def sql_text(text: str) -> str:
    """Return a text as SQL's string literal."""
    return "'" + text.replace("'", "''") + "'"
