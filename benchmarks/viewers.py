"""How the app serves many viewers of one large topic, measured over their websockets.

`python -m benchmarks.viewers` simulates a topic, starts the app on it, and has one viewer, then 50,
move the time window of the Comparison page. A viewer here is what the server sees of a browser: the
messages are those of Streamlit's own client, and nothing is drawn. Printed are:

- open: from opening the page to all that it sends, for a viewer alone, and the slowest of all that
  open it at once;
- move: from moving the slider to the new chart: the 95th percentile of one viewer, of all, and how
  many times as long that is;
- processor: the time that the app's process takes for a move, whatever else the machine does;
- memory: of the app's process, in each fifth of the time: in the first one it is being filled;
- small: how long a topic of 50 records takes to open while four large loads are under way, with
  viewers, and just after these have gone.
"""

from __future__ import annotations

import argparse
import os
import random
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np

from lib.simulate import Scenario, simulate
from lib.sources.files.kcat import write_recorded
from lib.sources.open import FOLDER_VARIABLE
from tests.support.app import app_process
from tests.support.viewer import Viewer, viewer

if TYPE_CHECKING:
    from collections.abc import Sequence

EVENTS: Final = 1_000_000
SMALL: Final = 50
LARGE_LOADS: Final = 4
MOVES_ALONE: Final = 20

MOST_TIMES: Final = 5.0
MOST_OPEN_S: Final = 10.0
MOST_MEMORY: Final = 1.1
"""The bars: how many times as long a move may take for many viewers, how long opening may, and how
much memory may be used in the last fifth of the time for that in the second."""


@dataclass
class Measured:
    """What was measured, in seconds and bytes."""

    open_alone: float = 0.0
    move_alone: float = 0.0
    opens: Sequence[float] = ()
    moves: list[float] = field(default_factory=list)
    cpu: tuple[float, float] = (0.0, 0.0)
    memory: list[int] = field(default_factory=list)
    small: tuple[float, float] = (0.0, 0.0)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description="Many viewers of one topic.")
    parser.add_argument("--viewers", type=int, default=50)
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--pause", type=float, default=10, help="seconds between a viewer's moves")
    parser.add_argument("--events", type=int, default=EVENTS)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="skewline-viewers-") as name:
        folder = Path(name)
        _write_topics(folder, options.events)
        with app_process(folder, {FOLDER_VARIABLE: name}) as (url, server):
            found = Measured()
            _measure_alone(url, server.pid, found, options.pause)
            _measure_all(url, server.pid, found, options)
            found.small = _measure_small(url, options.events)
    _print(found, options.viewers)


def _write_topics(folder: Path, events: int) -> None:
    for name, size in (("large", events), ("small", SMALL)):
        sessions = max(10, size // 100)
        scenario = Scenario(
            events=size, clients=min(1_000, sessions), sessions=sessions, partitions=4
        )
        write_recorded(folder / f"{name}.jsonl", name, simulate(scenario).batches())


def _open(url: str, **query: str) -> tuple[Viewer, float]:
    opened = viewer(url, "comparison", source="Files", **query)
    return opened, opened.run_settled()


def _move(moving: Viewer) -> float:
    """Move the window's upper end to somewhere; return the seconds until the chart is there."""
    window = moving.window
    end = window.max - random.uniform(0.01, 0.5) * (window.max - window.min)
    return moving.run({window.id: (window.min, end)})


def _measure_alone(url: str, pid: int, found: Measured, pause: float) -> None:
    _open(url, topic="large")[0].close()  # it is loaded and analysed once for all
    alone, found.open_alone = _open(url, topic="large")
    moves, before = [], _cpu_seconds(pid)
    for _ in range(MOVES_ALONE):
        time.sleep(random.uniform(0, min(1.0, pause)))
        moves.append(_move(alone))
    found.move_alone = _p95(moves)
    found.cpu = (_cpu_seconds(pid) - before) / len(moves), 0.0
    alone.close()


def _measure_all(url: str, pid: int, found: Measured, options: argparse.Namespace) -> None:
    with ThreadPoolExecutor(options.viewers) as threads:
        opened = list(threads.map(lambda _: _open(url, topic="large"), range(options.viewers)))
        found.opens = [seconds for _, seconds in opened]
        until, before = time.monotonic() + 60 * options.minutes, _cpu_seconds(pid)

        def watch(present: Viewer) -> None:
            while time.monotonic() < until:
                time.sleep(random.uniform(0.5, 1.5) * options.pause)
                found.moves.append(_move(present))

        ends = [threads.submit(watch, present) for present, _ in opened]
        while time.monotonic() < until:
            found.memory.append(_resident_bytes(pid))
            time.sleep(1)
        for end in ends:
            end.result()
        found.cpu = found.cpu[0], (_cpu_seconds(pid) - before) / max(1, len(found.moves))
    for present, _ in opened:
        present.close()


def _measure_small(url: str, events: int) -> tuple[float, float]:
    """Return the seconds that a small topic takes beside large loads, watched and abandoned."""
    large = []
    for number in range(LARGE_LOADS):
        query = {"range": "Latest", "latest": str(events - 1 - number)}
        one = viewer(url, "comparison", source="Files", topic="large", **query)
        one.run()
        large.append(one)
    seconds = []
    for newest in (SMALL, SMALL - 1):
        small, took = _open(url, topic="small", range="Latest", latest=str(newest))
        seconds.append(took)
        for each in (small, *large):
            each.close()
        large = []
    return seconds[0], seconds[1]


def _resident_bytes(pid: int) -> int:
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


def _cpu_seconds(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _p95(seconds: Sequence[float]) -> float:
    return float(np.percentile(seconds, 95))


def _print(found: Measured, viewers: int) -> None:
    times = _p95(found.moves) / found.move_alone
    fifths = [float(np.median(part)) for part in np.array_split(found.memory, 5)]
    print(f"{'':12}{'one viewer':>14}{f'{viewers} viewers':>14}{'bar':>10}")
    print(
        f"{'open':12}{found.open_alone:>12.2f} s{max(found.opens):>12.2f} s{MOST_OPEN_S:>8.0f} s"
        f"\n{'move, p95':12}{found.move_alone:>12.2f} s{_p95(found.moves):>12.2f} s"
        f"\n{'':12}{'':14}{times:>12.1f} x{MOST_TIMES:>8.0f} x   ({len(found.moves):,} moves)"
        f"\n{'processor':12}{1000 * found.cpu[0]:>11.0f} ms{1000 * found.cpu[1]:>11.0f} ms"
        "              a move"
        f"\n{'memory':12}{' '.join(f'{size / 1e6:,.0f}' for size in fifths):>26} MB, by fifths"
        f"\n{'':26}{fifths[-1] / fifths[1]:>12.2f} x{MOST_MEMORY:>8.1f} x   the last and the second"
        f"\nA topic of {SMALL} records opens in {found.small[0]:.2f} s beside {LARGE_LOADS} large "
        f"loads, and in {found.small[1]:.2f} s when their viewers have gone."
    )


if __name__ == "__main__":
    main()
