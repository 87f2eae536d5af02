"""Which decoder reads a topic."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lib.decoding.json import JSON

if TYPE_CHECKING:
    import pyarrow as pa

    from lib.decoding.base import Decoder


def decoder_for(block: pa.RecordBatch) -> Decoder:  # noqa: ARG001 (there is one format)
    """Return the decoder for a topic from its first block of records."""
    return JSON
