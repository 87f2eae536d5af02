"""A decoder with what stands before and behind it: values unpacked first, events unwrapped then.

Both are recognised from a topic's first block and applied to every block. Of n records that hold
m events each, n are read: good events and rejected ones together are never fewer than the records.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

import numpy as np
import pyarrow as pa

from lib.core.columns import HEADER, KAFKA_COLUMNS, OFFSET, PARTITION, PLACE, RECEIVED_TIME
from lib.core.errors import FieldsError
from lib.decoding import unpacking, unwrapping
from lib.decoding.base import Decoded, with_record_columns
from lib.decoding.json import JSON, TOMBSTONE
from lib.decoding.json_schema import numbered
from lib.decoding.rejected import MAX_EXCERPTS, rejected_records
from lib.decoding.schemas import schema_decoder
from lib.decoding.unwrapping import CLOUD_EVENTS, DEBEZIUM
from lib.sources.records import header_names

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from numpy.typing import NDArray

    from lib.core.schemas import SchemaSource
    from lib.decoding.base import Decoder
    from lib.decoding.unpacking import Packing
    from lib.decoding.unwrapping import Wrapping

SAMPLE: Final = 256
"""Records, the first of a block, from which the wrappers are recognised."""

ATTRIBUTE: Final = "ce_"
"""What the names of CloudEvents' attributes begin with where they are in headers."""

_BINARY_CLOUD_EVENTS: Final = {f"{ATTRIBUTE}{name}" for name in ("id", "source", "type")}


@dataclass(frozen=True)
class Wrapped:
    """A decoder of wrapped events, as a `lib.decoding.base.Decoder`.

    Attributes
    ----------
    inner
        The decoder of what is in them.
    packings, wrappings
        What is undone before it and behind it, the outermost first.
    in_headers
        Whether headers have the attributes of CloudEvents (its binary mode): then they are fields.
    """

    inner: Decoder
    packings: tuple[Packing, ...] = ()
    wrappings: tuple[Wrapping, ...] = ()
    in_headers: bool = False

    @property
    def name(self) -> str:
        """The formats as a chain, the outermost first, for example "gzip → JSON → Connect"."""
        name = self.inner.name
        last = {packing.layer: packing for packing in self.packings if packing.path}
        for packing in reversed(self.packings):
            if last.get(packing.layer, packing) is packing:  # arrays in arrays are told once
                name = packing.named(name)
        chain = [name, *(wrapping.name for wrapping in self.wrappings)]
        return " → ".join([*chain, "CloudEvents"] if self.in_headers else chain)

    @property
    def layers(self) -> tuple[str, ...]:
        """What can be chosen of it, in `LAYERS`."""
        found = [*(p.layer for p in self.packings), *(w.layer for w in self.wrappings)]
        return tuple(dict.fromkeys([*found, *([CLOUD_EVENTS] if self.in_headers else [])]))

    @property
    def needs_headers(self) -> bool:
        """Whether the blocks have to have their headers."""
        return self.in_headers or self.inner.needs_headers

    def decode(
        self, records: pa.RecordBatch, *, extras: Sequence[str] = (), excerpts: int = MAX_EXCERPTS
    ) -> Decoded:
        """Decode a block of records; see `lib.decoding.base.Decoder`."""
        attributes = _attributes(records) if self.in_headers else []
        wanted = list(dict.fromkeys([*extras, *(HEADER + name for name in attributes)]))
        decode = self._unpacked if self.packings else self.inner.decode
        decoded = decode(records, extras=wanted, excerpts=excerpts)
        table = decoded.columns
        for wrapping in self.wrappings:
            table = wrapping.unwrap(table)
        return replace(decoded, columns=_with_attributes(table, attributes, extras))

    def _unpacked(
        self, records: pa.RecordBatch, *, extras: Sequence[str], excerpts: int
    ) -> Decoded:
        values = records.column("value")
        present = values.is_valid().to_numpy(zero_copy_only=False)
        found = unpacking.unpack(values.drop_null(), self.packings)
        there = np.flatnonzero(present)
        reasons = {int(there[row]): reason for row, reason in found.reasons.items()}
        reasons |= dict.fromkeys(np.flatnonzero(~present).tolist(), TOMBSTONE)
        rejected = rejected_records(records, reasons, excerpts)
        excerpts = max(0, excerpts - len(rejected))
        inner = self.inner.decode(numbered(found.values), excerpts=excerpts)
        rows = there[found.rows]
        good, bad = (table[OFFSET].to_numpy() for table in (inner.columns, inner.rejected))
        names = [n for n in inner.columns.column_names if n not in KAFKA_COLUMNS]
        fields = inner.columns.select(names)
        columns = with_record_columns(fields, records, pa.array(rows[good]), extras)
        if any(packing.several for packing in self.packings):
            places = np.arange(len(rows)) - np.searchsorted(rows, rows)
            columns = columns.append_column(PLACE, pa.array(places[good]))
        both = [rejected, _placed(inner.rejected, records, rows[bad])]
        return Decoded(columns, pa.concat_tables(both).unify_dictionaries())


LAYERS: Final = tuple(
    dict.fromkeys(
        (
            *(packing.layer for packing in unpacking.PACKINGS),
            unpacking.EVENTS_IN_FIELD,
            *("JSON text in fields", "base64 in fields", DEBEZIUM, CLOUD_EVENTS),
        )
    )
)
"""What can be chosen to be unwrapped."""


def layers_of(decoder: Decoder | None) -> tuple[str, ...]:
    """Return what a decoder unwraps, of `LAYERS`."""
    return decoder.layers if isinstance(decoder, Wrapped) else ()


def wrapped(
    block: pa.RecordBatch,
    plain: Decoder | None,
    schemas: SchemaSource,
    chosen: Collection[str] | None = None,
) -> Decoder:
    """Return the decoder of a topic from a block of its records.

    Parameters
    ----------
    block
        The first block, with headers.
    plain
        The decoder of its values as they are, where that is known.
    schemas
        Where the schemas of what is in the values come from.
    chosen
        The only layers that count, of `LAYERS`; None: all.

    Returns
    -------
    Decoder
        The plain decoder itself where nothing is wrapped.

    Raises
    ------
    FieldsError
        When there is no such layer.
    """
    if unknown := sorted(set(chosen or ()) - set(LAYERS)):
        raise FieldsError(
            f"{', '.join(unknown)} cannot be unwrapped.", f"Known: {', '.join(LAYERS)}."
        )
    sample = block.slice(0, SAMPLE)  # not taken from all over it: tables have types without `take`
    values = sample.column("value").drop_null()
    is_open = plain is None or pa.types.is_struct(values.type)
    packings = unpacking.recognise(values, chosen) if is_open else ()
    if plain is None and packings:
        plain = schema_decoder(numbered(unpacking.unpack(values, packings).values), schemas)
    in_headers = {*header_names(sample)} >= _BINARY_CLOUD_EVENTS
    in_headers = in_headers and (chosen is None or CLOUD_EVENTS in chosen)
    found = Wrapped(plain or JSON, packings, (), in_headers)
    columns = found.decode(sample, excerpts=0).columns
    closed = all(packing.layer != unpacking.EVENTS_IN_FIELD for packing in packings)
    found = replace(found, wrappings=unwrapping.recognise(columns, chosen, with_arrays=closed))
    return found if found != Wrapped(found.inner) else found.inner


def _attributes(records: pa.RecordBatch) -> list[str]:
    return [name for name in header_names(records) if name.startswith(ATTRIBUTE)]


def _with_attributes(table: pa.Table, attributes: Sequence[str], extras: Sequence[str]) -> pa.Table:
    """Return `table` with CloudEvents' attributes as fields, not as headers unless asked for."""
    for name in attributes:
        column = table[HEADER + name]
        table = table.drop_columns([n for n in (name,) if n in table.column_names])
        table = table.append_column(name, column)
        if HEADER + name not in extras:
            table = table.drop_columns([HEADER + name])
    return table


def _placed(rejected: pa.Table, records: pa.RecordBatch, rows: NDArray[np.int64]) -> pa.Table:
    """Return what was rejected of unpacked values with where their records stand in the log."""
    for name, own in ((PARTITION, "partition"), (OFFSET, "offset"), (RECEIVED_TIME, "timestamp")):
        place = rejected.schema.get_field_index(name)
        column = records.column(own).take(pa.array(rows))
        rejected = rejected.set_column(place, rejected.schema.field(name), column)
    return rejected
