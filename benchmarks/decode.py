"""How long records take from blocks of bytes to the events table: `python -m benchmarks.decode`.

Beside it the notebook's way, `json.loads` for each record and `json_normalize` for all. Only
decoding: no broker, no fetch. Give numbers of records as arguments to measure others. Then topics
that are not all of one layout, so that each reader of `lib.decoding.json` has a row.
"""

from __future__ import annotations

import json
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import TYPE_CHECKING, Any, Final

import pandas as pd
import pyarrow as pa

from lib.decoding.json import JSON
from lib.decoding.json_layout import warm_up
from lib.events.fields import Fields
from lib.events.table import TimeDomain, build_events, window_rows
from lib.sources.records import RECORDS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    Blocks = list[pa.RecordBatch]

BLOCK: Final = 20_000
PARTITIONS: Final = 4
SIZES: Final = (10_000, 100_000, 1_000_000)
LARGEST_OF_THE_NOTEBOOK: Final = 1_000_000
CHANGED: Final = 200_000


Event = dict[str, Any]


def blocks(records: int, change: Callable[[int, Event], object] = lambda _, event: event) -> Blocks:
    """Return records of the notebook's shape: 10 clients, sessions of 25 events, 4 partitions.

    `change` may change an event, and returns what is written of it, as JSON.
    """
    starts = range(0, records, BLOCK)
    return [_block(range(start, min(start + BLOCK, records)), change) for start in starts]


def _block(numbers: range, change: Callable[[int, Event], object]) -> pa.RecordBatch:
    columns = [
        [numbers.start // BLOCK % PARTITIONS] * len(numbers),
        numbers,
        [1540726486053 + 10 * i for i in numbers],
        [0] * len(numbers),
        [None] * len(numbers),
        [json.dumps(change(i, _event(i))).encode() for i in numbers],
        [None] * len(numbers),
    ]
    arrays = [pa.array(c, f.type) for c, f in zip(columns, RECORDS, strict=True)]
    return pa.RecordBatch.from_arrays(arrays, schema=RECORDS)


def _event(i: int) -> Event:
    client, session = i % 10, i // 250 * 10 + i % 10
    return {
        "ClientID": client,
        "Data": {"Errors": i % 3, "Values": i % 97},
        "EventID": i // 10 % 25 + 1,
        "Kind": "md"[i % 2],
        "SessionID": f"1de64fb8-55de-494c-885a-{session:012x}",
        "Timestamp": 1540726486041 + 10 * i,
    }


CHANGES: Final[dict[str, Callable[[int, Event], object]]] = {
    "some are no events": lambda i, event: event if i % 500 else i,
    "kinds of events": lambda i, event: event | {"Kind": "x", "Speed": i} if i % 2 else event,
    "optional fields": lambda i, event: event | {f"Extra{i % 7}": i} if i % 100 < 7 else event,
    "escapes in texts": lambda i, event: event | {"Path": f"a/\\{i % 50}"},
    "lists": lambda i, event: event | {"Values": [i % 3, i % 5]},
    "lists, odd clients": lambda i, event: (
        event | {"Values": [i % 3, i % 5]} | ({} if i % 500 else {"ClientID": "odd"})
    ),
    "clients of two types": lambda i, event: event | {"ClientID": i % 10 if i % 2 else f"c{i % 9}"},
}
"""Topics that are not all of one layout."""


def as_the_notebook(batches: Blocks) -> pd.DataFrame:
    """Read records as the notebook does, once they are fetched."""
    records = []
    for message in _messages(batches):
        record = json.loads(message["value"])
        record["KafkaTimestamp"] = message["timestamp"]
        records.append(record)
    frame = pd.json_normalize(records)
    base = frame["Timestamp"].iloc[0]
    frame["EventTimestamp0"] = (frame["Timestamp"] - base) / 1000.0
    frame["ReceivedTimestamp0"] = (frame["KafkaTimestamp"] - base) / 1000.0
    return frame


def _messages(batches: Blocks) -> Iterator[dict[str, Any]]:
    for batch in batches:
        yield from batch.select(["value", "timestamp"]).to_pylist()


def as_skewline(batches: Blocks, threads: int) -> pd.DataFrame:
    """Read records as Skewline does, once they are fetched."""
    with ThreadPoolExecutor(threads) as pool:
        decoded = [block.columns for block in pool.map(JSON.decode, batches)]
    return build_events(decoded, Fields()).table


def measure(name: str, records: int, run: Callable[[], pd.DataFrame]) -> pd.DataFrame:
    """Run once; print wall and processor time a record, and the table's bytes an event."""
    wall, processor = time.perf_counter(), time.process_time()
    table = run()
    wall, processor = time.perf_counter() - wall, time.process_time() - processor
    size = int(table.memory_usage(deep=True).sum())
    print(
        f"{name:<24} {records:>10,} {wall / records * 1e6:>9.2f} {processor / records * 1e6:>9.2f}"
        f" {size / records:>9.1f}"
    )
    return table


def main(sizes: tuple[int, ...]) -> None:
    """Print one row for each way and number of records."""
    warm_up()  # as the app does when its server starts
    print(f"{'':<24} {'records':>10} {'µs wall':>9} {'µs cpu':>9} {'B/event':>9}")
    for records in sizes:
        batches = blocks(records)
        measure("Skewline, 1 thread", records, partial(as_skewline, batches, threads=1))
        table = measure("Skewline, 2 threads", records, partial(as_skewline, batches, threads=2))
        if records <= LARGEST_OF_THE_NOTEBOOK:
            measure("json, json_normalize", records, partial(as_the_notebook, batches))
        began = time.perf_counter()
        window_rows(table, TimeDomain.EVENT, 0.0, records / 1000, clients=[1, 2])
        print(f"{'a window':<24} {records:>10,} {(time.perf_counter() - began) * 1000:>9.1f} ms")
    for name, change in CHANGES.items():
        batches = blocks(CHANGED, change)
        measure(name, CHANGED, partial(as_skewline, batches, threads=1))


if __name__ == "__main__":
    main(tuple(int(argument) for argument in sys.argv[1:]) or SIZES)
