"""Which decoder reads a block of records."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import pyarrow as pa

from lib.decoding import json
from lib.decoding.base import Decoded, with_record_columns
from lib.decoding.merge import table_of
from lib.decoding.rejected import MAX_EXCERPTS, rejected_records
from lib.decoding.tabular import TABULAR
from lib.sources.records import reason_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lib.decoding.base import Decoder


def decoder_for(block: pa.RecordBatch) -> Decoder:
    """Return the decoder of a block: what its source rejects, rows of a table, or JSON."""
    reason = reason_of(block)
    if reason is not None:
        return _Rejecting(reason)
    return TABULAR if pa.types.is_struct(block.schema.field("value").type) else JSON


@dataclass(frozen=True)
class _Json:
    """`lib.decoding.base.Decoder` of JSON objects."""

    name: str = "JSON"

    def decode(
        self, records: pa.RecordBatch, *, extras: Sequence[str] = (), excerpts: int = MAX_EXCERPTS
    ) -> Decoded:
        return json.decode(records, extras=extras, excerpts=excerpts)


JSON: Final[Decoder] = _Json()


@dataclass(frozen=True)
class _Rejecting:
    """`lib.decoding.base.Decoder` of blocks that their source rejects."""

    reason: str
    name: str = "rejected by the source"

    def decode(
        self, records: pa.RecordBatch, *, extras: Sequence[str] = (), excerpts: int = MAX_EXCERPTS
    ) -> Decoded:
        nothing = with_record_columns(table_of({}, 0), records, pa.array([], pa.int64()), extras)
        reasons = dict.fromkeys(range(len(records)), self.reason)
        return Decoded(nothing, rejected_records(records, reasons, excerpts))
