"""How long it takes to match two topics.

`python -m benchmarks.matching [events]`, by default 1,000,000, prints the seconds of matching a
simulated topic with a mirror of it that was written with faults, by client, session and sequence
number, and the ratio to a plain `pandas.merge` on the same columns, which tells only which events
are in both. Then that of the delays and outages of the way. Matching, with the check that the
columns tell events apart, is to take under 3 s.
"""

from __future__ import annotations

import argparse
import time
from typing import TYPE_CHECKING

import numpy as np

from benchmarks.analyses import topic
from lib.analysis.matching import Fate, match, told_apart
from lib.analysis.way import way_between
from lib.core.columns import CLIENT, OFFSET, RECEIVED_TIME, SEQUENCE, SESSION
from lib.warm_up import warm_up

if TYPE_CHECKING:
    from collections.abc import Callable

    import pandas as pd

MOST_S = 3.0
DROPPED, REPEATED = 0.01, 0.005


def mirror_of(events: pd.DataFrame, seed: int = 7) -> pd.DataFrame:
    """Return a mirror that drops and repeats some events, and takes some milliseconds for each."""
    random = np.random.default_rng(seed)
    kept = np.flatnonzero(random.random(len(events)) >= DROPPED)
    copies = 1 + (random.random(len(kept)) < REPEATED)
    there = events.take(np.repeat(kept, copies)).reset_index(drop=True)
    there[RECEIVED_TIME] += 20 + random.gamma(2.0, 5.0, len(there)).astype(np.int64)
    there[OFFSET] = np.arange(len(there))
    return there


def timed(name: str, call: Callable[[], object], repeat: int = 3) -> float:
    """Print and return the seconds of the fastest of some calls."""
    runs = []
    for _ in range(repeat):
        began = time.perf_counter()
        call()
        runs.append(time.perf_counter() - began)
    print(f"{name:32} {min(runs):6.2f} s")
    return min(runs)


def main() -> int:
    """Print the figures; return 1 where matching takes longer than it may."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("events", type=int, nargs="?", default=1_000_000)
    warm_up()
    here = topic(parser.parse_args().events)
    there = mirror_of(here)
    key = (CLIENT, SESSION, SEQUENCE)
    print(f"{len(here):,} against {len(there):,} events")
    found = match(here, there, key)
    names = ("here", "there")
    own = timed("matched", lambda: match(here, there, key))
    checked = timed(
        "whether keys tell events apart",
        lambda: [told_apart(table, key) for table in (here, there)],
    )
    columns = list(key)
    plain = timed(
        "pandas.merge, outer",
        lambda: here[columns].merge(there[columns], on=columns, how="outer", indicator=True),
    )
    timed("delays and outages of the way", lambda: way_between(here, there, found, names=names))
    missing = int(np.count_nonzero(found.fate_here == Fate.MISSING))
    print(f"matched in {own / plain:.2f} of the time of pandas.merge; {missing:,} missing")
    return int(own + checked > MOST_S)


if __name__ == "__main__":
    raise SystemExit(main())
