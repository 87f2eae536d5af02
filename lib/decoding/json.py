"""The decoder of JSON: readers in bulk, the fastest first, and then `json.loads`.

Each reader takes the values that it surely reads as `json.loads` does, and leaves the rest to the
next. What is no JSON object to `json.loads` is rejected with the reason.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
import pyarrow as pa

from lib.decoding.base import Decoded, Decoder, with_record_columns
from lib.decoding.json_arrow import read_with_arrow
from lib.decoding.json_layout import read_layouts
from lib.decoding.json_parts import PartReader, RecordPart, Unread
from lib.decoding.json_record import read_one_by_one
from lib.decoding.merge import concat
from lib.decoding.rejected import MAX_EXCERPTS, rejected_records

if TYPE_CHECKING:
    from collections.abc import Sequence

READERS: Final[tuple[PartReader, ...]] = (read_layouts, read_with_arrow)

TOMBSTONE: Final = "tombstone (null value)"


@dataclass(frozen=True)
class _Json:
    """`lib.decoding.base.Decoder` of JSON objects."""

    name: str = "JSON"
    needs_headers: bool = False

    def decode(
        self, records: pa.RecordBatch, *, extras: Sequence[str] = (), excerpts: int = MAX_EXCERPTS
    ) -> Decoded:
        values = records.column("value")
        present = values.is_valid().to_numpy(zero_copy_only=False)
        left = Unread(np.arange(len(values)), values).where(present)
        parts: list[RecordPart] = []
        reasons = dict.fromkeys(np.flatnonzero(~present).tolist(), TOMBSTONE)
        for read in READERS:
            if len(left):
                taken, left = read(left)
                parts += taken
        if len(left):
            others, why = read_one_by_one(left)
            parts.append(others)
            reasons |= why
        good = _together(parts)
        columns = with_record_columns(good.fields, records, pa.array(good.rows), extras)
        return Decoded(columns, rejected_records(records, reasons, excerpts))


JSON: Final[Decoder] = _Json()


def _together(parts: Sequence[RecordPart]) -> RecordPart:
    """Return parts as one, in the block's order."""
    rows = np.concatenate([np.empty(0, np.int64), *(part.rows for part in parts)])
    fields = concat([part.fields for part in parts])
    if (rows[1:] > rows[:-1]).all():
        return RecordPart(rows, fields)
    order = np.argsort(rows)
    return RecordPart(rows[order], fields.take(pa.array(order)))
