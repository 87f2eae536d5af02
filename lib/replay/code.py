"""What the code to paste has in common. `make oracles` compiles and runs every program."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal

from lib.core.columns import HEADER, KEY
from lib.core.times.forms import FORMS
from lib.core.times.patterns import WRITTEN, YEAR_FIRST
from lib.core.times.zones import WHATEVER_IS_WRITTEN
from lib.events.fields import FROM_PARTITION, RECORD_TIMESTAMP

if TYPE_CHECKING:
    from collections.abc import Mapping

    from lib.core.times.forms import FormName
    from lib.events.fields import Fields

_MOST_DOTS: Final = 4
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
        The zone of times that name none, as `TimeField` has it. None: UTC.
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

    @property
    def clock(self) -> str:
        """The zone on whose clocks times without one are."""
        return (self.zone or "UTC").removesuffix(WHATEVER_IS_WRITTEN)

    @property
    def is_all_local(self) -> bool:
        """Whether every time is on those clocks, and not only one that names no zone.

        As `read_times` takes it: any number counts local time where a zone is chosen.
        """
        chosen = self.zone is not None and self.clock != "UTC" and self.time is not None
        is_number = FORMS[self.form].unit_ms is not None
        return chosen and (is_number or str(self.zone).endswith(WHATEVER_IS_WRITTEN))

    def paths(self, source: str) -> list[list[str]]:
        """Return the ways to a field of the value, by which it is looked for in turn.

        A dot is between an object and its field, or of a name itself: nothing tells which but the
        record. Nested ones come first, as Skewline has it where a record has both. Names in Avro
        have no dots, and none of the fifth and later is taken for a name's.
        """
        first, *others = source.split(".")
        paths = [[first]]
        for number, name in enumerate(others):
            nested = [[*path, name] for path in paths]
            is_plain = self.avro is not None or number >= _MOST_DOTS
            joined = [] if is_plain else [[*path[:-1], f"{path[-1]}.{name}"] for path in paths]
            paths = nested + joined
        return [path for path in paths if all(path)] or [[source]]


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


def patterns_of(form: FormName) -> tuple[str, ...]:
    """Return the regular expressions that texts of a form are read by, in Python's syntax."""
    patterns = WRITTEN[form]
    if form == "mongo_date":
        inside = (rf'^\{{\s*"\$date"\s*:\s*"{pattern[1:-1]}"\s*\}}$' for pattern in YEAR_FIRST)
        patterns = (*inside, *patterns)
    return tuple(re.sub(r"\\x\{(\w+)\}", _escaped, pattern) for pattern in patterns)


def _escaped(found: re.Match[str]) -> str:
    return f"\\u{int(found[1], 16):04x}"


def has_parts(form: FormName) -> bool:
    """Return whether texts of a form hold the parts of a date and a clock."""
    return any("?P<year>" in pattern for pattern in patterns_of(form))


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
    remark
        What it reads otherwise than Skewline, as a sentence; empty: nothing.
    """

    title: str
    language: str
    text: str
    remark: str = ""


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
