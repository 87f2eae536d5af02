"""What is said of a setting and of the advice, in plain sentences."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from lib.core.durations import written_ms
from lib.core.formatting import counted, duration, share_text
from lib.decoding.rejected import far_ahead_sentence
from lib.replay.advisor import Advice, Reason, Refusal
from lib.replay.engine import Setting, delay_ms
from lib.replay.windows import SessionWindow

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from lib.replay.goal import Goal
    from lib.replay.outcome import Outcome

    Moment = Callable[[int], str]
    """Writes a moment, epoch ms."""

FATES: Final = {
    "Exact": "Sessions that are right: one window holds all their events and nothing else.",
    "Incomplete": "Sessions with a window of their own that lacks events: those were dropped.",
    "Split": "Sessions cut in pieces: several windows hold one, and nothing else.",
    "Merged": "Sessions run together: one window holds one and events of another.",
    "Mixed": "Sessions both cut in pieces and run together with others.",
}
"""What can become of a true session, and what that means."""

DROPPED_MEANS: Final = "Events that the engine drops as late."

NO_ADVICE: Final = (
    "No setting that was tried keeps the goal on this topic, or only a delay longer than the topic."
)
TOO_FEW: Final = "One event is too few to choose a setting on."


def latency_text(ms: float | None) -> str:
    """Return a result latency in words; None: no result came out."""
    return "none" if ms is None else duration(ms)


def latency_means(outcome: Outcome) -> str:
    """Return what result latency is, with what its median does not tell."""
    median, p95, took, ahead = outcome.latency_median_ms, outcome.latency_p95_ms, "", ""
    if median is not None and p95 is not None:
        took = f": half of the results took no longer, 95 % no longer than {duration(p95)}"
        ahead = " Below 0 it is where clocks of clients run ahead." if median < 0 else ""
    return (
        f"From a window's last event to the moment its final result came out{took}.{ahead} "
        f"{counted(outcome.unclosed, 'window')} had no final result by the end of the topic."
    )


def held_back_sentence(setting: Setting, empty: Sequence[int]) -> str:
    """Return what partitions without a record make of a setting; nothing where they do not matter.

    `empty` has their numbers.
    """
    if not empty or not setting.engine.waits_for_all(setting):
        return ""
    one = len(empty) == 1
    which = f"Partition {empty[0]} has" if one else f"{len(empty):,} partitions have"
    return (
        f"{which} no record: with this setting a job gives no result before an event has come "
        f"{'there' if one else 'to each'}, too, for the smallest watermark holds. The replay "
        f"leaves {'it' if one else 'them'} out."
    )


def advice_sentence(
    advice: Advice, goal: Goal, moment: Moment, far_ahead: int = 0, empty: Sequence[int] = ()
) -> str:
    """Return what is advised and whether it may be relied on; it begins with `named`.

    Parameters
    ----------
    goal
        What `lib.replay.advisor.advise` was asked for.
    far_ahead
        How many records were rejected because their event time is years ahead.
    empty
        The partitions that have no record.
    """
    held_back = held_back_sentence(advice.setting, empty)
    ahead = f" {far_ahead_sentence(far_ahead)}" if far_ahead else ""
    also = f"{ahead} {held_back}" if held_back else ahead
    if advice.refusal is None:
        conditions = ["records years ahead are filtered out"] * bool(far_ahead)
        conditions += ["every partition has events"] * bool(held_back)
        once = f" once {' and '.join(conditions)}" if conditions else ""
        return f"{named(advice.setting)} holds{once}: {_promise(advice)}{also}"
    why = _why(advice.refusal, advice.outcome.events, goal, moment)
    return f"{named(advice.setting)}{_known(advice)} {why}{_tested(advice)}{also}"


def _promise(advice: Advice) -> str:
    return (
        "what was chosen so on the events before "
        f"{_intervals(advice)} in {advice.kept} of {len(advice.tried)} stretches of later events."
        f"{_wait(advice)}"
    )


def _known(advice: Advice) -> str:
    outcome = advice.outcome
    return (
        f" drops {share_text(outcome.dropped_share)} of all "
        f"{outcome.events:,} events{_not_exact(outcome)}, but it was chosen on these: no promise "
        "for later ones."
    )


def _why(refusal: Refusal, events: int, goal: Goal, moment: Moment) -> str:
    """Return why a setting is not called one that holds, as sentences."""
    if refusal.reason is Reason.NOTHING:
        what = "no session is ever broken" if refusal.of_sessions else "no event is ever dropped"
        return f"That {what} cannot be promised from what was seen: allow a share."
    if refusal.reason is Reason.TOO_SHORT:
        share = goal.most_broken if refusal.of_sessions else goal.most_dropped
        noun = "session" if refusal.of_sessions else "event"
        return (
            f"The topic is too short: to promise {share_text(share or 0)} takes "
            f"{counted(refusal.needed, noun)} or more."
        )
    at = moment(refusal.at_ms)
    if refusal.reason is Reason.CHANGES:
        return (
            f"The topic changes at {at}: {share_text(1 - goal.most_dropped)} of a stretch's events "
            f"are typically at most {duration(refusal.before_ms)} out of order before, "
            f"{duration(refusal.after_ms)} after."
        )
    if refusal.reason is Reason.NEAR:
        return (
            f"No stretch needs a delay, but few came near to it: in the one that begins at {at} "
            f"more than {share_text(goal.most_dropped)} of the events were "
            f"{duration(refusal.after_ms)} or more out of order, in half of the stretches no more "
            f"than that share more than {duration(refusal.before_ms)}. A longer outage would break "
            "the goal."
        )
    if refusal.reason is Reason.FAILS:
        return f"The stretch that begins at {at} did not keep the goal."
    return _one_outage(refusal, int(goal.most_dropped * events), at)


def _one_outage(refusal: Refusal, allowed: int, at: str) -> str:
    """Return why nothing holds where an outage or two decide; so many events may be dropped."""
    if refusal.together:
        if refusal.in_all:
            late = f"Late events come in a few moments only, the most at {at}: "
            late += f"{refusal.together:,} in all."
            if refusal.together == 1:
                late = f"The only late event came at {at}."
            return (
                f"{late} The goal lets {allowed:,} be dropped in the whole topic, and one longer "
                "outage may take more."
            )
        return (
            f"A few moments decide everything: late events come some {refusal.together:,} at a "
            f"time, the most at {at}, and the goal lets {allowed:,} be dropped in the whole topic."
        )
    others = f"no more than {duration(refusal.before_ms)}" if refusal.before_ms else "none"
    return (
        f"One stretch decides everything: the late events that arrived from {at} on need a delay "
        f"of {duration(refusal.after_ms)}, the other stretches {others}."
    )


def _tested(advice: Advice) -> str:
    """Return what was seen on later events, with what was chosen on those before."""
    if not advice.tried:
        return ""
    failed = len(advice.tried) - advice.kept
    tested = (
        " Tested on later events, what was chosen before them, with a margin, "
        f"{_intervals(advice)}; the goal was kept in {advice.kept} of {len(advice.tried)} stretches"
    )
    return f"{tested}: add a margin." if failed else f"{tested}."


def _intervals(advice: Advice) -> str:
    dropped, broken = advice.dropped_shares, advice.broken_shares
    assert dropped is not None
    exact = "" if broken is None else f" and left {_interval(broken)} of the sessions not exact"
    return f"dropped {_interval(dropped)}{exact}"


def _interval(shares: tuple[float, float]) -> str:
    low, high = shares
    if low == high:
        return share_text(low)
    ends = [share_text(low), share_text(high)]
    if any(" than " in end for end in ends):
        return " to ".join(ends)
    return f"{ends[0].removesuffix(' %')}–{ends[1]}"


def _wait(advice: Advice) -> str:
    latency = advice.outcome.latency_median_ms
    if latency is None:
        return ""
    if latency < 0:
        return (
            f" Half of the results come out {duration(-latency)} or more before the event time of "
            "their window's last event: clocks of clients run ahead."
        )
    return f" Half of the results come out within {duration(latency)}."


def how_chosen(advice: Advice, partitions: int) -> str:
    """Return on which events, of how many partitions, a setting was chosen, and how tested."""
    slowest = " and from what they would need without the slowest partition"
    margin = (
        f" {duration(advice.margin_ms)} of the {advice.setting.engine.delay.title.lower()} are "
        "margin, learned from how far stretches went beyond all before them"
        f"{slowest if partitions > 1 else ''}."
        if advice.margin_ms
        else ""
    )
    chosen = f"Chosen on all {advice.outcome.events:,} events.{margin}"
    if not advice.tried:
        return f"{chosen} There are too few events to test it on later ones."
    first = advice.tried[0]
    return (
        f"{chosen} Tested so: chosen, with a margin, on the first {first.begin:,} events, tested "
        f"on the next {first.end - first.begin:,}; then chosen on those, too, tested on the next; "
        "and so on."
    )


def named(setting: Setting) -> str:
    """Return engine, delay and windows of a setting, in words."""
    return (
        f"{setting.engine.label}: a {setting.engine.delay.title.lower()} of "
        f"{written_ms(delay_ms(setting))} with {_windows(setting)}"
    )


def _windows(setting: Setting) -> str:
    kind = "a session gap" if isinstance(setting.window, SessionWindow) else "windows"
    return f"{kind} of {written_ms(setting.window.length_ms)}"


def _not_exact(outcome: Outcome) -> str:
    if outcome.sessions is None:
        return ""
    return f" and leaves {share_text(outcome.sessions.broken_share)} of the sessions not exact"
