"""What values are packed in before a decoder can read them, an entry each in `PACKINGS`.

| packing | what it makes of a value |
|---|---|
| gzip, zstd, snappy | what is compressed, bounded (`lib.decoding.compressed`) |
| BOM or NUL | the JSON behind a byte order mark, or before trailing NULs |
| JSON text | the JSON that is written as a text in JSON |
| JSON array | its elements, each a value of its own |
| MessagePack | the same as JSON |
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

from lib.decoding.compressed import UnpackError, gunzip, unsnappy, unzstd
from lib.decoding.json_arrays import NO_ARRAY, NOT_OF_EVENTS, counted, elements
from lib.decoding.message_pack import json_of
from lib.decoding.slots import Values
from lib.sources.files.json_text import members, unquoted

if TYPE_CHECKING:
    from collections.abc import Callable

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
    named
        What the format of what is in it is called with it.
    unpack
        Returns what is in values.
    """

    named: Callable[[str], str]
    unpack: Callable[[pa.BinaryArray], Unpacked]


def unpack(values: pa.BinaryArray, packings: tuple[Packing, ...]) -> Unpacked:
    """Return what is in values that are packed in all of `packings`, the outermost first."""
    rows, reasons = np.arange(len(values)), dict[int, str]()
    for packing in packings:
        found = packing.unpack(values)
        reasons |= {int(rows[row]): reason for row, reason in found.reasons.items()}
        values, rows = found.values, rows[found.rows]
    return Unpacked(values, rows, reasons, len(rows))


def recognise(values: pa.BinaryArray) -> tuple[Packing, ...]:
    """Return in what values are packed, the outermost first, from some of them."""
    found: list[Packing] = []
    while len(values) and len(found) < MAX_LAYERS:
        tried = ((packing, packing.unpack(values)) for packing in PACKINGS)
        fit = next(((p, u) for p, u in tried if u.packed >= SHARE * len(values)), None)
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


def _elements(values: pa.BinaryArray) -> Unpacked:
    """Return the elements of JSON arrays; what is none stays as it is."""
    every = Values.of(values)
    counts = counted(every)
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
    cut = elements(every.take(arrays), counts[arrays])
    is_element = counts[rows] > 0
    starts[is_element], stops[is_element] = cut.starts, cut.stops
    found = Values(every.data, starts, stops).to_arrow()
    return Unpacked(found, rows, reasons, int((counts > 0).sum()))


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


ARRAYS: Final = Packing("arrays of {}".format, _elements)
"""The only one in which a value holds several."""

CONNECT: Final = Packing("{} → Connect".format, _payloads)
PACKINGS: Final[tuple[Packing, ...]] = (
    Packing("gzip → {}".format, partial(_each, gunzip)),
    Packing("zstd → {}".format, partial(_each, unzstd)),
    Packing("snappy → {}".format, partial(_each, unsnappy)),
    Packing("BOM or NUL → {}".format, partial(_each, _without_padding)),
    Packing("JSON text in {}".format, _texts),
    ARRAYS,
    Packing(
        lambda inner: inner.replace("JSON", "MessagePack"), partial(_each, json_of, marked=False)
    ),
    CONNECT,
)
"""In the order in which they are tried."""
