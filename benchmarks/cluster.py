"""The report on a Dask cluster of this machine, against that of one process: figures, time, bytes.

`python -m benchmarks.cluster [--events 1000000 …] [--partitions 1 4] [--workers 2]` starts a broker
and single-threaded workers, fills topics keyed by client and not, and reports on each in one
process and on the cluster, with replay and advice of each of the `--engines`. It prints whether
the documents and what their charts draw are equal, the time that either took for the same
questions, what went over the network, and whether the same is told with a worker killed
meanwhile. From topics of three sizes follow the bytes
that an event and a client cost (`--bytes`).

`--beyond 40000000 --memory 400MB` reports on a topic that workers draw themselves and cannot hold:
none may be started again, and only Dask's own folder may be written to. `--drawn 10000000
100000000` compares the time an event of two such topics, in all memory; `--with-a-loss` reports
on each once more with a worker killed.

Last, the bars of all that was measured.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import sys
import time
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Event, Thread
from typing import TYPE_CHECKING, Any, Final

import dask
import numpy as np
from confluent_kafka import Producer
from distributed import WorkerPlugin
from distributed.comm import tcp

from benchmarks.drawn_topic import DrawnOrigin, DrawnTopic
from lib.cluster.connection import connected
from lib.cluster.origin import Origin
from lib.cluster.settings import LOCAL
from lib.cluster.topic import hold
from lib.loading.load import load
from lib.report.document import document_of
from lib.report.drawings import drawings_of, drawn_here
from lib.report.on_cluster import report_on_held
from lib.report.report import Asked, Report, report_on
from lib.report.settings import ENGINE_NAMES, WindowChoice, setting_of
from lib.simulate import Scenario, simulate
from lib.sources.access import OPERATOR
from lib.sources.base import Everything
from lib.sources.open import open_source
from lib.warm_up import warm_up
from tests.support.broker import create_topic, running_broker

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from distributed import Client

    from lib.sources.base import TopicSource

SLOWER: Final = 1.5
"""Times as long as one process, at most, on the same two processors, of `LARGE` topics."""
LARGE: Final = 10_000_000

STEEPER: Final = 1.3
"""Times as long an event of the larger topic takes as one of the smaller, at most."""


@dataclass(frozen=True)
class Measured:
    """What a report on a cluster took.

    Attributes
    ----------
    events, clients
        Of the topic.
    alone, cluster
        Seconds in one process, and on the cluster.
    alone_cpu, cluster_cpu
        Seconds of processors: what another load of the machine changes less.
    sent
        Bytes that workers, scheduler and client wrote to each other.
    same, same_with_loss
        Whether the document is that of one process; the latter with a worker killed meanwhile.
    """

    events: int
    clients: int
    alone: float
    cluster: float
    alone_cpu: float
    cluster_cpu: float
    sent: int
    same: bool
    same_with_loss: bool


class CountsBytes(WorkerPlugin):  # type: ignore[misc]
    """Counts what a worker writes to others."""

    name = "counts-bytes"

    def setup(self, worker: object) -> None:  # noqa: ARG002 (of the interface)
        """Begin to count."""
        count_bytes()


def count_bytes() -> None:
    """Count what this process writes to others."""
    write = tcp.TCP.write
    if hasattr(tcp.TCP, "bytes_written"):
        return

    async def counted(self: Any, *given: Any, **more: Any) -> int:  # noqa: ANN401
        size: int = await write(self, *given, **more)
        tcp.TCP.bytes_written += size  # in the module: who asks has another copy of this one
        return size

    tcp.TCP.bytes_written, tcp.TCP.write = 0, counted


def written() -> int:
    """Return how many bytes this process has written."""
    return int(tcp.TCP.bytes_written)


def told_alone(source: TopicSource, topic: str, engines: Sequence[str]) -> list[Report]:
    """Return the reports on a topic in this process, one for each engine."""
    loaded = load(source, topic, Everything(), cap=sys.maxsize)
    found = []
    for asked in map(asked_of, engines):
        report = report_on(loaded, asked)  # as on the cluster, each with its analyses
        found.append(replace(report, drawn=drawn_here(report)))
    return found


def asked_of(engine: str) -> Asked:
    """Return what a report is asked for that says nothing but its engine."""
    return Asked(setting_of(engine, WindowChoice(), None, None, ()))


def told_on_cluster(
    client: Client,
    source: TopicSource,
    origin: Origin,
    topic: str,
    engines: Sequence[str],
    *,
    loses: bool,
) -> list[Report]:
    """Return the reports on a topic on a cluster; `loses` kills a worker during the first."""
    began, lost = time.perf_counter(), not loses

    def doing(what: str) -> None:
        nonlocal lost
        if not lost and what.startswith("Asking what needs all events of a client"):
            os.kill(min(client.run(os.getpid).values()), signal.SIGKILL)
            lost = True
        print(f"  {time.perf_counter() - began:7.2f} s {what}", file=sys.stderr, flush=True)

    held = hold(client, source, origin, topic, Everything(), (), doing=doing)
    return [
        report_on_held(client, held, asked, doing=doing, outputs=("html",))
        for asked in map(asked_of, engines)
    ]


def figures(reports: Sequence[Report]) -> str:
    """Return what reports tell, and what their charts draw."""
    told: dict[str, object] = {}
    for report in reports:
        drawn = {each.name: [each.caption, each.spec, each.tables] for each in drawings_of(report)}
        document = document_of(report, {}) | {"charts": drawn}
        name = report.asked.setting.engine.name
        told |= {f"{name}: {what}": value for what, value in document.items()}
    return json.dumps(told, sort_keys=True)


def measure(broker: str, options: argparse.Namespace, scenario: Scenario, topic: str) -> Measured:
    """Fill a topic, report on it in both ways, and return what that took."""
    fill(broker, scenario, topic)
    source = open_source("kafka", {}, os.environ, OPERATOR)
    origin = Origin.of(source, "kafka")
    began, used = time.perf_counter(), time.process_time()
    reports = told_alone(source, topic, options.engines)
    took, cpu = time.perf_counter() - began, time.process_time() - used
    alone = figures(reports)
    with cluster(options) as client:
        pids = set(client.run(os.getpid).values())
        before = sent(client)
        began, used = time.perf_counter(), processors(client)
        reports = told_on_cluster(client, source, origin, topic, options.engines, loses=False)
        on_cluster, cluster_cpu = time.perf_counter() - began, processors(client) - used
        wrote = sent(client) - before
        if set(client.run(os.getpid).values()) != pids:
            print("  a worker was started again: too little memory")
        lossy = told_on_cluster(client, source, origin, topic, options.engines, loses=True)
        same_with_loss = figures(lossy) == alone
    same = figures(reports) == alone
    if not same:
        print_differences(alone, figures(reports))
    sizes = (scenario.events, scenario.clients)
    return Measured(*sizes, took, on_cluster, cpu, cluster_cpu, wrote, same, same_with_loss)


def fill(broker: str, scenario: Scenario, topic: str) -> None:
    """Fill a topic with the records of a scenario."""
    forever = {"retention.ms": "-1"}  # the records are of long ago
    create_topic(broker, topic, partitions=scenario.partitions, config=forever)
    # Without it, what is sent again while the topic is new comes out of order.
    in_order = {"enable.idempotence": True}
    producer = Producer({"bootstrap.servers": broker, "linger.ms": 50, **in_order})
    for block in simulate(scenario).batches(20_000):
        columns = (block[name].to_pylist() for name in ("partition", "timestamp", "key", "value"))
        for partition, time_ms, key, value in zip(*columns, strict=True):
            producer.produce(topic, value, key, partition, timestamp=time_ms)
        producer.flush()


def print_differences(one: str, other: str) -> None:
    """Print what two documents say otherwise."""
    ours, theirs = json.loads(one), json.loads(other)
    for name in ours:
        if ours[name] != theirs[name]:
            print(f"  {name}: {str(ours[name])[:200]} is not {str(theirs[name])[:200]}")


@contextmanager
def cluster(options: argparse.Namespace) -> Iterator[Client]:
    """Yield a client of workers that have compiled what they will need."""
    with connected(LOCAL, workers=options.workers, memory=options.memory) as client:
        client.register_plugin(CountsBytes())
        count_bytes()
        client.run(warm_up)
        yield client


def processors(client: Client) -> float:
    """Return the seconds of processors that workers, scheduler and client have used so far."""
    return float(sum(client.run(time.process_time).values()) + time.process_time())


def sent(client: Client) -> int:
    """Return the bytes that all have written so far."""
    return int(sum(client.run(written).values()) + written())


@dataclass(frozen=True)
class Drawn:
    """What a report took on a topic that workers draw.

    Attributes
    ----------
    seconds, cpu
        Of the report; of processors.
    held, elsewhere
        Bytes at most that Dask's folder held, and files in the one for what is temporary.
    restarted
        Whether a worker was started again.
    same_with_loss
        Whether the document is the same with a worker killed; None: not tried.
    """

    events: int
    seconds: float
    cpu: float
    held: int
    elsewhere: int
    restarted: bool
    same_with_loss: bool | None


def measure_drawn(options: argparse.Namespace, events: int, memory: str | None) -> Drawn:
    """Report on a topic that workers draw, and return what that took."""
    source = DrawnTopic(events)
    origin = DrawnOrigin("drawn", None, "", source)
    with TemporaryDirectory() as own, TemporaryDirectory() as others:
        os.environ["TMPDIR"] = others
        with (
            dask.config.set({"temporary-directory": own}),
            cluster(replaced(options, memory)) as client,
            largest(Path(own)) as held,
        ):
            pids = set(client.run(os.getpid).values())
            began, used = time.perf_counter(), processors(client)
            told = figures(
                told_on_cluster(client, source, origin, "drawn", options.engines, loses=False)
            )
            took, cpu = time.perf_counter() - began, processors(client) - used
            restarted = set(client.run(os.getpid).values()) != pids
            elsewhere = sum(1 for each in Path(others).rglob("*") if each.is_file())
            same = None
            if options.with_a_loss:
                same = (
                    figures(
                        told_on_cluster(
                            client, source, origin, "drawn", options.engines, loses=True
                        )
                    )
                    == told
                )
        del os.environ["TMPDIR"]
    return Drawn(events, took, cpu, max(held), elsewhere, restarted, same)


def replaced(options: argparse.Namespace, memory: str | None) -> argparse.Namespace:
    """Return options with another memory."""
    return argparse.Namespace(**{**vars(options), "memory": memory})


@contextmanager
def largest(folder: Path) -> Iterator[list[int]]:
    """Yield a list that gets how many bytes a folder holds, twice a second."""
    found, ended = [0], Event()

    def look() -> None:
        while not ended.wait(0.5):
            found.append(sum(sizes_in(folder)))

    thread = Thread(target=look)
    thread.start()
    try:
        yield found
    finally:
        ended.set()
        thread.join()


def sizes_in(folder: Path) -> Iterator[int]:
    """Yield the sizes of the files in a folder that others write and delete meanwhile."""
    for inside, _, names in os.walk(folder):  # which passes over what is gone
        for name in names:
            with suppress(FileNotFoundError):
                yield Path(inside, name).stat().st_size


def scenario_of(events: int, clients: int, partitions: int, *, keys: bool) -> Scenario:
    """Return traffic with everything that there is to find."""
    return Scenario(
        events=events, clients=clients, sessions=clients * 4, partitions=partitions, keys=keys,
        outage_share=0.05, shared_outages=2, lost_share=0.002, duplicate_share=0.002,
        disorder_share=0.01, clock_share=0.05, clock_drift_ppm=50.0, step_share=0.02,
        jitter="lognormal", jitter_ms=30.0,
    )  # fmt: skip


def show(name: str, m: Measured) -> None:
    """Print one row."""
    same = "equal" if m.same else "NOT EQUAL"
    lossy = "equal" if m.same_with_loss else "NOT EQUAL"
    print(
        f"{name:34}{m.alone:9.2f}{m.cluster:9.2f}{m.cluster / m.alone:8.2f}"
        f"{m.cluster_cpu / m.alone_cpu:8.2f}"
        f"{m.sent / m.events:12.1f}  {same:10}{lossy}",
        flush=True,
    )


def show_bytes(few: Measured, many: Measured, more_clients: Measured) -> None:
    """Print what an event and a client cost over the network, from three topics."""
    unknown = np.array([[m.events, m.clients, 1] for m in (few, many, more_clients)], float)
    each_event, each_client, rest = np.linalg.solve(
        unknown, [m.sent for m in (few, many, more_clients)]
    )
    print(
        f"\nover the network: {each_event:,.1f} bytes an event, {each_client:,.0f} bytes a client, "
        f"{rest / 1e6:,.1f} MB whatever the topic"
    )


def show_drawn(m: Drawn) -> None:
    """Print what a report on a drawn topic took."""
    lossy = {None: "", True: ", equal with a loss", False: ", NOT EQUAL with a loss"}
    print(
        f"{m.events:,} drawn: {m.seconds:.1f} s, {m.seconds / m.events * 1e6:.2f} µs an event, "
        f"{m.cpu / m.events * 1e6:.2f} µs of processors, "
        f"{m.held / 1e6:,.0f} MB in Dask's folder, {m.elsewhere} files elsewhere, "
        f"{'A WORKER STARTED AGAIN' if m.restarted else 'no worker started again'}"
        f"{lossy[m.same_with_loss]}",
        flush=True,
    )


def show_bars(rows: list[Measured], beyond: Drawn | None, drawn: list[Drawn]) -> bool:
    """Print every bar with what was measured, and return whether all of those are held."""
    bars: list[tuple[str, float, str, float]] = []
    if rows:
        lossy = all(row.same_with_loss for row in rows)
        bars += [
            ("every document equal", float(all(row.same for row in rows)), ">=", 1),
            ("equal with a worker killed", float(lossy), ">=", 1),
        ]
    if large := [row.cluster / row.alone for row in rows if row.events >= LARGE]:
        bars.append((f"times one process, from {LARGE:,} events on", max(large), "<=", SLOWER))
    if beyond is not None:
        bars += [
            ("workers started again, beyond memory", float(beyond.restarted), "<=", 0),
            ("files elsewhere, beyond memory", float(beyond.elsewhere), "<=", 0),
        ]
    if len(drawn) > 1:
        less, more = (each.seconds / each.events for each in (drawn[0], drawn[-1]))
        bars.append((f"time an event of {drawn[-1].events:,}", more / less, "<=", STEEPER))
    lossy_drawn = [m.same_with_loss for m in (beyond, *drawn) if m and m.same_with_loss is not None]
    if lossy_drawn:
        bars.append(("drawn, equal with a worker killed", float(all(lossy_drawn)), ">=", 1))
    print()
    holds = [value >= bar if side == ">=" else value <= bar for _, value, side, bar in bars]
    for (name, value, side, bar), held in zip(bars, holds, strict=True):
        print(f"{'held  ' if held else 'MISSED'} {name}: {value:.2f} {side} {bar:g}")
    return all(holds)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--events", type=int, nargs="*", default=[250_000, 1_000_000])
    parser.add_argument("--partitions", type=int, nargs="+", default=[1, 4])
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--memory", help="of a worker, as 400MB; by default, its share")
    parser.add_argument("--engines", nargs="+", default=ENGINE_NAMES[:1], choices=ENGINE_NAMES)
    parser.add_argument("--bytes", action="store_true", help="of an event and a client")
    parser.add_argument("--beyond", type=int, help="events of a topic beyond --memory")
    parser.add_argument("--drawn", type=int, nargs="*", default=[], help="events of drawn topics")
    parser.add_argument("--with-a-loss", action="store_true", help="drawn topics, too")
    options = parser.parse_args()
    warm_up()
    rows = on_broker(options) if options.events else []
    beyond = measure_drawn(options, options.beyond, options.memory) if options.beyond else None
    drawn = []
    for events in options.drawn:
        drawn.append(measure_drawn(options, events, None))
        show_drawn(drawn[-1])
    if beyond is not None:
        show_drawn(beyond)
    sys.exit(not show_bars(rows, beyond, drawn))


def on_broker(options: argparse.Namespace) -> list[Measured]:
    """Measure and print what takes a broker."""
    rows: list[Measured] = []
    with running_broker() as broker:
        servers = broker.bootstrap_servers
        os.environ["KAFKA_BOOTSTRAP_SERVERS"] = servers
        heads = f"{'alone s':>9}{'cluster':>9}{'times':>8}{'of CPU':>8}{'bytes/event':>12}"
        print(f"{'':34}{heads}  with a loss")
        for events in options.events:
            for partitions in options.partitions:
                for keys in (True, False) if partitions > 1 else (True,):
                    name = f"{events}-{partitions}-{'keyed' if keys else 'unkeyed'}"
                    scenario = scenario_of(events, events // 1_000, partitions, keys=keys)
                    rows.append(measure(servers, options, scenario, name))
                    show(name, rows[-1])
        if not options.bytes:
            return rows
        few, many = min(options.events), max(options.events)
        sized = [
            measure(
                *(servers, options),
                scenario_of(events, clients, options.partitions[-1], keys=False),
                f"{events}-of-{clients}",
            )
            for events, clients in ((few, few // 500), (many, few // 500), (few, few // 50))
        ]
    for row in sized:
        show(f"{row.events:,} of {row.clients:,} clients", row)
    show_bytes(*sized)
    return [*rows, *sized]


if __name__ == "__main__":
    main()
