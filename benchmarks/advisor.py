"""Whether advice holds on what it was not chosen on: `python -m benchmarks.advisor [SEEDS]`.

Every kind of topic of `benchmarks.topics_with_late_events` is drawn with several seeds, 60,000
events each, and advice asked for with goals of 0.1 and 0.5 % dropped, for each engine in turn, with
a session gap of 30 s. What is advised is then tried on the *next stretch*, the 5 % of the events
that follow, and on *another seed*, a whole topic of the same kind: was the goal kept? The bar is
95 % of the trials in which the advice says that it holds, each.

Beside the delay advised stand

- the **plain quantile**: the out-of-orderness that all but the goal's share of events have no more
  of, over the whole topic; of this it is usual to take the watermark delay;
- the quantile **with the same guarantee**: the largest of the quantiles of the 20 stretches, with
  the margin that is learned from them in the same way. This is what the advice is compared with:
  it is to be at most half, in the median of the trials that hold;
- **hindsight**: the smallest delay with which the next stretch keeps the goal, by bisection. No
  method can know it.

Exits with 1 where a bar is not reached.
"""

from __future__ import annotations

import argparse
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
import pandas as pd

from benchmarks.topics_with_late_events import TOPICS
from lib.replay import registry, stretches
from lib.replay.advisor import STRETCHES, advise
from lib.replay.engine import Setting, delay_ms, replay, with_delay
from lib.replay.engine_clock import newest_so_far
from lib.replay.goal import Goal
from lib.replay.windows import SessionWindow

if TYPE_CHECKING:
    from lib.replay.input import ReplayInput

EVENTS: Final = 60_000
GOALS: Final = (0.001, 0.005)
LEAST_KEPT: Final = 0.95
MOST_DELAY: Final = 0.5
SESSION: Final = SessionWindow(30_000)
_OTHER: Final = 10_000  # added to a seed, the seed of the other topic


@dataclass(frozen=True)
class Trial:
    """One advice, and what became of it."""

    topic: str
    goal: float
    refused: str
    next_kept: bool
    other_kept: bool
    delay_s: float
    quantile_s: float
    guaranteed_s: float
    hindsight_s: float


def try_advice(name: str, seed: int, goal: float, setting: Setting) -> Trial:
    """Return what becomes of the advice on a topic."""
    stretch = EVENTS // STRETCHES
    topic = TOPICS[name](seed, EVENTS + stretch)
    other = TOPICS[name](seed + _OTHER, EVENTS)
    known = topic.first(EVENTS)
    advice = advise(known, setting, Goal(goal))
    assert advice is not None
    on_next = np.mean(~replay(topic, advice.setting).kept[EVENTS:])
    on_other = np.mean(~replay(other, advice.setting).kept)
    behind = newest_so_far(known.event_time) - known.event_time
    cuts = stretches.bounds(EVENTS, STRETCHES)
    of_stretches = stretches.Highest.of(behind, known, cuts, goal).upper
    guaranteed = stretches.tolerances(of_stretches, of_stretches, 0)
    return Trial(
        name,
        goal,
        advice.refusal.reason.name.lower() if advice.refusal else "",
        bool(on_next <= goal),
        bool(on_other <= goal),
        delay_ms(advice.setting) / 1000,
        float(np.quantile(behind, 1 - goal)) / 1000,
        guaranteed.delay_ms / 1000,
        hindsight_ms(topic, setting, goal) / 1000,
    )


def hindsight_ms(topic: ReplayInput, setting: Setting, goal: float) -> int:
    """Return the smallest delay with which the events after the first keep the goal."""

    def keeps(delay: int) -> bool:
        kept = replay(topic, with_delay(setting, delay)).kept
        return bool(np.mean(~kept[EVENTS:]) <= goal)

    too_small, enough = -1, int((newest_so_far(topic.event_time) - topic.event_time).max())
    while enough - too_small > 1:
        middle = (too_small + enough) // 2
        too_small, enough = (too_small, middle) if keeps(middle) else (middle, enough)
    return enough


def report(trials: pd.DataFrame) -> bool:
    """Print what became of all trials; return whether the bars are reached."""
    trials = trials.assign(holds=trials.refused == "")
    print(f"{len(trials)} trials on {trials.topic.nunique()} kinds of topics\n")
    print(f"{'':26}{'holds':>6}  {'kept where it holds':>20}  median delay, s, where it holds")
    head = ("next", "other", "advised", "quantile", "same guarantee", "hindsight")
    print(f"{'':33}" + "".join(f"{name:>{max(9, len(name) + 2)}}" for name in head))
    for name, some in trials.groupby("topic", sort=False):
        print(_line(str(name), some))
    print(_line("all", trials))
    good = trials[trials.holds]
    print("\nmedian of advised / quantile with the same guarantee")
    for goal, some in good.groupby("goal"):
        print(f"  goal {goal:.1%}: {_ratio(some):.2f}")
    print(f"  all: {_ratio(good):.2f}, at most {MOST_DELAY}")
    refused = trials[~trials.holds].refused.value_counts()
    print(f"refused {1 - len(good) / len(trials):.0%}: {refused.to_dict()}")
    return bool(
        good.next_kept.mean() >= LEAST_KEPT
        and good.other_kept.mean() >= LEAST_KEPT
        and _ratio(good) <= MOST_DELAY
    )


def _ratio(trials: pd.DataFrame) -> float:
    return float((trials.delay_s / trials.guaranteed_s.clip(lower=0.001)).median())


def _line(name: str, trials: pd.DataFrame) -> str:
    good = trials[trials.holds]
    shares = f"{name:26}{trials.holds.mean():>6.0%}"
    if good.empty:
        return shares
    medians = good[["delay_s", "quantile_s", "guaranteed_s", "hindsight_s"]].median()
    widths = zip(medians, (9, 10, 16, 11), strict=True)
    kept = f"{good.next_kept.mean():>10.1%}{good.other_kept.mean():>9.1%}"
    return shares + kept + "".join(f"{value:>{width}.1f}" for value, width in widths)


def main() -> None:
    """Print all figures."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("seeds", type=int, nargs="?", default=8, help="of each kind of topic")
    seeds = parser.parse_args().seeds
    engines = registry.ENGINES
    trials = [
        try_advice(name, seed, goal, engines[(seed + kind) % len(engines)].setting(SESSION))
        for kind, name in enumerate(TOPICS)
        for seed in range(seeds)
        for goal in GOALS
    ]
    sys.exit(0 if report(pd.DataFrame(trials)) else 1)


if __name__ == "__main__":
    main()
