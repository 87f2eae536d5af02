"""How the records of a topic are written, told from the newest of them."""

from __future__ import annotations

from contextlib import closing
from itertools import islice
from typing import TYPE_CHECKING, Final

from lib.decoding.registry import decode_block, decoder_for
from lib.sources.base import Latest, always

if TYPE_CHECKING:
    from collections.abc import Generator

    import pyarrow as pa

    from lib.sources.base import TopicSource

NOT_READABLE: Final = "not readable"

_RECORDS: Final = 20
_BLOCKS: Final = 8


def format_of(source: TopicSource, topic: str) -> str:
    """Return what the load report would call the format of a topic's newest records.

    `NOT_READABLE` where they are none that can be decoded, "" where there are none.

    Raises
    ------
    SkewlineError
        When the source fails.
    """
    read = False
    with closing(_blocks(source, topic)) as blocks:
        for block in islice(blocks, _BLOCKS):
            decoder = decoder_for(block, source.schemas)
            read = read or bool(len(block))
            if (
                decoder is not None
                and decode_block(block, decoder, source.masking).columns.num_rows
            ):
                return decoder.name
    return NOT_READABLE if read else ""


def _blocks(source: TopicSource, topic: str) -> Generator[pa.RecordBatch]:
    yield from source.read(source.plan(topic, Latest(_RECORDS)), always)
