"""Throw changed bytes at everything that reads: `python -m tests.fuzz avro --minutes 5`.

`make fuzz` runs each reader so. Prints how many inputs were read and the memory that it took. Ends
with an exception where a record is lost, a value is read otherwise than the reference reads it, a
reader fails, or takes more memory than it may.
"""

from __future__ import annotations

import argparse
import gzip
import io
import json
import random
import resource
import time
from functools import partial
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from lib.core.columns import OFFSET
from lib.core.errors import UnreadableFileError
from lib.core.masking import NOTHING_MASKED
from lib.core.schemas import NoSchemas
from lib.decoding.json import JSON
from lib.decoding.registry import decode_block, decoder_for
from lib.decoding.wrappers import LAYERS
from lib.sources.files.formats import records_of
from lib.sources.files.input_file import uploaded
from tests.decoding import test_avro, test_json, test_protobuf
from tests.decoding.test_wrappers import WRITERS
from tests.sources.test_containers import DRAWN
from tests.sources.test_tools import CONTAINERS, OBJECTS, SENT, printed
from tests.support.blocks import block
from tests.support.schemas import written_by

BLOCK = 200
MOST_MB = 3_000
CASES = Path(__file__).parent / "cases"
TOKENS = (
    b"{",
    b"}",
    b"[",
    b"]",
    b'"',
    b"\\",
    b",",
    b":",
    b"\n",
    b"\t",
    b";",
    b"|",
    b"null",
    b"\xff",
)
NODE = {
    "type": "record",
    "name": "Node",
    "fields": [
        {"name": "a", "type": ["null", "long", "string", "Node"]},
        {"name": "b", "type": {"type": "array", "items": ["null", "Node"]}},
        {"name": "c", "type": {"type": "map", "values": "double"}},
        {"name": "d", "type": {"type": "fixed", "name": "F", "size": 3}},
    ],
}
AVRO_SEED = test_avro.encoded(
    NODE,
    {
        "a": {"a": "text", "b": [], "c": {"x": 1.5}, "d": b"abc"},
        "b": [None, {"a": 7, "b": [None], "c": {}, "d": b"123"}],
        "c": {"y": 0.5},
        "d": b"xyz",
    },
)


def changed(value: bytes, chance: random.Random) -> bytes:
    """A value with some bytes set, cut out or doubled."""
    found = bytearray(value)
    for _ in range(chance.randint(1, 6)):
        at = chance.randint(0, len(found))
        match chance.randrange(5):
            case 0 if at < len(found):
                found[at] = chance.choice((0, 1, 2, 0x7F, 0x80, 0xFF, chance.randrange(256)))
            case 1:
                del found[at : at + chance.randint(1, 4)]
            case 2:
                found[at:at] = found[at : at + chance.randint(1, 8)]
            case 3:
                found[at:at] = chance.choice(TOKENS)
            case _:
                found[at:at] = chance.randbytes(chance.randint(1, 10))
    return bytes(found)


def avro_block(chance: random.Random) -> int:
    """Decode some Avro, and compare what is good with `fastavro`."""
    values = [changed(AVRO_SEED, chance) for _ in range(BLOCK)]
    found = test_avro.read_bytes(NODE, *values)
    assert sorted([*found.good.tolist(), *found.reasons]) == list(range(BLOCK))
    good = [values[row] for row in found.good.tolist()]
    expected = test_avro.rows_by_fastavro(NODE, good)
    assert test_avro.written_out(test_avro.rows_of(found)) == test_avro.written_out(expected)
    return BLOCK


SEEDS = (test_protobuf.EVERYTHING, "All")


def protobuf_block(chance: random.Random) -> int:
    """Decode some Protobuf; it is good exactly where `protobuf` says so."""
    kind = test_protobuf.message_of(*SEEDS)
    part = {"a": -1, "b": "b", "c": ["c"], "deep": {"x": 1, "no": -1}}
    seed = kind(
        int64=-5,
        string="text",
        numbers=[1, 2],
        map={"k": 1},
        part=part,
        single=part,
        parts=[part],
        wrapped={"value": 3},
        by_bool={True: part},
        doubles=[0.5, -1.0],
        words=["w", "ö"],
        zigzags=[-1, 2],
        fixed=[7],
        counts={"c": 1, "d": 2},
        by_number={5: "n"},
        shares={False: 0.5},
        flats=[{"n": 1, "f": 0.5}, {"s": "t", "i": -2}],
        inner={"text": "t"},
    )
    values = [changed(seed.SerializeToString(), chance) for _ in range(BLOCK)]
    rows, reasons = test_protobuf.read_rows(
        SEEDS[0], *(test_protobuf.FIRST + value for value in values)
    )
    assert sorted([*rows, *reasons]) == list(range(BLOCK))
    for row, reason in reasons.items():
        read = test_protobuf.parsed(kind, values[row]) is None
        assert read or "beyond any time" in reason, (values[row], reason)
    assert not any(test_protobuf.parsed(kind, values[row]) is None for row in rows)
    return BLOCK


EVENTS = [
    {"device": "a", "ts": 1_704_164_650_000, "n": 1.5, "in": {"x": [1, {"y": None}]}},
    {"device": "ä", "ts": 1_704_164_651_000, "events": [{"ts": 1_704_164_651_000}]},
]


def json_block(chance: random.Random) -> int:
    """Decode some JSON; what is good is what `json.loads` makes of it."""
    values = [changed(json.dumps(chance.choice(EVENTS)).encode(), chance) for _ in range(BLOCK)]
    test_json.agrees_with_json_loads(values)
    return BLOCK


def wrapped_block(chance: random.Random) -> int:
    """Decode some wrapped JSON, as recognised or as chosen; no record is lost."""
    write = WRITERS[chance.choice([*WRITERS])][1]
    values = [changed(write(json.dumps(e).encode()), chance) for e in EVENTS * (BLOCK // 2)]
    chosen = chance.choice([None, LAYERS, tuple(chance.sample(LAYERS, 4))])
    records = block(*values)
    found = decode_block(records, decoder_for(records, NoSchemas(), chosen), NOTHING_MASKED)
    good, bad = (set(table[OFFSET].to_pylist()) for table in (found.columns, found.rejected))
    assert good | bad == set(range(BLOCK))
    return BLOCK


def seeds(*endings: str) -> list[tuple[str, bytes]]:
    """Files of some endings: the cases, and what tools write in any container."""
    cases = [(path.name, path.read_bytes()) for path in sorted(CASES.iterdir())]
    tools = [
        (name, write(*map(form, SENT)).encode())
        for form in OBJECTS.values()
        for name, write in CONTAINERS.values()
    ]
    table = pa.table({"ts": [1, 2], "s": ["a", None], "l": [[1], []], "b": [b"\xff", b""]})
    parquet, arrow = io.BytesIO(), io.BytesIO()
    pq.write_table(table, parquet)
    with pa.ipc.new_stream(arrow, table.schema) as writer:
        writer.write_table(table)
    avro = [
        ("x.avro", written_by("java")[f"avro file, {codec}"].value)
        for codec in ("null", "deflate", "snappy")
    ]
    forms = ("Key: %k\nTimestamp: %d\nValue: %v\n--", "[%i] %v @ %o", "%v\t%k\t%d")
    lines = [("x.txt", printed(form).encode()) for form in forms]
    drawn = [(f"x.{end}", table.encode()) for table in DRAWN.values() for end in ("csv", "txt")]
    packed = [("x.jsonl.gz", gzip.compress(b'{"a":1}\n' * 9))]
    more = [("x.parquet", parquet.getvalue()), ("x.arrow", arrow.getvalue()), *avro, *packed]
    return [
        (n, content)
        for n, content in (*cases, *tools, *lines, *drawn, *more)
        if n.endswith(endings)
    ]


def file_block(chance: random.Random, *, of: list[tuple[str, bytes]]) -> int:
    """Read a changed file: every record is an event or rejected, or a sentence says why not."""
    name, content = chance.choice(of)
    try:
        for records in records_of(uploaded(name, changed(content, chance))):
            decoder = decoder_for(records, NoSchemas()) or JSON
            found = decode_block(records, decoder, NOTHING_MASKED)
            assert found.columns.num_rows + found.rejected.num_rows >= len(records)
    except UnreadableFileError:
        pass
    return 1


READERS = {
    "avro": avro_block,
    "protobuf": protobuf_block,
    "json": json_block,
    "wrapped": wrapped_block,
    "text": partial(file_block, of=seeds(".txt", ".json", ".jsonl", ".log")),
    "csv": partial(file_block, of=seeds(".csv")),
    "tables": partial(file_block, of=seeds(".parquet", ".arrow")),
    "containers": partial(file_block, of=seeds(".avro", ".gz")),
}


def main() -> None:
    """Run one reader for some minutes."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("reader", choices=READERS)
    parser.add_argument("--minutes", type=float, default=5)
    parser.add_argument("--seed", type=int, default=None)
    asked = parser.parse_args()
    seed = random.randrange(2**32) if asked.seed is None else asked.seed
    chance, inputs, began = random.Random(seed), 0, time.monotonic()
    print(f"{asked.reader}, seed {seed}", flush=True)
    while time.monotonic() - began < 60 * asked.minutes:
        inputs += READERS[asked.reader](chance)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 10
    assert peak < MOST_MB, f"{peak:,} MB"
    print(f"{inputs:,} inputs in {time.monotonic() - began:.0f} s, at most {peak:,} MB")


if __name__ == "__main__":
    main()
