"""Rows of tables as records: a field a column, or envelopes with a column a part."""

from __future__ import annotations

from itertools import chain
from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from lib.sources.files.codings import coding_of, decoded
from lib.sources.files.envelope import envelope_of, value_name
from lib.sources.files.places import fields_of, own_places
from lib.sources.records import rows_as_values

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from lib.sources.files.input_file import InputFile

BLOCK_ROWS: Final = 20_000
_SAMPLE: Final = 64


class Rows(NamedTuple):
    """Rows of a table; of those that are none, why, and what stands in the file."""

    block: pa.RecordBatch
    reasons: pa.StringArray | None = None
    written: pa.BinaryArray | None = None


def table_records(
    file: InputFile, names: list[str], blocks: Iterable[Rows], *, typed: bool = True
) -> Iterator[pa.RecordBatch]:
    """Yield the rows of a table as records.

    Parameters
    ----------
    names
        Of all columns of the blocks.
    typed
        Whether columns have types: then bytes are no text yet to be typed, and what is not UTF-8 is
        shown in hexadecimal.

    Raises
    ------
    UnreadableFileError
        When two columns have the same name.
    """
    fields = fields_of(file, names)
    blocks = (rows for rows in blocks if len(rows.block))
    first = next(blocks, None)
    if first is None:
        return
    value = value_name(names)
    some = first.block[value].drop_null()[:_SAMPLE].to_pylist() if value else ()
    envelope = envelope_of(names, some)
    places = (
        own_places(names, file.first_row) if envelope is None else envelope.places(file.first_row)
    )
    legible, coding, begun = Legible(), None, False
    for block, reasons, written in chain([first], blocks):
        if envelope is None:
            shown = legible.shown(block) if typed else block
            values = rows_as_values({name: shown[name] for name in fields}, len(block))
        else:
            values = _bytes(block[envelope.value])
            if not begun and pa.types.is_binary(values.type):
                coding, begun = coding_of(values), True
            values = decoded(values, coding) if coding else values
        columns = dict(zip(names, block.columns, strict=True))
        yield from places.blocks(values, columns, reasons, written)


def _bytes(values: pa.Array) -> pa.Array:
    """Return text or bytes of any kind as bytes; structs as they are."""
    if pa.types.is_dictionary(values.type):
        values = values.dictionary_decode()
    if pa.types.is_struct(values.type) or pa.types.is_binary(values.type):
        return values
    try:
        return values.cast(pa.binary())
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
        texts = [None if v is None else str(v).encode() for v in values.to_pylist()]
        return pa.array(texts, pa.binary())


class Legible:
    """Turns bytes that are no text into hexadecimal digits, column by column.

    A column in which some are not UTF-8 is taken for bytes from there on.
    """

    def __init__(self) -> None:
        self._in_hex: set[str] = set()

    def shown(self, block: pa.RecordBatch) -> pa.RecordBatch:
        """Return a block without bytes."""
        names = block.schema.names
        columns = [self._shown(n, column) for n, column in zip(names, block.columns, strict=True)]
        return pa.RecordBatch.from_arrays(columns, names=names)

    def _shown(self, path: str, column: pa.Array) -> pa.Array:
        if pa.types.is_dictionary(column.type) and not _is_whole_text(column.dictionary):
            column = column.dictionary_decode()
        kind, none = column.type, column.is_null()
        if pa.types.is_struct(kind) and kind.num_fields:
            names = [field.name for field in kind]
            pairs = zip(names, column.flatten(), strict=True)
            inner = [self._shown(f"{path}.{name}", nested) for name, nested in pairs]
            return pa.StructArray.from_arrays(inner, names=names, mask=none)
        if pa.types.is_list(kind):
            sizes = pc.fill_null(pc.list_value_length(column), 0).to_numpy()
            offsets = pa.array(np.concatenate([[0], np.cumsum(sizes)]), pa.int32())
            inner = self._shown(f"{path}[]", column.flatten())
            return pa.ListArray.from_arrays(offsets, inner, mask=none)
        if is_bytes(kind) or not _is_whole_text(column):
            return self._as_text(path, column)
        return column

    def _as_text(self, path: str, column: pa.Array) -> pa.Array:
        values = column.cast(pa.binary())
        if path not in self._in_hex:
            try:
                return values.cast(pa.string())
            except pa.ArrowInvalid:
                self._in_hex.add(path)
        return pa.array([None if v is None else v.hex() for v in values.to_pylist()], pa.string())


def _is_whole_text(column: pa.Array) -> bool:
    """Return whether a column is no bytes, nor text that is not UTF-8, which writers may leave."""
    kind = column.type
    if pa.types.is_string(kind) or pa.types.is_large_string(kind):
        try:
            column.validate(full=True)
        except pa.ArrowInvalid:
            return False
    elif pa.types.is_nested(kind):
        column.validate(full=True)
    return not is_bytes(kind)


def is_bytes(kind: pa.DataType) -> bool:
    """Return whether values of an Arrow type are bytes that may be text."""
    return bool(
        pa.types.is_binary(kind)
        or pa.types.is_large_binary(kind)
        or pa.types.is_binary_view(kind)
        or pa.types.is_fixed_size_binary(kind)
    )
