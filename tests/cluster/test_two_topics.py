"""Two topics on a cluster: what is told of them is what one machine tells."""

from __future__ import annotations

import json
import random

import pytest

from lib.simulate.__main__ import main as write_topic
from tests.cluster.same import FAULTS, assert_same

OFFSETS = 1_000
"""Of a block, so that each topic is in several."""


def mirror_of(lines, *, seed=1):
    """A mirror with events missing at the ends and inside, repeated, moved and changed."""
    chance = random.Random(seed)
    kept, ends = [], {}
    for place, line in enumerate(lines):
        record = json.loads(line)
        if place < 20 or place % 97 == 5:
            continue
        record["ts"] += chance.choice([5, 7, 12]) + (40_000 if 2_000 < place < 2_300 else 0)
        payload = json.loads(record["payload"])
        if place % 83 == 7:
            payload["Data"]["Errors"] = 1_000 + place
        payload["Carried"] = "by the mirror"
        kept.append(record | {"payload": json.dumps(payload)})
        if place % 71 == 3:
            kept.append(dict(kept[-1]))
    for at in range(50, len(kept) - 10, 211):
        kept[at], kept[at + 7] = kept[at + 7], kept[at]
    for record in kept:
        offset, reached = ends.get(record["partition"], (0, 0))
        record |= {"offset": offset, "ts": max(record["ts"], reached)}
        ends[record["partition"]] = offset + 1, record["ts"]
    return [json.dumps(record) for record in kept]


@pytest.fixture(scope="module")
def two(tmp_path_factory):
    """A topic of four partitions, and a mirror of it."""
    folder = tmp_path_factory.mktemp("two")
    here, there = folder / "here.jsonl", folder / "there.jsonl"
    write_topic(["--out", str(here), "--partitions", "4", "--no-keys", *FAULTS])
    there.write_text("\n".join(mirror_of(here.read_text().splitlines())) + "\n")
    return here, there


def test_they_are_matched_as_on_one_machine(two, client, both):
    here, there = two
    documents = both(
        *("--file", here, "--against", there),
        address=client.scheduler.address,
        offsets=OFFSETS,
        and_page=True,
    )

    assert_same(documents)
    told = documents[1]["against"]
    assert told["why_not"] is None
    counts = ("in_both", "only_here", "at_an_end_here", "repeated_there", "reordered", "changed")
    assert all(told[name] > 0 for name in counts)
    assert told["way"]["outages"] > 0
