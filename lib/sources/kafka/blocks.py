"""Records of a client library collected into Arrow blocks."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, Final

import pyarrow as pa

from lib.sources.records import RECORDS

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

BLOCK_RECORDS: Final = 20_000
"""Records in a block: large enough to decode in bulk, small enough to show progress."""

BLOCK_BYTES: Final = 16 * 1024 * 1024
"""Bytes of values in a block at most, unless one record has more: few where records are large."""

BLOCK_SECONDS: Final = 0.5
"""How long a block is gathered at most, so that progress shows where records come slowly."""

POLL_RECORDS: Final = 500
"""Records taken from a client library at once.

Fewer than the 700 new objects after which Python looks for garbage: a library makes an object a
record, and to take 20,000 at once doubled the time.
"""

Columns = tuple["Iterable[Any]", ...]
"""Some records as columns of Python values, in the order of `RECORDS`."""


def in_blocks(polled: Iterable[Columns]) -> Iterator[pa.RecordBatch]:
    """Join what polls brought, in its order, into blocks of schema `RECORDS`.

    What came before polling fails is not lost: it is yielded, then the error raised. A block is
    empty where nothing came for `BLOCK_SECONDS`.
    """
    gathered, began = _nothing(), time.monotonic()
    failure: Exception | None = None
    polls = iter(polled)
    while True:
        try:
            columns = next(polls)
        except StopIteration:
            break
        except Exception as error:  # noqa: BLE001 (it is raised again)
            failure = error
            break
        for column, new in zip(gathered, columns, strict=True):
            column.extend(new)
        if len(gathered[0]) >= BLOCK_RECORDS or time.monotonic() - began > BLOCK_SECONDS:
            yield _block(gathered)
            gathered, began = _nothing(), time.monotonic()
    if gathered[0]:
        yield _block(gathered)
    if failure is not None:
        raise failure


def _nothing() -> list[list[Any]]:
    return [[] for _ in RECORDS]


def _block(columns: list[list[Any]]) -> pa.RecordBatch:
    *others, headers = columns
    arrays = [pa.array(values, field.type) for values, field in zip(others, RECORDS, strict=False)]
    header_type = RECORDS.field("headers").type
    arrays.append(
        pa.array([h or None for h in headers], header_type)
        if any(headers)
        else pa.nulls(len(headers), header_type)
    )
    return pa.RecordBatch.from_arrays(arrays, schema=RECORDS)
