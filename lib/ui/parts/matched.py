"""What became of the events of one topic in another: figures, the way between them, and a list."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import pandas as pd
import streamlit as st

from lib.analysis import outages, side_by_side
from lib.analysis.delays import NEGATIVE
from lib.analysis.matching import FIELD, Fate
from lib.analysis.of_topic import why_no_delay
from lib.analysis.two_topics import (
    HERE,
    NUMBERS,
    RECEIVED_THERE,
    SENT_HERE,
    THERE,
    TOOK,
    WHAT,
    Difference,
    MatchedTopics,
    comparable,
    compared,
    differing,
    keys_to_choose,
)
from lib.charts import delay as delay_charts
from lib.charts import two_topics as charts
from lib.charts.delay_data import over_time_question
from lib.charts.rows import shown_name
from lib.charts.times import TimeScale
from lib.core.blockwise import answered
from lib.core.columns import (
    CLIENT,
    EVENT_TIME,
    EVENTS,
    KEY,
    LAST_HEARD,
    LOST,
    OFFSET,
    PARTITION,
    SEQUENCE,
    SESSION,
)
from lib.core.formatting import counted, duration, escaped_markdown
from lib.events.table import TimeDomain
from lib.ui import parameters
from lib.ui.answers import verdict_of
from lib.ui.chart import show_over_time, show_picture
from lib.ui.held import answer_of
from lib.ui.inputs.switch import switch
from lib.ui.parts.other_topic import choose_key, loaded_from, with_keys
from lib.ui.show import clock_name, shown_times, time_column, with_times_shown
from lib.ui.tables import MOST_ROWS, WholeTable, quantiles_in_words, show_table, weakly

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from lib.analysis.matching import FateCounts, Matching
    from lib.analysis.way import Way
    from lib.charts.delay_data import DelayOverTime
    from lib.core.moments import Times
    from lib.loading.load import LoadedTopic
    from lib.ui.loads import Opened
    from lib.ui.visible import Visible

BothNames = tuple[str, str]

_NARROW_PX: Final = 420
_ALIGNED: Final = {"time": "Time", "start": "Since start"}
_WORDS: Final = {NUMBERS: "client, session and sequence number", KEY: "the record's key"}


def on_one_axis(visible: Visible, here: LoadedTopic, there: LoadedTopic, names: BothNames) -> None:
    """Draw events and delays of both topics over one axis."""
    from_start = are_aligned_by_start()
    move = here.events.zero_ms - there.events.zero_ms if from_start else 0
    shown = [side_by_side.moved(here.events.table, 0), side_by_side.moved(there.events.table, move)]
    told = [not why_no_delay(verdict_of(topic)) for topic in (here, there)]
    show_side_by_side(
        side_by_side.side_by_side(shown, with_delay=told),
        names,
        told,
        [(int(t[EVENT_TIME].min()), int(t[EVENT_TIME].max())) for t in shown],
        zero_ms=here.events.zero_ms,
        scale=None if from_start else visible.scale,
    )


def are_aligned_by_start() -> bool:
    """Draw what two topics share the axis of; return whether it is the time since their start."""
    with st.container(width=_NARROW_PX):
        aligned = switch(
            "Aligned by",
            _ALIGNED,
            parameters.ALIGNED,
            help="Time: both where they were. Since start: both from the event time of their "
            "first record on, as for yesterday against today.",
        )
    return aligned == "start"


def show_side_by_side(
    stretches: pd.DataFrame,
    names: BothNames,
    told: Sequence[bool],
    spans: Sequence[tuple[int, int]],
    *,
    zero_ms: int,
    scale: TimeScale | None,
) -> None:
    """Draw stretches of two topics over one axis.

    Parameters
    ----------
    told
        Of each, whether its received times tell a delay.
    spans
        The first and last event time of each, epoch ms, moved as they are drawn.
    scale
        How times are written; None: since the start of both.
    """
    picture = charts.side_by_side(
        stretches,
        names,
        across="Event time since start" if scale is None else "Event time",
        zero_ms=zero_ms,
        scale=TimeScale.ZERO if scale is None else scale,
    )
    for name, is_told in zip(names, told, strict=True):
        if not is_told:
            st.caption(f"The received times of {escaped_markdown(name)} tell no delay.")
    if scale is not None and (spans[0][1] < spans[1][0] or spans[1][1] < spans[0][0]):
        st.caption("The two do not overlap: align them by the time since start to compare them.")
    show_picture(picture, parameters.SIDE_BY_SIDE_CHART, "Of all events of both, as loaded.")


def matched(
    visible: Visible,
    here: Opened,
    there: Opened,
    topics: tuple[LoadedTopic, LoadedTopic],
    names: BothNames,
) -> None:
    """Match two topics and show what became of their events."""
    by = choose_matched_by(keys_to_choose(*map(comparable, topics)))
    if by == KEY:
        topics = loaded_from(with_keys(here)), loaded_from(with_keys(there))
    found = answer_of(
        ("compared", topics[0].version, topics[1].version, by),
        lambda: compared(*topics, by),
        spinner="Matching events…",
    )
    match, way_events = found.matching, found.way_events

    def over_time() -> DelayOverTime:
        assert way_events is not None
        return answered(over_time_question(way_events))

    def list_of(kind: str) -> Listed:
        assert match is not None
        tables = topics[0].events.table, topics[1].events.table
        rows, count = differing(*tables, match, kind, names, MOST_ROWS)
        every = _every(kind, names, visible.times)
        return Listed(rows, count, weakly(every, *topics, match))

    view = TimesShown(visible.times, visible.scale)
    files = topics[0].report.topic, topics[1].report.topic
    show_matched(view, found.told, names, over_time, list_of, files)


@dataclass(frozen=True)
class TimesShown:
    """How times are written, and their scale in charts."""

    times: Times
    scale: TimeScale


@dataclass(frozen=True)
class Listed:
    """The first events of a kind, how many there are, and what returns all of them as a table."""

    rows: pd.DataFrame
    count: int
    every: Callable[[], pd.DataFrame] | None


def choose_matched_by(options: Sequence[str]) -> str | None:
    """Draw what events are matched by and return it; None where nothing is chosen."""
    return choose_key(options, _WORDS, NUMBERS)


def show_matched(
    shown: TimesShown,
    found: MatchedTopics,
    names: BothNames,
    over_time: Callable[[], DelayOverTime],
    list_of: Callable[[str], Listed],
    files: BothNames,
) -> None:
    """Show what became of the events of two topics.

    Parameters
    ----------
    over_time
        Returns the delay of the way over time, where it is told.
    list_of
        Returns the events of a kind of `Difference.ALL`.
    files
        What the topics are called in the names of files.
    """
    if found.counts is None or found.way is None:
        st.info(escaped_markdown(found.why_not), icon=":material/link_off:")
        return
    _figures(found.counts, names)
    for sentence in found.caveats:
        st.caption(f":material/info: {escaped_markdown(sentence)}")
    _changes(found, names)
    st.subheader("The way between them", anchor=False)
    _way(shown, found.way, over_time, names)
    st.subheader("The events", anchor=False)
    _list(shown, list_of, names, files)


def _figures(counts: FateCounts, names: BothNames) -> None:
    here, there = counts.here, counts.there
    only = [each[Fate.MISSING] + each[Fate.AT_AN_END] for each in (here, there)]
    told = {
        "In both": (counts.pairs, "Events matched one to one."),
        f"Only in {names[0]}": (only[0], "Events whose key the other topic does not have."),
        f"Only in {names[1]}": (only[1], "Events whose key the other topic does not have."),
        f"Repeated in {names[1]}": (
            there[Fate.REPEATED],
            "Further copies of events that the other topic has less often.",
        ),
        f"Repeated in {names[0]}": (
            here[Fate.REPEATED],
            "Further copies of events that the other topic has less often.",
        ),
        "Reordered": (
            counts.reordered,
            "The fewest events that would have to be moved for every partition to have its order.",
        ),
        "Changed": (
            counts.changed,
            "Events in both with another value of a field that both topics have.",
        ),
    }
    if not here[Fate.REPEATED]:
        del told[f"Repeated in {names[0]}"]
    with st.container(horizontal=True):
        for label, (count, means) in told.items():
            st.metric(escaped_markdown(label), f"{count:,}", border=True, help=means)


def _changes(found: MatchedTopics, names: BothNames) -> None:
    changes = pd.DataFrame() if found.counts is None else found.counts.changed_fields
    if len(changes):
        st.markdown("**Changed fields**")
        show_table(
            changes.rename(columns={FIELD: "Field", EVENTS: "Events"}),
            alt="Changed events by field",
            width=_NARROW_PX,
        )
    for name, fields in zip(names, found.fields, strict=True):
        if fields:
            named = escaped_markdown(", ".join(map(shown_name, fields)))
            st.caption(f"Only {escaped_markdown(name)} has the fields: {named}.")


def _way(
    shown: TimesShown, way: Way, over_time: Callable[[], DelayOverTime], names: BothNames
) -> None:
    """Show what the way between two topics added to the delay, and when it was down."""
    first, second = map(escaped_markdown, names)
    if way.withheld:
        st.info(escaped_markdown(way.withheld), icon=":material/timer_off:")
        return
    st.caption(
        f"When {second}'s broker received an event − when {first}'s did. A constant difference of "
        "the brokers' clocks is in it."
    )
    quantiles = quantiles_in_words(way.quantiles).rename(
        columns={"Received before it happened": "Received there before here"}
    )
    show_table(quantiles, alt="Quantiles of the delay that the way added, s")
    if early := int(way.quantiles[NEGATIVE].iloc[0]):
        st.caption(
            f"{counted(early, 'event')} came to {second} before {first}: the clocks of the two "
            f"differ, or {second} is not written from {first}."
        )
    words = delay_charts.Words(
        "Delay that the way added",
        f"Received in {names[0]}",
        f"Received in {names[1]}",
        "Partition",
    )
    show_over_time(
        delay_charts.drawn_over_time(
            over_time(), zero_ms=shown.times.zero_ms, scale=shown.scale, words=words
        ),
        parameters.WAY_CHART,
        TimeDomain.RECEIVED,
        shown.times.zero_ms,
    )
    _outages(shown.times, way.outages)


def _outages(times: Times, table: pd.DataFrame) -> None:
    if table.empty:
        st.success(
            "Every partition was carried as steadily as its own rhythm lets expect.",
            title="The way had no outage.",
            icon=":material/check_circle:",
        )
        return
    heard, back = (
        f"Last arrival, {clock_name(times)}",
        f"Back at, {clock_name(times)}",
    )
    longest = table[outages.SILENCE].fillna(0).max()
    st.markdown(
        f"**{counted(len(table), 'outage')} of the way**, the longest {duration(longest)}; "
        f"{counted(int(table[outages.HELD_BACK].sum()), 'event')} held back, "
        f"{int(table[LOST].sum()):,} missing"
    )
    show_table(
        pd.DataFrame(
            {
                "Partition": table[CLIENT].astype(str),
                heard: shown_times(table[LAST_HEARD], times),
                back: shown_times(table[outages.BACK_AT], times),
                "Silence (s)": table[outages.SILENCE].astype("Float64") / 1000,
                "Held back": table[outages.HELD_BACK],
                "Missing": table[LOST],
                "Largest delay (s)": table[outages.LARGEST_DELAY] / 1000,
            }
        ),
        config={name: time_column(times, "Received time") for name in (heard, back)},
        alt="Outages of the way: silence, events held back and missing",
    )


_TIMES: Final = (EVENT_TIME, SENT_HERE, RECEIVED_THERE)


def _every(
    kind: str, names: BothNames, written: Times
) -> Callable[[LoadedTopic, LoadedTopic, Matching], pd.DataFrame]:
    """Return what lists all events of a kind as its file has them."""

    def every(here: LoadedTopic, there: LoadedTopic, match: Matching) -> pd.DataFrame:
        rows, _ = differing(here.events.table, there.events.table, match, kind, names)
        return with_times_shown(rows, _TIMES, written)

    return every


def _list(
    times: TimesShown, list_of: Callable[[str], Listed], names: BothNames, files: BothNames
) -> None:
    kind = switch(
        "Listed",
        {each: each for each in Difference.ALL},
        parameters.DIFFERENCE,
        help="Which events are listed below.",
    )
    listed = list_of(kind)
    if listed.rows.empty:
        st.caption("There is none.")
        return
    heads = _heads(names)
    shown = with_times_shown(listed.rows, _TIMES, times.times)
    for name in (CLIENT, SESSION):
        shown[name] = shown[name].map(shown_name, na_action="ignore")
    shown[TOOK] = shown[TOOK] / 1000
    file = f"{files[0]}-against-{files[1]}.csv"
    show_table(
        shown.rename(columns=heads),
        whole=listed.every and WholeTable("the list", file, listed.count, listed.every),
        config={heads[name]: time_column(times.times, "Time") for name in _TIMES},
        alt=f"Events of the two topics: {kind}",
    )


def _heads(names: BothNames) -> dict[str, str]:
    """Return the heads of the list's columns."""
    heads = {
        WHAT: "What",
        CLIENT: "Client",
        SESSION: "Session",
        SEQUENCE: "Number",
        EVENT_TIME: "Event time",
        SENT_HERE: f"Received in {names[0]}",
        RECEIVED_THERE: f"Received in {names[1]}",
        TOOK: "Took (s)",
    }
    for side, name in zip((HERE, THERE), names, strict=True):
        heads |= {f"{PARTITION}{side}": f"Partition in {name}"}
        heads |= {f"{OFFSET}{side}": f"Offset in {name}"}
    return heads
