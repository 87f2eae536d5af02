"""JSON objects, one behind the other, as columns: Arrow's reader, made safe.

What a JSON decoder may give to it, and what it may not.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.json as pj

if TYPE_CHECKING:
    from numpy.typing import NDArray

# Arrow's reader takes objects one behind the other: a text that ends early or holds more than one
# would shift the rows, and at a bare null it crashes. In JSON, outside strings, what follows a
# closing brace is another one, a comma, a bracket, or the end.
_SUSPECT: Final = r"\}[ \t\r\n]*[^,}\] \t\r\n]"

_ONE_OBJECT: Final = (
    r"(?s)^[ \t\r\n]*\{"
    r'(?:[^"}]|"(?:[^"\\]|\\.)*"|(?:\}[ \t\r\n]*)+[,\]])*'
    r"(?:\}[ \t\r\n]*)+$"
)


def hold_one_object(values: pa.Array) -> NDArray[np.bool_]:
    """Return which values `objects_to_columns` may be given: they can only be one JSON object.

    Parameters
    ----------
    values
        Strings or bytes without nulls.
    """
    plain = pc.and_(pc.starts_with(values, "{"), pc.ends_with(values, "}"))
    fit = pc.and_not(plain, pc.match_substring_regex(values, _SUSPECT))
    found = np.array(fit.to_numpy(zero_copy_only=False))
    doubtful = np.flatnonzero(~found)
    if len(doubtful):
        again = pc.match_substring_regex(values.take(pa.array(doubtful)), _ONE_OBJECT)
        found[doubtful] = again.to_numpy(zero_copy_only=False)
    return found


class MisfitError(Exception):
    """Values do not fit a schema. `row` is the first that does not, where that is known."""

    def __init__(self, row: int | None = None) -> None:
        super().__init__(row)
        self.row = row


def objects_to_columns(values: pa.Array, schema: pa.Schema) -> pa.Table:
    """Return JSON objects as columns, a row each.

    Parameters
    ----------
    values
        Bytes without nulls, for all of which `hold_one_object` is true.
    schema
        The fields and their types.

    Raises
    ------
    MisfitError
        When they do not fit `schema` exactly.
    """
    if not len(values):
        return schema.empty_table()
    together = _bytes_of(values)
    try:
        table = pj.read_json(
            pa.BufferReader(together),
            read_options=pj.ReadOptions(block_size=together.size + 1, use_threads=False),
            parse_options=pj.ParseOptions(
                explicit_schema=schema, unexpected_field_behavior="error"
            ),
        )
    except pa.ArrowInvalid as fault:
        row = re.search(r" in row (\d+)$", str(fault))
        raise MisfitError(int(row[1]) if row else None) from fault
    if table.num_rows != len(values):
        raise MisfitError
    return table


def _bytes_of(values: pa.Array) -> pa.Buffer:
    """Return the bytes of all `values`, which has no nulls, one behind the other; not a copy."""
    _, offsets, data = values.buffers()
    bounds = np.frombuffer(offsets, np.int32)
    start, stop = bounds[values.offset], bounds[values.offset + len(values)]
    return data.slice(start, stop - start)
