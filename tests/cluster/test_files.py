"""Files of a topic on a Dask cluster: the same bytes as of one machine."""

from __future__ import annotations

import json

import pytest

from lib.cluster import rows, topic
from lib.cluster.seen import EVERYTHING, Seen
from lib.events import export as capture
from lib.events.shown_events import FORMATS, written
from lib.events.table import TimeDomain, TimeWindow
from lib.loading.load import load
from lib.replay.engines.flink import FlinkSetting
from lib.replay.windows import SessionWindow
from lib.report.__main__ import main
from lib.report.on_cluster import as_asked, report_on_held
from lib.report.report import Asked
from lib.sources.base import Everything
from lib.sources.files.folder import OneFile
from lib.ui.cluster.told import OnCluster
from lib.ui.cluster_pages import export as cluster_export
from lib.ui.parts import export
from tests.cluster.test_replay import held_in_blocks

OFFSETS = 1_600
ROWS = 700
"""Of a piece that is brought, so that there are several."""


@pytest.fixture(scope="module")
def path(files, tmp_path_factory):
    """A topic of four partitions, not keyed, of which all fields have a role."""
    to = tmp_path_factory.mktemp("plain") / "plain.jsonl"
    lines = []
    for line in (files / "unkeyed.jsonl").read_text().splitlines():
        record = json.loads(line)
        event = json.loads(record["payload"])
        del event["Data"], event["Kind"]
        lines.append(json.dumps(record | {"payload": json.dumps(event)}))
    to.write_text("\n".join(lines))
    return to


@pytest.fixture(autouse=True)
def pieces(monkeypatch):
    monkeypatch.setattr(rows, "ROWS", ROWS)
    monkeypatch.setattr(capture, "_ROWS_AT_ONCE", 1_000)
    monkeypatch.setitem(topic.hold.__kwdefaults__, "offsets", OFFSETS)


@pytest.fixture(scope="module")
def here(path):
    return load(OneFile(path), path.stem, Everything())


@pytest.fixture(scope="module")
def there(client, path):
    return of_part(client, held_in_blocks(client, path, OFFSETS))


def of_part(client, held, of=None, where=(), seen=EVERYTHING):
    """Return a topic on a cluster, or what is seen of it, as pages are given it."""
    asked = Asked(where=where)
    quiet = {"doing": lambda _: None}
    held = as_asked(client, held, asked, seen=seen, **quiet)
    report = report_on_held(client, held, asked, seen=None if of is None else seen, **quiet)
    return OnCluster(client, held, report, whole=of)


@pytest.mark.parametrize(
    "arguments",
    [(), ("--where", "delay_ms > 100", "--correct-clocks"), ("--latest", "4000")],
)
def test_events_are_written_by_workers(client, path, tmp_path, arguments):
    contents = []
    for cluster in ((), ("--cluster", client.scheduler.address)):
        to = tmp_path / f"events{len(contents)}.parquet"
        outputs = ("--events", str(to), "--json", str(tmp_path / "x.json"))
        assert main(["--file", str(path), *arguments, *outputs, *cluster]) == 0
        contents.append(to.read_bytes())
    assert contents[0] == contents[1]
    assert len(contents[0]) > 40_000


def test_fields_without_a_role_are_left_out(client, files, tmp_path):
    path, to = files / "keyed.jsonl", tmp_path / "events.parquet"
    assert (
        main(["--file", str(path), "--events", str(to), "--cluster", client.scheduler.address]) == 0
    )
    every = load(OneFile(path), "keyed", Everything()).events.table
    found = load(OneFile(to), "events", Everything()).events.table
    left_out = ["Data.Errors", "Data.Values", "Kind"]
    assert found.equals(every.drop(columns=left_out))


@pytest.mark.parametrize(
    ("window", "clients", "where"),
    [
        (TimeWindow(), (), ()),
        (TimeWindow(TimeDomain.RECEIVED, 600, 1800), (), ()),
        (TimeWindow(TimeDomain.EVENT, 100, 2500), (3, 8), ("partition > 0",)),
    ],
)
def test_what_is_shown_is_exported(client, here, there, window, clients, where):
    told = there
    seen = Seen(window, tuple(map(str, clients)))
    if where or not seen.is_everything:
        told = of_part(client, there.held, there, where, seen)
    choice = {"window": window, "clients": clients, "where": where}
    for form in FORMATS:
        rows, part = export._shown(here, **choice)
        choice_there = choice | {"clients": seen.clients, "zero_ms": here.events.zero_ms}
        assert written(form, *cluster_export._shown(told, **choice_there)) == written(
            form, rows, part
        )


def test_dropped_events_are_exported(here, there):
    setting = FlinkSetting(SessionWindow(30_000), 0)
    found = cluster_export._dropped(there, asked=Asked(setting=setting))
    expected = export._dropped(here, setting=setting, key="ClientID")
    contents = [written("CSV", *each) for each in (found, expected)]
    assert contents[0] == contents[1]
    assert contents[0].count(b"\n") > 10


def test_zero_is_that_of_the_first_event_to_arrive(here, there):
    assert there.held.topic.contents.zero_ms == here.events.zero_ms
