"""What values are packed in before a decoder can read them, an entry each in `PACKINGS`.

| packing | what it makes of a value |
|---|---|
| gzip, zlib, zstd, snappy | what is compressed, bounded (`lib.decoding.compressed`) |
| BOM or NUL | the JSON behind a byte order mark, or before trailing NULs |
| JSON text | the JSON that is written as a text in JSON |
| JSON array | its elements, each a value of its own |
| several JSON | objects one behind the other, or one a line, each a value of its own |
| events in a field | the object, or row, once for each element of the array in its field |
| MessagePack, Python, key=value | the same as JSON (`lib.sources.files.notations`) |
| DynamoDB | the object without the types of DynamoDB's attributes |
| OpenTelemetry | the object with attributes as members, not as a list of keys and values |
| Elasticsearch | a hit of a search with its fields as they are, not in arrays of one value |
| Connect | the payload, of JSON written without line breaks |

Each leaves a value that is not packed in it as it is.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from lib.decoding.compressed import UnpackError, gunzip, unsnappy, unzlib, unzstd
from lib.decoding.inner_arrays import LOOKED_AT, path_of_events, rows_as_json
from lib.decoding.json_arrays import NO_ARRAY, NOT_OF_EVENTS, element_counts, elements
from lib.decoding.json_value import parse_object
from lib.decoding.message_pack import json_of
from lib.decoding.slots import Values
from lib.sources.files.json_text import members, places_of_members, unquoted
from lib.sources.files.notations import (
    of_attributes,
    of_pairs,
    of_python,
    of_search_hit,
    of_telemetry,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Sequence

    from numpy.typing import NDArray

    from lib.decoding.inner_arrays import Path

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
        Bytes without nulls; structs where they are rows of a table.
    rows
        int64, rising: of which value each was a part. One that is several is there as often.
    reasons
        Why a value could not be unpacked, by its position.
    packed
        How many values were packed so.
    """

    values: pa.Array
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
    path
        The field that holds them, where one does.
    """

    layer: str
    named: Callable[[str], str]
    unpack: Callable[[pa.BinaryArray], Unpacked]
    several: bool = False
    path: Path = ()


def unpack(values: pa.Array, packings: tuple[Packing, ...]) -> Unpacked:
    """Return what is in values that are packed in all of `packings`, the outermost first."""
    rows, reasons = np.arange(len(values)), dict[int, str]()
    for packing in packings:
        found = packing.unpack(values)
        reasons |= {int(rows[row]): reason for row, reason in found.reasons.items()}
        values, rows = found.values, rows[found.rows]
    return Unpacked(values, rows, reasons, len(rows))


def recognise(values: pa.Array, chosen: Collection[str] | None = None) -> tuple[Packing, ...]:
    """Return in what values are packed, the outermost first, from some of them.

    Rows of tables can only have events in a list.

    Parameters
    ----------
    chosen
        The only layers that count: then one value that is packed so is enough.
    """
    found: list[Packing] = []
    of_bytes = () if pa.types.is_struct(values.type) else PACKINGS
    while len(values) and len(found) < MAX_LAYERS:
        known = [p for p in of_bytes if chosen is None or p.layer in chosen]
        known += _events_in_field(values, chosen, found)
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


def _events_in_field(
    values: pa.Array, chosen: Collection[str] | None, opened: Sequence[Packing]
) -> list[Packing]:
    """Return the field whose array holds the events of half of some values; nothing if none does.

    Once one is opened, only what is inside of it: else each event would be there several times.
    """
    if chosen is not None and EVENTS_IN_FIELD not in chosen:
        return []
    inside = next((p.path for p in reversed(opened) if p.path), ())
    is_table = pa.types.is_struct(values.type)
    some = values[:LOOKED_AT]
    objects = (
        rows_as_json(some) if is_table else [parse_object(v)[0] or {} for v in some.to_pylist()]
    )
    path = path_of_events(objects, inside, wanted=chosen is not None and not inside)
    if path is None:
        return []
    where = ".".join(path).replace("{", "{{").replace("}", "}}")
    unpacked = _in_list if is_table else _in_field
    named = f"{{}} → events in {where}".format
    return [Packing(EVENTS_IN_FIELD, named, partial(unpacked, path=path), several=True, path=path)]


def _in_field(values: pa.BinaryArray, path: Path) -> Unpacked:
    """Return each object once for each element of the array in a field, which it then has there."""
    every = Values.of(values)
    begins, ends = _place_of(values, path)
    arrays = Values(every.data, begins, ends)
    counts = element_counts(arrays)
    sizes = np.where(counts > 0, counts, 1)
    around = every.stops - every.starts - (ends - begins)
    many = _too_many(sizes, sizes * around + (ends - begins))
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


def _too_many(
    sizes: NDArray[np.int64], bytes_of: NDArray[np.int64 | np.float64]
) -> NDArray[np.bool_]:
    """Return which values hold more events than one, and more than there is room for in a block."""
    beyond = (np.cumsum(bytes_of) > MAX_BLOCK_BYTES) | (np.cumsum(sizes) > MAX_BLOCK_EVENTS)
    return beyond & (sizes > 1)


def _place_of(values: pa.BinaryArray, path: Path) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return where the members at a path begin and end, in the values' buffer; 0 if lacking."""
    every = Values.of(values)
    begins, ends, objects = every.starts, every.stops, values
    for name in path:
        starts = Values.of(objects).starts
        (first,), (last,), _ = places_of_members(objects, [name])
        there = first >= 0
        ends = np.where(there, begins + last - starts, 0)
        begins = np.where(there, begins + first - starts, 0)
        objects = Values(every.data, begins, ends).to_arrow()
    return begins, ends


def _in_list(values: pa.StructArray, path: Path) -> Unpacked:
    """Return each row of a table once for each element of its list, which it then has there."""
    lists: pa.Array = values
    for name in path:
        lists = lists.flatten()[lists.type.get_field_index(name)]
    counts = pc.fill_null(pc.list_value_length(lists), 0).to_numpy().astype(np.int64)
    sizes = np.maximum(counts, 1)
    around = (values.nbytes - lists.nbytes) / max(1, len(values))
    many = _too_many(sizes, sizes * around)
    sizes[many] = 0
    rows = np.repeat(np.arange(len(sizes)), sizes)
    places = np.arange(len(rows)) - np.searchsorted(rows, rows)
    at = np.cumsum(counts)[rows] - counts[rows] + places
    inner = pc.list_flatten(lists).take(pa.array(at, mask=counts[rows] == 0))
    found = _with_elements(values, path, pa.array(rows), inner)
    reasons = dict.fromkeys(np.flatnonzero(many).tolist(), TOO_MANY_BYTES)
    return Unpacked(found, rows, reasons, int((counts > 0).sum()))


def _with_elements(
    structs: pa.StructArray, path: Path, rows: pa.Array, inner: pa.Array
) -> pa.StructArray:
    """Return structs at rows that may repeat, with elements in place of the list at a path."""
    names = [field.name for field in structs.type]
    columns = [
        column.take(rows)
        if name != path[0]
        else _with_elements(column, path[1:], rows, inner)
        if path[1:]
        else inner
        for name, column in zip(names, structs.flatten(), strict=True)
    ]
    return pa.StructArray.from_arrays(columns, names=names, mask=structs.is_null().take(rows))


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
    Packing("OpenTelemetry", "{} → OpenTelemetry".format, partial(_each, of_telemetry)),
    Packing("Elasticsearch", "{} → Elasticsearch".format, partial(_each, of_search_hit)),
    Packing(CONNECT, "{} → Connect".format, _payloads),
)
"""In the order in which they are tried; `EVENTS_IN_FIELD` comes behind them."""
