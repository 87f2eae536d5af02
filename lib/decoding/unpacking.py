"""What values are packed in before a decoder can read them, an entry each in `PACKINGS`.

| packing | what it makes of a value |
|---|---|
| gzip, zlib, zstd, snappy | what is compressed, bounded (`lib.decoding.compressed`) |
| BOM or NUL | the JSON behind a byte order mark, or before trailing NULs |
| JSON text | the JSON that is written as a text in JSON |
| JSON array | its elements, each a value of its own |
| several JSON | objects one behind the other, or one a line, each a value of its own |
| events in a field | the object once for each element of the array in its field |
| MessagePack, Python, key=value | the same as JSON (`lib.sources.files.notations`) |
| DynamoDB | the object without the types of DynamoDB's attributes |
| Connect | the payload, of JSON written without line breaks |

Each leaves a value that is not packed in it as it is.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from lib.core.times.recognition import recognise_unit
from lib.decoding.compressed import UnpackError, gunzip, unsnappy, unzlib, unzstd
from lib.decoding.json_arrays import NO_ARRAY, NOT_OF_EVENTS, element_counts, elements
from lib.decoding.json_value import parse_object
from lib.decoding.merge import as_text
from lib.decoding.message_pack import json_of
from lib.decoding.slots import Values
from lib.sources.files.json_text import members, places_of_members, unquoted
from lib.sources.files.notations import of_attributes, of_pairs, of_python

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence

    from numpy.typing import NDArray

MAX_BLOCK_BYTES: Final = 512 << 20
MAX_BLOCK_EVENTS: Final = 4 << 20
SHARE: Final = 0.1
"""A topic is packed so where at least so many of its first values are."""

MAX_LAYERS: Final = 6

TOO_MANY_BYTES: Final = f"more than {MAX_BLOCK_BYTES >> 20} MB in one block when unpacked"
TOO_MANY_EVENTS: Final = f"more than {MAX_BLOCK_EVENTS:,} events in one block"
NOT_AN_ARRAY_OF_EVENTS: Final = "not a JSON array of objects"
NO_EVENTS: Final = "an array without events"

CONNECT: Final = "Connect"
EVENTS_IN_FIELD: Final = "events in a field"
"""Layers that are more than an entry in `PACKINGS`."""

LOOKED_AT: Final = 64
"""Values, texts of a field, or events that are looked at."""

_OF_TIME: Final = re.compile(r"(?i)time|date|stamp|^ts|ts$|(?:^|_)at$|(?-i:At)$|^t$|when")
_CONNECT: Final = ("schema", "payload")
_CONNECT_ALONE: Final = len('{"schema":,"payload":}') + len(',"":1')
"""As many bytes beside the two members' values leave room for a third member."""

_BOM: Final = b"\xef\xbb\xbf"
_JSON_BEGINS: Final = (b"{", b"[", b'"')
_A_TEXT: Final = r'(?s)^[ \t\r\n]*"(?:[^"\\]|\\.)*"[ \t\r\n]*$'
_HOLDS_JSON: Final = r'(?s)^[ \t\r\n]*(?:[\[{"]|\xEF\xBB\xBF)'


@dataclass(frozen=True)
class Unpacked:
    """What is in values.

    Attributes
    ----------
    values
        Bytes without nulls.
    rows
        int64, rising: of which value each was a part. One that is several is there as often.
    reasons
        Why a value could not be unpacked, by its position.
    packed
        How many values were packed so.
    """

    values: pa.BinaryArray
    rows: NDArray[np.int64]
    reasons: dict[int, str]
    packed: int


@dataclass(frozen=True)
class Packing:
    """What values can be packed in.

    Attributes
    ----------
    layer
        What it is called where it can be chosen.
    named
        What the format of what is in it is called with it.
    unpack
        Returns what is in values.
    several
        Whether a value holds several.
    """

    layer: str
    named: Callable[[str], str]
    unpack: Callable[[pa.BinaryArray], Unpacked]
    several: bool = False


def unpack(values: pa.BinaryArray, packings: tuple[Packing, ...]) -> Unpacked:
    """Return what is in values that are packed in all of `packings`, the outermost first."""
    rows, reasons = np.arange(len(values)), dict[int, str]()
    for packing in packings:
        found = packing.unpack(values)
        reasons |= {int(rows[row]): reason for row, reason in found.reasons.items()}
        values, rows = found.values, rows[found.rows]
    return Unpacked(values, rows, reasons, len(rows))


def recognise(values: pa.BinaryArray, chosen: Collection[str] | None = None) -> tuple[Packing, ...]:
    """Return in what values are packed, the outermost first, from some of them.

    Parameters
    ----------
    chosen
        The only layers that count: then one value that is packed so is enough.
    """
    found: list[Packing] = []
    while len(values) and len(found) < MAX_LAYERS:
        known = [p for p in PACKINGS if chosen is None or p.layer in chosen]
        known += _events_in_field(values, chosen)
        tried = ((packing, packing.unpack(values)) for packing in known)
        least = SHARE * len(values) if chosen is None else 1
        fit = next(((p, u) for p, u in tried if u.packed >= least), None)
        if fit is None:
            break
        found.append(fit[0])
        values = fit[1].values[: len(values)]
    return tuple(found)


def _each(
    one: Callable[[bytes], bytes | None], values: pa.BinaryArray, *, marked: bool = True
) -> Unpacked:
    """Unpack value by value: `one` returns None for one that is not packed so.

    A damaged one shows what it was packed in only where the packing marks its beginning.
    """
    found, rows, reasons, packed = [], [], dict[int, str](), 0
    room = max(MAX_BLOCK_BYTES, values.nbytes)
    for row, value in enumerate(values.to_pylist()):
        try:
            inner = one(value)
        except UnpackError as error:
            reasons[row] = str(error)
            packed += marked
            continue
        packed += inner is not None
        inner = value if inner is None else inner
        if len(inner) > room:
            reasons[row] = TOO_MANY_BYTES
            continue
        room -= len(inner)
        found.append(inner)
        rows.append(row)
    return Unpacked(pa.array(found, pa.binary()), np.array(rows, np.int64), reasons, packed)


def _without_padding(value: bytes) -> bytes | None:
    bare = value.removeprefix(_BOM).rstrip(b"\0")
    return bare if len(bare) < len(value) and bare.lstrip().startswith(_JSON_BEGINS) else None


def _texts(values: pa.BinaryArray) -> Unpacked:
    """Return the JSON that JSON texts hold; a text that holds none stays as it is."""
    rows = np.arange(len(values))
    quoted = pc.match_substring_regex(values, _A_TEXT)
    inner, _ = unquoted(_trimmed(values.filter(quoted)))
    holds = pc.fill_null(pc.match_substring_regex(inner, _HOLDS_JSON), False)
    mask = np.array(quoted.to_numpy(zero_copy_only=False))
    mask[mask] = holds.to_numpy(zero_copy_only=False)
    found = pc.replace_with_mask(values, pa.array(mask), inner.filter(holds))
    return Unpacked(found, rows, {}, int(mask.sum()))


def _trimmed(values: pa.BinaryArray) -> pa.BinaryArray:
    as_text = pc.cast(values, options=pc.CastOptions(pa.string(), allow_invalid_utf8=True))
    return pc.ascii_trim(as_text, " \t\r\n").cast(pa.binary())


def _elements(values: pa.BinaryArray, *, in_arrays: bool) -> Unpacked:
    """Return what values hold that hold several; what holds one stays as it is."""
    every = Values.of(values)
    counts = element_counts(every, in_arrays=in_arrays)
    reasons = dict.fromkeys(
        np.flatnonzero(counts == NOT_OF_EVENTS).tolist(), NOT_AN_ARRAY_OF_EVENTS
    )
    reasons |= dict.fromkeys(np.flatnonzero(counts == 0).tolist(), NO_EVENTS)
    sizes = np.where(counts == NO_ARRAY, 1, np.maximum(counts, 0))
    many = (np.cumsum(sizes) > MAX_BLOCK_EVENTS) & (sizes > 1)
    reasons |= dict.fromkeys(np.flatnonzero(many).tolist(), TOO_MANY_EVENTS)
    sizes[many] = 0
    rows = np.repeat(np.arange(len(sizes)), sizes)
    starts, stops = every.starts[rows], every.stops[rows]
    arrays = np.flatnonzero((counts > 0) & (sizes > 0))
    cut = elements(every.take(arrays), counts[arrays], in_arrays=in_arrays)
    is_element = counts[rows] > 0
    starts[is_element], stops[is_element] = cut.starts, cut.stops
    found = Values(every.data, starts, stops).to_arrow()
    return Unpacked(found, rows, reasons, int((counts > 0).sum()))


def _events_in_field(values: pa.BinaryArray, chosen: Collection[str] | None) -> list[Packing]:
    """Return the field whose array holds the events of half of some values; nothing if none does.

    Unless it is chosen, it makes up most of its value, and what it holds has a time.
    """
    if chosen is not None and EVENTS_IN_FIELD not in chosen:
        return []
    objects = [(value, parse_object(value)[0]) for value in values[:LOOKED_AT].to_pylist()]
    inside = [
        (name, inner)
        for value, found in objects
        for name, inner in (found or {}).items()
        if _is_batch(inner) and (chosen or len(json.dumps(inner)) * 2 > len(value))
    ]
    for name, count in Counter(name for name, _ in inside).most_common(1):
        events = [event for n, inner in inside if n == name for event in inner]
        if chosen or (count * 2 >= len(objects) and _have_a_time(events[:LOOKED_AT])):
            in_this = partial(_in_field, name=name)
            return [
                Packing(EVENTS_IN_FIELD, f"{{}} → events in {name}".format, in_this, several=True)
            ]
    return []


def _is_batch(inner: object) -> bool:
    return isinstance(inner, list) and bool(inner) and all(isinstance(e, dict) for e in inner)


def _have_a_time(events: Sequence[Mapping[str, Any]]) -> bool:
    names = {name for event in events for name in event if _OF_TIME.search(name)}
    columns = ([event.get(name) for event in events] for name in names)
    return any(recognise_unit(pa.array(map(as_text, c), pa.string())) for c in columns)


def _in_field(values: pa.BinaryArray, name: str) -> Unpacked:
    """Return each object once for each element of the array in a field, which it then has there."""
    every = Values.of(values)
    (begins,), (ends,), _ = places_of_members(values, [name])
    arrays = Values(every.data, np.maximum(begins, 0), np.maximum(ends, 0))
    counts = element_counts(arrays)
    sizes = np.where(counts > 0, counts, 1)
    room = np.cumsum(sizes * (every.stops - every.starts))
    many = (sizes > 1) & ((room > MAX_BLOCK_BYTES) | (np.cumsum(sizes) > MAX_BLOCK_EVENTS))
    sizes[many] = 0
    rows = np.repeat(np.arange(len(sizes)), sizes)
    there = (counts > 0) & ~many
    of = rows[there[rows]]
    before = Values(every.data, every.starts[of], begins[of]).to_arrow()
    behind = Values(every.data, ends[of], every.stops[of]).to_arrow()
    inner = elements(arrays.take(there), counts[there]).to_arrow()
    one_each = pc.binary_join_element_wise(before, inner, behind, b"")
    whole = Values(every.data, every.starts[rows], every.stops[rows]).to_arrow()
    found = pc.replace_with_mask(whole, pa.array(there[rows]), one_each)
    reasons = dict.fromkeys(np.flatnonzero(many).tolist(), TOO_MANY_BYTES)
    return Unpacked(found, rows, reasons, int(there.sum()))


def _payloads(values: pa.BinaryArray) -> Unpacked:
    """Return the payloads of Connect's envelopes; cut here, its schema is never parsed."""
    (schema, payload), _ = members(values, _CONNECT)
    sizes = (pc.fill_null(pc.binary_length(part), 0) for part in (values, schema, payload))
    whole, *parts = (size.to_numpy() for size in sizes)
    alone = whole - sum(parts) < _CONNECT_ALONE
    is_one = (
        alone & _begins(schema, (b"{", b"null")) & payload.is_valid().to_numpy(zero_copy_only=False)
    )
    found = pc.if_else(pa.array(is_one), payload, values)
    packed = is_one & _begins(schema, (b"{",)) & _begins(payload, _JSON_BEGINS)
    return Unpacked(found, np.arange(len(values)), {}, int(packed.sum()))


def _begins(values: pa.BinaryArray, marks: tuple[bytes, ...]) -> NDArray[np.bool_]:
    found = np.zeros(len(values), np.bool_)
    for mark in marks:
        begins = pc.fill_null(pc.starts_with(values, mark), False)
        found |= begins.to_numpy(zero_copy_only=False)
    return found


def _instead_of_json(form: str) -> Callable[[str], str]:
    return lambda inner: inner.replace("JSON", form)


PACKINGS: Final[tuple[Packing, ...]] = (
    Packing("gzip", "gzip → {}".format, partial(_each, gunzip)),
    Packing("zlib", "zlib → {}".format, partial(_each, unzlib)),
    Packing("zstd", "zstd → {}".format, partial(_each, unzstd)),
    Packing("snappy", "snappy → {}".format, partial(_each, unsnappy)),
    Packing("BOM or NUL", "BOM or NUL → {}".format, partial(_each, _without_padding)),
    Packing("JSON text", "JSON text in {}".format, _texts),
    Packing("arrays", "arrays of {}".format, partial(_elements, in_arrays=True), several=True),
    Packing("several", "several {}".format, partial(_elements, in_arrays=False), several=True),
    Packing("MessagePack", _instead_of_json("MessagePack"), partial(_each, json_of, marked=False)),
    Packing("Python", _instead_of_json("Python"), partial(_each, of_python)),
    Packing("key=value", _instead_of_json("key=value"), partial(_each, of_pairs)),
    Packing("DynamoDB", "{} → DynamoDB".format, partial(_each, of_attributes)),
    Packing(CONNECT, "{} → Connect".format, _payloads),
)
"""In the order in which they are tried; `EVENTS_IN_FIELD` comes behind them."""
