"""Which decoder reads a topic."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pyarrow as pa

from lib.core.part import COLUMN, part_of_text
from lib.decoding.base import Decoded, Decoder, with_record_columns
from lib.decoding.masking import masked_columns
from lib.decoding.merge import table_of
from lib.decoding.rejected import MAX_EXCERPTS, rejected_records
from lib.decoding.schemas import schema_decoder
from lib.decoding.tabular import TABULAR
from lib.decoding.unpacking import CONNECT
from lib.decoding.wrappers import layers_of, wrapped
from lib.sources.records import reason_of

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from lib.core.masking import Masking
    from lib.core.part import Part
    from lib.core.schemas import SchemaSource


def decoder_for(
    block: pa.RecordBatch, schemas: SchemaSource, layers: Collection[str] | None = None
) -> Decoder | None:
    """Return the decoder for a topic from a block of its records; None from a rejected one.

    Parameters
    ----------
    block
        The first block, with headers; a source may have rejected it as a whole
        (`lib.sources.records.reason_of`), and then it tells nothing.
    schemas
        Where the schemas of values come from that name one.
    layers
        The only ones to be unwrapped, of `lib.decoding.wrappers.LAYERS`; None: what is recognised.
    """
    if reason_of(block) is not None:
        return None
    if pa.types.is_struct(block.schema.field("value").type):
        return wrapped(block, TABULAR, schemas, layers)
    return wrapped(block, schema_decoder(block, schemas), schemas, layers)


def decode_block(
    block: pa.RecordBatch,
    decoder: Decoder | None,
    masking: Masking,
    *,
    extras: Sequence[str] = (),
    excerpts: int = MAX_EXCERPTS,
) -> Decoded:
    """Decode a block with the topic's decoder; one that its source has rejected stays so.

    Nothing else sees fields that are masked, nor how a rejected value begins where any are.
    Other parameters and returns as `lib.decoding.base.Decoder.decode`.
    """
    excerpts = 0 if masking else excerpts
    reason = reason_of(block)
    if reason is None:
        assert decoder is not None, "a block that is not rejected tells its decoder"
        decoded = decoder.decode(block, extras=extras, excerpts=excerpts)
        within = "payload." if CONNECT in layers_of(decoder) else ""
        columns, parts = _without_part(decoded.columns)
        return replace(decoded, columns=masked_columns(columns, masking, within), parts=parts)
    nothing = with_record_columns(table_of({}, 0), block, pa.array([], pa.int64()), extras)
    return Decoded(
        nothing, rejected_records(block, dict.fromkeys(range(len(block)), reason), excerpts)
    )


def _without_part(columns: pa.Table) -> tuple[pa.Table, tuple[Part, ...]]:
    """Return columns without the one that says which part of a topic they are, and what it says.

    It is no field of an event: a search for a text would find the filter's own.
    """
    if COLUMN not in columns.column_names:
        return columns, ()
    said = [str(text) for text in columns[COLUMN].unique().to_pylist() if text is not None]
    parts = [part for part in map(part_of_text, said) if part is not None]
    if len(parts) < len(said):  # another's field that happens to have the name
        return columns, ()
    return columns.drop_columns([COLUMN]), tuple(parts)
