"""Envelopes: records as objects or rows that have partition, offset, timestamp, key and value.

What kcat -J, rpk, kaf, REST Proxy, Spark and the exports of Kafka's user interfaces have in common,
though each has names of its own. Whatever stands in an envelope's timestamp is the record
timestamp: the received time, never the event time.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from lib.sources.files.codings import coding_of, decoded, decoded_text, looks_coded, of_base64
from lib.sources.files.json_text import members, unquoted
from lib.sources.files.places import Places

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from numpy.typing import NDArray

    from lib.sources.files.codings import Decode

    _Reason = Callable[[bytes], str | None]

NAMES: Final = {
    "topic": ("topic", "topicname"),
    "partition": ("partition", "partitionid", "rowpartition"),
    "offset": ("offset", "recordoffset", "partitionoffset", "rowoffset"),
    "timestamp": (
        *("timestampms", "timestamp", "ts", "createtime", "logappendtime", "messagetimestamp"),
        *("recordtimestamp", "rowtime", "datetime", "time", "date"),
    ),
    "timestamp_type": ("timestamptype", "tstype"),
    "key": ("key", "keycontent", "messagekey", "recordkey"),
    "value": (
        *("value", "payload", "message", "content", "valuecontent", "messagevalue", "body"),
        *("rawmessage",),
    ),
    "headers": ("headers", "header", "messageheaders", "recordheaders"),
}
"""What is in an envelope → its names in tools, without case and punctuation, the best first."""

_BESIDE: Final = frozenset(
    (
        *("broker", "keysize", "valuesize", "headerssize", "size", "leader"),
        *("leaderepoch", "compression", "iscompressed", "istransactional", "attributes", "epoch"),
        *("keyserde", "valueserde", "keyserdeproperties", "valueserdeproperties", "serializer"),
        *("keydeserializeproperties", "valuedeserializeproperties", "deserializer", "schemaid"),
        *("keyschemaid", "valueschemaid", "keyformat", "valueformat", "truncated", "exceptions"),
        *("messageformat", "producerid", "producerepoch", "delivery", "cluster", "truncate"),
        *("serializedkeysize", "serializedvaluesize", "keytype", "valuetype", "headersize"),
        *("o", "p"),  # of a partition and an offset, where nothing is there but a record
        *("clusterid", "partitionkey", "uncompressedsize", "isvaluenull", "iskeynull", "msgtype"),
        *("magicbyte", "iscontrolrecord", "batchcontext"),  # of a message of KafkaJS
    )
)
"""What else tools write into envelopes, likewise without case and punctuation."""

_OF_KAFKA: Final = "kafka"
"""What names may begin with beside a record, but not in one: Skewline's own columns do."""

NOT_WHOLE: Final = "not a whole JSON object"
NO_VALUE: Final = "no value beside its place in the topic"
BAD_TEXT: Final = "a text that JSON does not allow"

_SAMPLE: Final = 64
_NO_PART: Final = b"{}"


@dataclass(frozen=True)
class Envelope:
    """Which fields are what.

    Attributes
    ----------
    names
        A column of `RECORDS` → the name of its field, with a dot where it is in `within`.
    within
        The field whose object has the place of the record, as `metadata` in exports of Lenses; "".
    """

    names: dict[str, str]
    within: str = ""

    @property
    def value(self) -> str:
        """The field that holds the record's value."""
        return self.names["value"]

    def places(self, row: int = 0) -> Places:
        """Return what reads all but the value."""
        return Places({role: n for role, n in self.names.items() if role != "value"}, row)


def envelope_of(names: Sequence[str], values: Sequence[Any] = ()) -> Envelope | None:
    """Return which of an object's or a table's fields are what; None if it is no envelope.

    A partition and an offset beside a value make an envelope. With less than that, nothing else
    may be beside them than what tools write, and the values must look like JSON.

    Parameters
    ----------
    values
        Some of what the field that would be the value holds.
    """
    found = _roles(names)
    if "value" not in found:
        return None
    if "partition" in found and "offset" in found:
        return Envelope(found)
    plain = {_plain(name) for name in names}
    only = _are_of_tools(plain)
    return Envelope(found) if only and len(found) > 1 and _look_like_json(values) else None


def _is_place_alone(names: Sequence[str]) -> bool:
    """Return whether an object is all that tools write beside a record, without its value."""
    roles = _roles(names)
    return (
        {"topic", "partition", "offset", "timestamp"} <= roles.keys()
        and "value" not in roles
        and _are_of_tools(map(_plain, names))
    )


def _are_of_tools(plain: Iterable[str]) -> bool:
    return all(name in _BESIDE or any(name in known for known in NAMES.values()) for name in plain)


def _roles(names: Sequence[str], prefix: str = "") -> dict[str, str]:
    plain = {name: _plain(name).removeprefix(prefix) for name in names}
    found = {}
    for role, known in NAMES.items():
        fitting = [name for name in names if plain[name] in known]
        if fitting:
            found[role] = min(fitting, key=lambda name: known.index(plain[name]))
    return found


def value_name(names: Sequence[str]) -> str | None:
    """Return the field that would be the value if this is an envelope."""
    return _roles(names).get("value")


def _plain(name: str) -> str:
    return re.sub(r"[^a-z0-9]", "", name.lower())


def _look_like_json(values: Sequence[Any]) -> bool:
    alike = [value for value in values if value is not None]
    return sum(map(_looks_like_json, alike)) * 2 >= len(alike) > 0


def _looks_like_json(value: object) -> bool:
    if isinstance(value, dict):
        return True
    text = value.encode("utf-8", "replace") if isinstance(value, str) else value
    return isinstance(text, bytes) and (looks_coded(text) or looks_coded(of_base64(text) or b""))


# Objects


def envelope_in(objects: Sequence[bytes]) -> Envelope | None:
    """Return the envelope that most of some JSON objects are; None if they are none."""
    read = [found for found in map(_loaded, objects[:_SAMPLE]) if found is not None]
    if not read:
        return None
    names = max(map(list, read), key=len)
    nested = _nested_in(read, names)
    if nested is not None:
        return nested
    if _is_place_alone(names):
        return Envelope(_roles(names) | {"value": "value"})
    value = value_name(names)
    envelope = envelope_of(names, [each.get(value) for each in read] if value else ())
    if envelope is None:
        return None
    having = sum(envelope.value in each for each in read)
    return envelope if having * 2 > len(read) else None


def _nested_in(read: Sequence[dict[str, Any]], names: Sequence[str]) -> Envelope | None:
    """Return the envelope whose partition and offset are a level deeper; None if there is none."""
    outer = _roles(names)
    for name in () if {"partition", "offset"} <= outer.keys() else names:
        inside = [each[name] for each in read if isinstance(each.get(name), dict)]
        if len(inside) * 2 <= len(read):
            continue
        inner = {
            role: f"{name}.{found}"
            for role, found in _roles(max(map(list, inside), key=len), _OF_KAFKA).items()
        }
        if outer.get("value", name) != name:
            inner.pop("value", None)
        roles = outer | inner
        if "offset" in inner and "partition" in roles and roles.get("value", name) != name:
            value = roles["value"].removeprefix(f"{name}.")
            holders = read if value == roles["value"] else inside
            if _look_like_json([each.get(value) for each in holders]):
                return Envelope(roles, name)
    return None


def _loaded(text: bytes) -> dict[str, Any] | None:
    try:
        found = json.loads(text.decode("utf-8", "surrogateescape"))
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None


@dataclass
class Unpacking:
    """Takes JSON objects out of their envelopes, block by block."""

    envelope: Envelope
    places: Places
    coding: Decode | None = None
    begun: bool = False

    def blocks(self, objects: pa.BinaryArray, reason: _Reason) -> Iterator[pa.RecordBatch]:
        """Yield the records that objects hold.

        Parameters
        ----------
        reason
            Says of what is no object why it is none.
        """
        names = self.envelope.names
        columns, whole = self._written(objects)
        reasons = _reasons(objects, whole, columns[self.envelope.value], reason)
        for role, name in names.items():
            if role in ("headers", "value"):
                continue
            columns[name], bad = unquoted(_inner(columns[name]))
            reasons = _with_bad_text(reasons, bad)
        values, bad = unquoted(_inner(columns.pop(self.envelope.value)))
        reasons = _with_bad_text(reasons, bad)
        if not self.begun:
            self.coding, self.begun = coding_of(values), True
        if self.coding is not None:
            values = decoded(values, self.coding)
            if "key" in names:
                columns[names["key"]] = decoded_text(columns[names["key"]], self.coding)
        yield from self.places.blocks(values, columns, reasons, objects)

    def _written(self, objects: pa.BinaryArray) -> tuple[dict[str, pa.Array], NDArray[np.bool_]]:
        """Return the fields as they are written, and which objects are whole."""
        within = self.envelope.within
        begin = f"{within}."
        names = list(self.envelope.names.values())
        nested = [name for name in names if within and name.startswith(begin)]
        outer = [name for name in names if name not in nested]
        written, whole = members(objects, [*outer, within])
        columns = dict(zip(outer, written, strict=False))
        if nested:
            inner, _ = members(
                pc.fill_null(written[-1], _NO_PART), [name.removeprefix(begin) for name in nested]
            )
            columns |= dict(zip(nested, inner, strict=True))
        return columns, whole


def _inner(written: pa.BinaryArray) -> pa.BinaryArray:
    """Return what Redpanda Console puts one level deeper, with its encoding beside it."""
    objects = pc.fill_null(pc.starts_with(written, b"{"), False)
    if not pc.any(objects).as_py():
        return written
    (payload, encoding), _ = members(written.filter(objects), ["payload", "encoding"])
    if encoding.null_count:
        return written
    return pc.replace_with_mask(written, objects, payload)


def _reasons(
    objects: pa.BinaryArray,
    whole: NDArray[np.bool_],
    values: pa.BinaryArray,
    reason: _Reason,
) -> pa.StringArray | None:
    bad = np.flatnonzero(~whole | values.is_null().to_numpy(zero_copy_only=False))
    if not len(bad):
        return None
    found: list[str | None] = [None] * len(objects)
    for row in bad.tolist():
        found[row] = NO_VALUE if whole[row] else reason(objects[row].as_py()) or NOT_WHOLE
    return pa.array(found, pa.string())


def _with_bad_text(reasons: pa.StringArray | None, bad: NDArray[np.bool_]) -> pa.StringArray | None:
    if not bad.any():
        return reasons
    if reasons is None:
        reasons = pa.nulls(len(bad), pa.string())
    return pc.if_else(pc.and_(pa.array(bad), reasons.is_null()), BAD_TEXT, reasons)
