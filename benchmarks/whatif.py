"""How fast settings are replayed: `python -m benchmarks.whatif`.

Prints one setting of each engine on 1,000,000 events (to take 1 s at most), a 10 × 10 grid of gap
and delay on 100,000 (3 s), a replay in plain Python beside it, and the growth from 10,000 to
10,000,000 events. Compile time is not in them; it is printed first.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import numpy as np

from benchmarks.plain_replay import replay_plainly
from lib.replay.engine import Setting, replay, with_delay, with_length
from lib.replay.engines.beam import BeamSetting
from lib.replay.engines.flink import FlinkSetting
from lib.replay.engines.kafka_streams import KafkaStreamsSetting
from lib.replay.engines.spark import SparkSetting
from lib.replay.input import ReplayInput, replay_input
from lib.replay.registry import warm_up
from lib.replay.sweep import curve
from lib.replay.windows import SessionWindow

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

SESSION = SessionWindow(30_000)
FLINK = FlinkSetting(SESSION, delay_ms=5_000, emission_ms=0, per_partition=False)
SETTINGS: dict[str, Setting] = {
    "Flink, after every event": FLINK,
    "Flink, every 200 ms, per partition, idle 60 s": FlinkSetting(
        SESSION, delay_ms=5_000, idle_ms=60_000
    ),
    "Flink, catching up": FlinkSetting(SESSION, delay_ms=5_000, catching_up=True),
    "Kafka Streams": KafkaStreamsSetting(SESSION, grace_ms=5_000),
    "Spark, live": SparkSetting(SESSION, delay_ms=5_000),
    "Spark, all waiting, batches of 1,000": SparkSetting(
        SESSION, delay_ms=5_000, waiting=True, batch_records=1_000
    ),
    "Beam": BeamSetting(SESSION, delay_ms=5_000),
}


def topic(events: int) -> tuple[ReplayInput, NDArray[np.int64]]:
    """Return events of 1,000 clients on 8 partitions, and their true sessions.

    Each client has sessions of 100 events, 2 s apart on average, and 10 min of silence between
    them. One event in fifty comes up to 5 min late.
    """
    rng = np.random.default_rng(26_010)
    clients = max(1, min(1_000, events // 100))
    each = -(-events // clients)
    client = np.repeat(np.arange(clients), each)
    number = np.tile(np.arange(each), clients)
    pause = np.where(number % 100 == 0, 600_000, rng.exponential(2_000, len(client)))
    happened = np.cumsum(pause.reshape(clients, each), axis=1).astype(np.int64).ravel()
    received = happened + rng.exponential(300, len(client)).astype(np.int64)
    late = rng.random(len(client)) < 0.02
    received[late] += rng.integers(0, 300_000, late.sum())
    order = np.argsort(received, kind="stable")[:events]
    sessions = client * (each // 100 + 1) + number // 100
    return (
        replay_input(happened[order], client[order], client[order] % 8, received[order]),
        sessions[order],
    )


def seconds(work: Callable[[], object], times: int = 3) -> float:
    """Return the shortest of several runs."""
    best = float("inf")
    for _ in range(times):
        begin = time.perf_counter()
        work()
        best = min(best, time.perf_counter() - begin)
    return best


def main() -> None:
    """Print all figures."""
    print(f"compile, or load what was compiled  {seconds(warm_up, 1):7.2f} s\n")

    million, _ = topic(1_000_000)
    print("one setting on 1,000,000 events, at most 1 s")
    for name, setting in SETTINGS.items():
        replayed = replay(million, setting)
        took = seconds(lambda: replay(million, setting))  # noqa: B023 - called at once
        print(f"  {name:46} {took:7.3f} s  {replayed.dropped:,} dropped")

    small, sessions = topic(100_000)
    grid = [
        with_delay(with_length(FLINK, int(gap)), int(delay))
        for gap in np.geomspace(1_000, 600_000, 10)
        for delay in np.geomspace(100, 300_000, 10)
    ]
    took = seconds(lambda: curve(small, grid, sessions))
    print(f"\n10 × 10 gaps and delays on 100,000 events, at most 3 s  {took:7.3f} s")

    print("\nthe same replay in plain Python, 100,000 events")
    for name, setting in SETTINGS.items():
        ours = seconds(lambda: replay(small, setting))  # noqa: B023
        plain = seconds(lambda: replay_plainly(small, setting), 1)  # noqa: B023
        print(f"  {name:46} {plain:7.2f} s  {plain / ours:6.0f} times as long")

    print("\ngrowth, Flink after every event")
    for events in (10_000, 100_000, 1_000_000, 10_000_000):
        grown, _ = topic(events)
        took = seconds(lambda: replay(grown, FLINK))  # noqa: B023
        print(f"  {events:>12,} events {took:9.4f} s  {took / events * 1e9:6.0f} ns an event")


if __name__ == "__main__":
    main()
