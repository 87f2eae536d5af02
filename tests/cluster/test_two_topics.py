"""Two topics on a cluster: what is told of them is what one machine tells."""

from __future__ import annotations

import json
import random

import pytest

from lib.analysis.two_topics import Difference
from lib.cluster import blocks
from lib.cluster.settings import VARIABLE
from lib.simulate.__main__ import main as write_topic
from lib.ui import parameters
from lib.ui.cluster import loads as shared
from tests.cluster.conftest import read_files_of
from tests.cluster.same import FAULTS, assert_same
from tests.support.opened import (
    TWO_TOPICS,
    captions,
    chart,
    choose,
    files_of,
    go_to,
    metrics,
    open_app,
    press,
    settled,
)

OFFSETS = 1_000
"""Of a block, so that each topic is in several."""

START_MS = 1_545_230_000_000


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


@pytest.fixture
def any_field(tmp_path):
    """Records with keys, fields that few of them have, and one that is text in one topic."""
    chance = random.Random(3)
    paths = []
    for name in ("here", "there"):
        lines = []
        for i in range(3_000):
            value = {"device": f"d{i % 5}", "time": START_MS + 100 * i, "id": f"e{i}", "order": i}
            if 200 <= i < 260:
                value |= {"note": f"n{i}", "weight": i / 4, "is_new": i % 3 == 0, "tags": [i, "x"]}
            if i % 50 == 7 and name == "there":
                value |= {"note": "other", "is_new": True, "weight": i}
            if name == "there":
                value["order"] = str(i)
            if name == "here" or chance.random() > 0.02:
                ts = START_MS + 100 * i + (30 if name == "here" else 45 + i % 7)
                place = {"topic": name, "partition": i % 3, "ts": ts, "tstype": "create"}
                lines.append(place | {"key": f"k{i}", "payload": json.dumps(value)})
        for partition in range(3):
            own = [line for line in lines if line["partition"] == partition]
            for offset, line in enumerate(own):
                line["offset"] = offset
        path = tmp_path / f"{name}.jsonl"
        path.write_text("".join(f"{json.dumps(line)}\n" for line in lines))
        paths.append(path)
    return paths


@pytest.mark.parametrize(("by", "few_parts"), [("@key", blocks.FEW_PARTS), ("order", 0)])
def test_by_any_field_as_on_one_machine(any_field, client, both, monkeypatch, by, few_parts):
    here, there = any_field
    monkeypatch.setattr(blocks, "FEW_PARTS", few_parts)  # of more, Dask's shuffle is asked

    documents = both(
        *("--file", here, "--against", there, "--matched-by", by),
        address=client.scheduler.address,
        offsets=500,  # so that in each partition a block has none of the fields that few have
    )

    assert_same(documents)
    told = documents[1]["against"]
    assert told["in_both"] + told["only_here"] == 3_000
    assert told["only_here"] > 20
    assert told["changed_fields"].keys() == {"note", "weight", "is_new", "order"} - {by}


@pytest.mark.usefixtures("app_isolation")
def test_the_page_shows_what_it_shows_of_one_machine(two, cluster, tmp_path, monkeypatch):
    # Given both in a folder of the app, and what the page shows of them on one machine
    folder = files_of(tmp_path / "files", monkeypatch)
    for path in two:
        (folder / path.name).write_bytes(path.read_bytes())
    cluster.run(read_files_of, str(folder))
    link = {"source": "Files", "topic": "here", "other_topic": "there"}
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv(VARIABLE)
        on_one_machine = shown(open_app(TWO_TOPICS, **link))
    shared.st.cache_resource.clear()

    # When the cluster is asked for the first, and then to compare the two
    at = go_to(press(open_app(**link), "Ask the cluster"), TWO_TOPICS)
    assert "The Dask cluster can compare them" in "".join(text.value for text in at.markdown)
    at = press(at, "Compare on the cluster")

    # Then all is the same, for every kind of events that is listed
    assert metrics(at)["Reordered"] != "0"
    assert shown(at) == on_one_machine


def shown(at):
    """What the page shows, by time and by the time since start, for every kind of events."""
    found = [(metrics(at), captions(at), chart(at, 0), chart(at, 1))]
    for kind in Difference.ALL:
        choose(at, parameters.DIFFERENCE.name, kind)
        tables = [table.value.to_csv() for table in at.dataframe]
        found.append((kind, tables, [button.label for button in at.get("download_button")]))
    choose(at, parameters.ALIGNED.name, "start")
    return [str(each) for each in (*found, chart(settled(at.run())))]
