"""Throw changed bytes at the decoders of schemas: `python -m tests.fuzz_schemas avro --minutes 5`.

Prints how many inputs were decoded and the memory that it took. Ends with an exception where a
record is lost, a value is read otherwise than the reference reads it, or a decoder fails.
"""

from __future__ import annotations

import argparse
import random
import resource
import time

from lib.core.errors import UnreadableFileError
from lib.sources.files.avro_container import values_of
from lib.sources.files.input_file import uploaded
from tests.decoding import test_avro, test_protobuf
from tests.support.schemas import written_by

BLOCK = 200
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
        match chance.randrange(4):
            case 0 if at < len(found):
                found[at] = chance.choice((0, 1, 2, 0x7F, 0x80, 0xFF, chance.randrange(256)))
            case 1:
                del found[at : at + chance.randint(1, 4)]
            case 2:
                found[at:at] = found[at : at + chance.randint(1, 8)]
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


def container_block(chance: random.Random) -> int:
    """Read a changed container file."""
    content = written_by("java")[f"avro file, {chance.choice(('null', 'deflate', 'snappy'))}"].value
    try:
        for _ in values_of(uploaded("x.avro", changed(content, chance))):
            pass
    except UnreadableFileError:
        pass
    return 1


DECODERS = {"avro": avro_block, "protobuf": protobuf_block, "container": container_block}


def main() -> None:
    """Run one decoder for some minutes."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("decoder", choices=DECODERS)
    parser.add_argument("--minutes", type=float, default=5)
    parser.add_argument("--seed", type=int, default=None)
    asked = parser.parse_args()
    seed = random.randrange(2**32) if asked.seed is None else asked.seed
    chance, inputs, began = random.Random(seed), 0, time.monotonic()
    print(f"{asked.decoder}, seed {seed}", flush=True)
    while time.monotonic() - began < 60 * asked.minutes:
        inputs += DECODERS[asked.decoder](chance)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 10
    print(f"{inputs:,} inputs in {time.monotonic() - began:.0f} s, at most {peak:,} MB")


if __name__ == "__main__":
    main()
