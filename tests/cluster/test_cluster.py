"""The report of a topic on a Dask cluster, against that of this process."""

from __future__ import annotations

import itertools
import json
import math
import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from queue import Queue
from threading import Thread
from types import ModuleType

import cloudpickle
import dask
import numpy as np
import pyarrow as pa
import pytest
from distributed import Client
from hypothesis import given
from hypothesis import strategies as st

from lib.cluster import asking, blocks, topic
from lib.cluster.asking import answer, ask, shared_out
from lib.cluster.blocks import Beginning, block_offsets
from lib.cluster.connection import another, connected
from lib.cluster.origin import Origin
from lib.cluster.settings import LOCAL, VARIABLE, cluster_address
from lib.cluster.shared_sessions import components
from lib.cluster.topic import hold
from lib.core.blockwise import Answer, Carry, Pool, Whole, added, joined
from lib.core.errors import NotInBlocksError, SettingsError
from lib.report.__main__ import main
from lib.report.document import document_of
from lib.report.on_cluster import report_on_held
from lib.report.report import Asked
from lib.simulate.__main__ import main as write_topic
from lib.sources.access import OPERATOR
from lib.sources.base import Everything, Plan, Span
from lib.sources.files.folder import OneFile
from lib.sources.open import open_source
from tests.cluster.same import FAULTS, assert_same
from tests.support.app import REPOSITORY
from tests.support.opened import PATIENCE_S


@given(
    st.lists(st.sets(st.sampled_from("abcx"), max_size=2), min_size=1, max_size=40),
    st.fixed_dictionaries({name: st.integers(1, 4) for name in "abc"}),
)
def test_no_worker_is_asked_about_much_more_than_its_share(holders, threads):
    places = shared_out(holders, threads)
    for worker, own in threads.items():
        share = len(holders) * own / sum(threads.values())
        assert places.count(worker) <= math.ceil(1.2 * share) + 1


def test_a_block_is_asked_where_it_is():
    assert shared_out([{"a"}, {"b"}, {"b"}, {"a", "b"}], {"a": 1, "b": 1}) == ["a", "b", "b", "a"]
    # and one whose worker is lost, or has too many, elsewhere
    assert shared_out([{"lost"}, {"b"}], {"a": 1, "b": 1}) == ["a", "b"]
    assert shared_out([{"a"}] * 10, {"a": 1, "b": 1}).count("b") == 4
    assert shared_out([{"lost"}], {}) == [None]  # until there are workers again


class TestSameDocument:
    @pytest.mark.parametrize(("name", "offsets"), [("sessions-10", 90), ("sessions-100", 4_000)])
    def test_of_the_samples(self, client, both, name, offsets):
        address = client.scheduler.address
        topic = "--source", "samples", "--topic", name
        assert_same(both(*topic, address=address, offsets=offsets, and_page=True))

    def test_of_more_parts_than_tasks_bring_together(self, client, both, monkeypatch):
        monkeypatch.setattr(blocks, "FEW_PARTS", 0)
        arguments = ("--source", "samples", "--topic", "sessions-10")
        assert_same(both(*arguments, address=client.scheduler.address, offsets=90))

    @pytest.mark.parametrize(
        ("clients", "sessions"), [([1, 2, 3], 300), (["a", None, "b"], 300), ([5, None], 0)]
    )
    def test_of_more_names_than_each_block_has(
        self, client, both, monkeypatch, tmp_path, clients, sessions
    ):
        # Given blocks of 100 sessions each, which need a larger type of number together
        monkeypatch.setattr(blocks, "FEW_PARTS", 0)
        lines = [
            {"ts": 1_704_164_650_000 + 700 * n, "client": clients[n // 3 % len(clients)]}
            | ({"session": f"s{n // 3}"} if sessions else {})
            for n in range(900)
        ]
        path = tmp_path / "x.jsonl"
        path.write_text("\n".join(map(json.dumps, lines)))
        # When they are brought together by Dask's own shuffle, Then that succeeds
        documents = both("--file", path, address=client.scheduler.address, offsets=300)
        assert_same(documents)
        assert documents[1]["sessions"] > 127 or not sessions

    def test_of_several_partitions(self, client, both, files):
        address = client.scheduler.address
        path = files / "keyed.jsonl"
        documents = both("--file", path, address=address, offsets=1_600, and_page=True)
        assert_same(documents)
        assert documents[0]["outages"]
        assert documents[0]["findings"]

    def test_without_sessions_and_with_rejected_records(self, client, both, tmp_path):
        lines = [{"ts": 1_704_164_650_000 + 700 * n, "client": "abc"[n % 3]} for n in range(900)]
        lines[5] = {"client": "a"}
        path = tmp_path / "x.jsonl"
        path.write_text("\n".join([*map(json.dumps, lines), "no JSON"]))
        documents = both("--file", path, address=client.scheduler.address, offsets=300)
        assert_same(documents)
        assert sum(documents[0]["rejected"].values()) == 2

    def test_with_sent_times_and_an_event_of_another_day(self, client, both, tmp_path):
        path = tmp_path / "sent.jsonl"
        write_topic(["--out", str(path), "--sent-times", "--partitions", "3", *FAULTS])
        lines = path.read_text().splitlines()
        record = json.loads(lines[700])
        event = json.loads(record["payload"])
        dated = event | {"Timestamp": event["Timestamp"] + 3 * 86_400_000}
        lines[700] = json.dumps(record | {"payload": json.dumps(dated)})
        path.write_text("\n".join(lines))
        documents = both("--file", path, address=client.scheduler.address, offsets=1_000)
        assert_same(documents)
        said = " ".join(documents[1]["findings"])
        assert "that cannot be" in said
        assert "when they were sent" in said

    def test_with_clocks_corrected(self, client, both, files):
        address, path = client.scheduler.address, files / "unkeyed.jsonl"
        documents = both("--file", path, "--correct-clocks", address=address, offsets=1_600)
        assert_same(documents)
        assert documents[1]["made"]["corrected"]

    @pytest.mark.parametrize(
        "condition",
        [
            "client IN (2, 3, 5)",
            "delay_ms > 100 AND partition < 2",
            "client = 999",
            "Kind = 'd' AND Values > 40",
            "NOT 'M' OR data.errors = 1",  # a text in any field
        ],
    )
    def test_of_what_a_filter_leaves(self, client, both, files, condition):
        address, path = client.scheduler.address, files / "unkeyed.jsonl"
        asked = "--file", path, "--where", condition
        documents = both(*asked, address=address, offsets=1_600, and_page=True)
        assert_same(documents)
        assert documents[1]["made"]["where"] == [condition]

    @pytest.mark.parametrize(
        ("key", "engine", "keys"),
        [
            ("Kind", "kafka-streams", {"d", "m"}),
            ("Code", "flink", {"0", "1", "2", "null"}),  # a number that some events lack
        ],
    )
    def test_of_windows_by_a_field(self, client, both, files, tmp_path, key, engine, keys):
        # Given events with a code, and windows of a field as one machine and a cluster write them
        path = tmp_path / "coded.jsonl"
        with path.open("w") as file:
            for n, line in enumerate((files / "unkeyed.jsonl").read_text().splitlines()):
                record = json.loads(line)
                event = json.loads(record["payload"]) | ({"Code": n % 4} if n % 4 < 3 else {})
                print(json.dumps(record | {"payload": json.dumps(event)}), file=file)
        windows = "--window", "tumbling", "--size", "20s", "--delay", "0s", "--engine", engine
        paths = [tmp_path / "windows.csv", tmp_path / "dropped.csv"]
        outputs = "--windows", paths[0], "--dropped", paths[1]
        asked = "--file", path, "--key", key, *windows
        address = client.scheduler.address
        documents = both(*asked, address=address, offsets=1_600, and_page=True)
        assert main([*map(str, (*asked, *outputs))]) == 0
        expected = [path.read_text() for path in paths]
        assert main([*map(str, (*asked, *outputs)), "--cluster", address]) == 0
        # Then they are the same, and so are the documents
        assert_same(documents)
        assert documents[1]["replay"]["dropped"]
        assert [path.read_text() for path in paths] == expected
        assert {line.split(",")[0] for line in expected[0].splitlines()[1:]} == keys

    def test_of_what_a_filter_leaves_of_windows_of_partitions(self, client, both, files):
        windows = "--key", "partition", "--window", "tumbling", "--size", "1m", "--delay", "0s"
        asked = "--file", files / "unkeyed.jsonl", "--where", "client IN (2, 3)", *windows
        documents = both(*asked, address=client.scheduler.address, offsets=1_600)
        assert_same(documents)
        assert documents[1]["replay"]["true_sessions"]["mixed"]

    @pytest.mark.parametrize(
        ("asked", "said"),
        [
            (("--where", "Kid = 'd'"), "There is no field “Kid”. There is Kind"),
            (("--key", "Kid"), "Windows cannot be grouped by “Kid”. Choose one of client, "),
            (("--key", "EventID"), "Windows cannot be grouped by “EventID”."),
            (("--key", "note"), "Windows cannot be grouped by “note”."),  # that has no two alike
        ],
    )
    def test_of_what_is_no_such_field_nothing_is_told(
        self, client, tmp_path, capsys, monkeypatch, asked, said
    ):
        monkeypatch.setitem(topic.hold.__kwdefaults__, "offsets", 300)
        lines = [
            {"ts": 1_704_164_650_000 + 700 * n, "client": "abc"[n % 3], "Kind": "dm"[n % 2],
             "EventID": n, "note": f"n{n}", "received": 1_704_164_650_020 + 700 * n + n * 37 % 90}
            for n in range(900)
        ]  # fmt: skip
        path = tmp_path / "x.jsonl"
        path.write_text("\n".join(map(json.dumps, lines)))
        asked = ["--file", str(path), "--fields=received_time=received", *asked]
        assert main(asked) == 2
        assert said.partition(" Choose")[0] in capsys.readouterr().err
        assert main([*asked, "--cluster", client.scheduler.address]) == 2
        assert said in capsys.readouterr().err

    @pytest.mark.parametrize(
        "asked", [(), ("--where", "client IN (2, 5, 'c3')"), ("--key", "session")]
    )
    def test_of_sessions_that_two_clients_share(self, client, both, tmp_path, asked):
        # Given people with two devices each, of which one goes silent, and events that are lost
        # or have no session
        lot, path, sent, lines = random.Random(4), tmp_path / "x.jsonl", Counter(), []
        for n in range(3_000):
            device = lot.randrange(24)
            person, happened = device // 2, 1_704_164_650_000 + 700 * n
            sent[person] += 1
            if n // 300 == device % 10 or lot.random() < 0.01:
                continue
            event = {"ts": happened, "client": f"c{device}", "seq": sent[person]}
            if lot.random() < 0.99:
                event["session"] = f"s{person}"
            lines.append({"topic": "x", "partition": 0, "offset": len(lines),
                          "tstype": "logappend", "ts": happened + lot.randrange(90),
                          "payload": json.dumps(event)})  # fmt: skip
        path.write_text("\n".join(map(json.dumps, lines)))
        # When it is asked, also of a part and by session
        documents = both("--file", path, *asked, address=client.scheduler.address, offsets=600,
                         and_page=True)  # fmt: skip
        # Then all is told, and the same
        assert_same(documents)
        assert asked[:1] == ("--where",) or documents[1]["sequence_numbers"]["lost"]

    @pytest.mark.parametrize(
        ("number", "said"),
        [
            (lambda n: n // 9, "several clients share link clients with more"),
            (lambda n: n, "may count the events of a partition"),  # and sessions are of clients
        ],
    )
    @pytest.mark.parametrize("where", [None, "client IN ('c1', 'c2')", "partition = 0 OR seq < 9"])
    def test_what_needs_events_of_several_clients(
        self, client, both, tmp_path, number, said, where
    ):
        # Given a topic of which outages and losses are not told on a cluster
        of_clients = number(1) == 1
        lines = [
            {"ts": 1_704_164_650_000 + 700 * n, "client": f"c{n % 9}", "session":
             f"s{n % 9 if of_clients else n // 400}", "received":
             1_704_164_650_020 + 700 * n + n % 7, "seq": number(n)}
            for n in range(1_800)
        ]  # fmt: skip
        path = tmp_path / "x.jsonl"
        path.write_text("\n".join(map(json.dumps, lines)))
        fields = "--fields=received_time=received", "--fields=session=session"
        # When it is asked, also of what a filter leaves
        asked = "--file", path, *fields, *(("--where", where) if where else ())
        documents = both(*asked, address=client.scheduler.address, offsets=600)
        # Then all else is the same
        assert_same(documents, but={"outages", "quiet", "sequence_numbers", "findings"})
        assert where or said in documents[1]["withheld"]["outages"]


@pytest.mark.kafka
def test_of_the_newest_records_on_a_broker(both, samples_on_broker, monkeypatch):
    monkeypatch.setenv("KAFKA_BOOTSTRAP_SERVERS", samples_on_broker)
    arguments = ("--source", "kafka", "--topic", "sessions-100", "--latest", 1_500)
    documents = both(*arguments, address=LOCAL, offsets=400)
    assert_same(documents)
    assert documents[1]["events"] == 1_500


@given(st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9)), max_size=15))
def test_nodes_are_connected_by_any_number_of_edges(edges):
    one, other = np.array(edges, np.int64).reshape(-1, 2).T
    smallest = [*range(10)]
    for _ in range(10):  # the smallest node goes one edge further each time
        for a, b in edges:
            smallest[a] = smallest[b] = min(smallest[a], smallest[b])
    assert components(one, other, 10).tolist() == smallest


def sums(values):
    """Ask for how many values came before, and the sum of the values times how many there are."""
    n = yield Pool(len(values), added)
    before = yield Carry(len(values), added, 0)
    return Answer(np.array([before, n * int(values.sum())]), joined, np.ndarray.tolist)


PERIODIC = "heartbeat", "scheduler-info-interval"
"""What a client does now and then, as Dask calls it."""


class TestAsking:
    def test_each_round_is_told_what_all_blocks_said(self, client):
        blocks = client.map(np.arange, [3, 1, 4], pure=False)
        assert ask(client, sums, blocks) == [0, 24, 3, 0, 4, 48]

    @pytest.mark.parametrize("blocks", [8, 9, 19, 100])
    def test_of_many_blocks_none_is_told_before_another(self, client, blocks):
        sizes = [1 + number % 3 for number in range(blocks)]
        firsts = itertools.accumulate(sizes[:-1], initial=0)
        totals = [sum(sizes) * sum(range(size)) for size in sizes]
        expected = [*itertools.chain.from_iterable(zip(firsts, totals, strict=True))]
        asked = client.map(np.arange, sizes, pure=False)
        assert ask(client, sums, asked) == expected
        assert answer(client, sums, asked).result() == expected

    def test_what_needs_one_block_is_not_told_of_several(self, client):
        def whole(_):
            yield Whole("All is needed.")
            return Answer(1, added, int)

        blocks = client.map(np.arange, [3, 1], pure=False)
        with pytest.raises(NotInBlocksError, match="All is needed"):
            ask(client, whole, blocks)
        assert ask(client, whole, blocks[:1]) == 1

    def test_what_a_worker_has_no_room_to_keep_is_asked_anew(self, client):
        blocks = client.map(np.arange, [3, 1, 4], pure=False)
        client.run(_leave_room, 0.0)
        try:
            assert ask(client, sums, blocks) == [0, 24, 3, 0, 4, 48]
        finally:
            client.run(_leave_room, asking.ROOM)

    def test_the_client_of_a_topic_waits_for_itself_alone(self, client):
        # Given a client that is not Dask's current one, and nothing that wakes either soon
        answers = Queue()
        address = client.scheduler.address
        with (
            dask.config.set({f"distributed.client.{each}": "1h" for each in PERIODIC}),
            another(client) as of_topic,
            Client(address),
        ):
            blocks = of_topic.map(np.arange, [3, 1, 4], pure=False)
            # When it asks
            asks = Thread(target=lambda: answers.put(ask(of_topic, sums, blocks)), daemon=True)
            asks.start()
            # Then it is answered: a wait in the loop of another client does not end
            assert answers.get(timeout=PATIENCE_S) == [0, 24, 3, 0, 4, 48]

    def test_a_question_is_kept_nowhere_afterwards(self, client):
        blocks = client.map(np.arange, [3, 1, 4], pure=False)
        ask(client, sums, blocks)
        assert set(client.run(_kept).values()) == {0}


def _kept():
    from lib.cluster.asking import _KEPT  # noqa: PLC0415 (of the worker)

    return len(_KEPT)


def _leave_room(share):
    from lib.cluster import asking  # noqa: PLC0415 (of the worker)

    asking.ROOM = share


def test_a_lost_worker_costs_no_figure(files, tmp_path):
    path = files / "unkeyed.jsonl"
    assert main(["--file", str(path), "--json", str(tmp_path / "one.json")]) == 0
    one = json.loads((tmp_path / "one.json").read_text())
    source = OneFile(path)
    lost = []

    def doing(what):
        if what.startswith("Asking what needs all events of a client"):
            lost.append(min(client.run(os.getpid).values()))
            os.kill(lost[0], signal.SIGKILL)

    with connected(LOCAL, workers=2) as client:
        origin = Origin.of(source, "file", str(path))
        held = hold(client, source, origin, "unkeyed", Everything(), (), doing=doing, offsets=1_600)
        report = report_on_held(client, held, Asked(), doing=doing)
        assert lost[0] not in client.run(os.getpid).values()
    document = json.loads(json.dumps(document_of(report, one["made"])))
    assert_same((one, document))


def with_unused_memory(dask_worker):
    """Leave a worker short of memory, of which Arrow holds much that nobody uses; return it all."""
    buffers = [pa.allocate_buffer(100_000) for _ in range(3_000)]
    for buffer in buffers:
        np.frombuffer(buffer, np.uint8)[:] = 1
    del buffers, buffer
    taken = dask_worker.monitor.get_process_memory()
    dask_worker.memory_manager.memory_limit = int(taken / 0.75)
    return taken


def memory_of(dask_worker):
    return dask_worker.monitor.get_process_memory()


def test_a_worker_short_of_memory_gives_back_what_arrow_does_not_use():
    with connected(LOCAL, workers=1) as client:
        (before,) = client.run(with_unused_memory).values()
        deadline = time.monotonic() + PATIENCE_S
        while (now := next(iter(client.run(memory_of).values()))) > before - 200e6:
            assert time.monotonic() < deadline, now
            time.sleep(0.1)


def test_workers_do_not_run_the_page_that_a_server_drew_last(tmp_path, monkeypatch):
    # Streamlit makes the script that it runs `__main__`, which new processes import.
    page = ModuleType("__main__")
    script = tmp_path / "page.py"
    script.write_text("raise RuntimeError('run as a page')")
    page.__file__ = str(script)
    monkeypatch.setitem(sys.modules, "__main__", page)
    with connected(LOCAL, workers=1) as client:
        assert client.submit(sum, [1, 2]).result() == 3


class TestSizeOfBlocks:
    @pytest.mark.parametrize(
        ("offsets", "memory", "threads", "expected"),
        [
            (1_000, None, 1, 100_000),  # fewer are not worth their rounds
            (6_000_000, None, 1, 1_000_000),  # three blocks for each of two threads
            (6_000_000, None, 2, 500_000),
            (6_000_000, 1_000_000_000, 1, 275_712),  # what the memory takes
            (10**9, None, 1, 4_000_000),
        ],
    )
    def test_is_told_by_workers_and_topic(self, offsets, memory, threads, expected):
        workers = [{"memory_limit": memory, "nthreads": threads}] * 2
        plan = Plan("topic", Everything(), (Span(0, 0, offsets),), ())
        assert block_offsets(workers, plan) == expected

    def test_too_little_memory_is_said(self):
        plan = Plan("topic", Everything(), (Span(0, 0, 9),), ())
        with pytest.raises(SettingsError, match=r"A worker has 400 MB .* too little"):
            block_offsets([{"memory_limit": 400_000_000, "nthreads": 1}], plan)


class TestSettings:
    def test_an_address_comes_from_the_environment_before_the_secrets(self):
        secrets = {"cluster": {"address": "tcp://one:8786"}}
        assert cluster_address({}, {}) is None
        assert cluster_address(secrets, {}) == "tcp://one:8786"
        assert cluster_address(secrets, {VARIABLE: LOCAL}) == LOCAL

    @pytest.mark.parametrize(
        ("secrets", "said"),
        [
            ({"cluster": "tcp://one:8786"}, "no table"),
            ({"cluster": {"address": "one:8786"}}, "no address of a Dask scheduler"),
            ({"cluster": {"adress": "tcp://one:8786"}}, "unknown setting: adress"),
            ({"cluster": {"from_records": "many"}}, "from_records in"),
        ],
    )
    def test_what_cannot_be_used_is_said(self, secrets, said):
        with pytest.raises(SettingsError, match=said):
            cluster_address(secrets, {})

    def test_a_topic_is_followed(self, client, tmp_path, monkeypatch):
        # Given a topic that grows while the first report waits for the second
        path, written = tmp_path / "grows.jsonl", tmp_path / "report.json"
        write_topic(["--out", str(path), "--events", "200"])
        lines = path.read_text().splitlines(keepends=True)
        path.write_text("".join(lines[:100]))
        events = []

        def wait(_):
            events.append(json.loads(written.read_text())["events"])
            path.write_text("".join(lines))

        monkeypatch.setattr("lib.report.__main__.sleep", wait)
        # When it is reported twice
        asked = ["--file", str(path), "--cluster", client.scheduler.address]
        assert main([*asked, "--every", "1s", "--times", "2", "--json", str(written)]) == 0
        # Then the second report has what came
        events.append(json.loads(written.read_text())["events"])
        assert events == [100, 200]

    def test_without_an_address_one_has_to_be_set(self, capsys, monkeypatch):
        monkeypatch.delenv(VARIABLE, raising=False)
        assert main(["--source", "samples", "--topic", "sessions-10", "--cluster"]) == 2
        assert "No Dask cluster is set." in capsys.readouterr().err

    def test_settings_that_lead_elsewhere_are_refused(self, client):
        origin = Origin("samples", None, "another folder")
        with pytest.raises(SettingsError, match="are not those here"):
            client.submit(origin.opened, pure=False).result()


def test_no_credential_is_in_what_workers_are_sent(monkeypatch):
    monkeypatch.setenv("KAFKA_BOOTSTRAP_SERVERS", "broker:9092")
    monkeypatch.setenv("KAFKA_SECURITY_PROTOCOL", "SASL_SSL")
    monkeypatch.setenv("KAFKA_SASL_MECHANISM", "PLAIN")
    monkeypatch.setenv("KAFKA_SASL_USERNAME", "robert")
    monkeypatch.setenv("KAFKA_SASL_PASSWORD", "hunter2")
    source = open_source("kafka", {}, os.environ, OPERATOR)
    origin = Origin.of(source, "kafka")
    beginning = Beginning("token", origin, (), ())
    sent = cloudpickle.dumps(beginning)
    for credential in (b"hunter2", b"robert", b"broker:9092"):
        assert credential not in sent


def test_dask_is_imported_by_who_asks_for_it_alone(tmp_path):
    report = (
        "import sys; from lib.report.__main__ import main;"
        "assert main(['--source', 'samples', '--topic', 'sessions-10', '--json', 'r.json']) == 0;"
        "assert not {'dask', 'distributed'} & sys.modules.keys()"
    )
    app = (
        "import runpy; from functools import partial; from streamlit.runtime.scriptrunner import "
        "script_runner; script_runner._mpa_v1 = partial(runpy.run_path, run_name='__main__');"
        "from tests.support.opened import metrics, open_app;"
        "assert metrics(open_app(topic='sessions-10'))['Events'] == '255';"
        "assert not {'dask', 'distributed'} & sys.modules.keys()"
    )
    environment = {**os.environ, "PYTHONPATH": str(REPOSITORY), "HOME": str(tmp_path)}
    both = f"{report};{app}"
    subprocess.run([sys.executable, "-c", both], cwd=tmp_path, env=environment, check=True)
