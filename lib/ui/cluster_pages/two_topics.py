"""What the page Two topics shows where the first is on a cluster: both are compared there."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import streamlit as st

from lib.analysis.matching import Fate
from lib.analysis.two_topics import Difference, keys_to_choose
from lib.core.errors import SkewlineError
from lib.core.formatting import counted, escaped_markdown, rough_duration
from lib.sources.open import UPLOAD
from lib.ui.cluster.loads import cluster_load_of, origin_of, settings
from lib.ui.cluster.pair import OnWorkers, compare_on_cluster, look_at_both, pair_of
from lib.ui.cluster.progress import show_cluster_load
from lib.ui.cluster_pages.parts import refusals_shown
from lib.ui.failures import show_words
from lib.ui.parts.matched import (
    Listed,
    TimesShown,
    are_aligned_by_start,
    choose_matched_by,
    show_matched,
    show_side_by_side,
)
from lib.ui.parts.other_topic import choose_second
from lib.ui.tables import MOST_ROWS

if TYPE_CHECKING:
    from lib.analysis.matching import FateCounts
    from lib.charts.delay_data import DelayOverTime
    from lib.cluster.topic import ClusterEstimate
    from lib.ui.cluster.pair import PairOnCluster
    from lib.ui.cluster.told import OnCluster
    from lib.ui.loads import LoadKey, Opened
    from lib.ui.view import View

_LARGEST_FILE: Final = 1_000_000
"""Rows of a list that is brought here as a file, at most."""


def two_topics_told(view: View, _: OnCluster) -> None:
    """Choose the second topic, have both compared, and show what became of their events."""
    assert view.opened is not None  # a topic that the cluster was asked for was opened
    second = choose_second()
    if second.name == UPLOAD:
        st.info(
            "The workers of the cluster read both topics, and what is uploaded is here alone. "
            "Choose a topic of another source.",
            title="An uploaded file is not compared on a cluster.",
            icon=":material/hub:",
        )
        return
    load = pair_of(view.opened, second.opened)
    if load is None:
        _offer(view.opened, second.opened, second.name)
    elif (pair := load.told) is None:
        show_cluster_load(f"{view.name} and {second.opened.key.topic}", load)
    else:
        _show(view, pair)


def _offer(here: Opened, there: Opened, name: str) -> None:
    """Say what comparing would take of the cluster, and let the viewer ask it."""
    cluster, load = settings(), cluster_load_of(here.key)
    if cluster is None or load is None:
        st.info(
            "Reload the page to see what can be read now.",
            title="The first topic is on the cluster no more, or no cluster is set.",
            icon=":material/hub:",
        )
        return
    with st.container(border=True):
        st.markdown("**The Dask cluster can compare them**")
        takes = _estimate((here.key, there.key), cluster.address, here, there)
        if isinstance(takes, SkewlineError):
            st.warning(escaped_markdown(takes.remedy), title=escaped_markdown(takes.what))
            show_words(takes)
            return
        st.markdown(
            f"It reads both with all their fields: {_lower(takes.said)}; "
            f"{rough_duration(1000 * takes.seconds)} for {takes.offsets:,} offsets."
        )
        if not takes.fits:
            st.warning(
                f"About {takes.fitting:,} records of both would fit. What workers cannot hold they "
                "spill to disk, which takes many times as long.",
                title="The workers' memory is not enough.",
                icon=":material/memory:",
            )
        st.button(
            "Compare on the cluster",
            type="primary" if takes.fits else "secondary",
            icon=":material/compare:",
            on_click=compare_on_cluster,
            args=(OnWorkers(here, load.origin), OnWorkers(there, origin_of(name)), takes),
        )


def _lower(sentence: str) -> str:
    return sentence[:1].lower() + sentence[1:]


@st.cache_resource(max_entries=20, ttl=60, show_spinner="Asking the cluster what it has…")
def _estimate(
    keys: tuple[LoadKey, LoadKey],  # noqa: ARG001 (what the cache tells them by)
    address: str,
    _here: Opened,
    _there: Opened,
) -> ClusterEstimate | SkewlineError:
    return look_at_both(_here, _there, address)


def _show(view: View, pair: PairOnCluster) -> None:
    for held, of in zip((pair.here, pair.there), pair.both, strict=True):
        if not (held.topic.contents.events and held.topic.contents.has_event_time):
            st.info(
                "Choose another topic or range.",
                title=f"{escaped_markdown(of.name)} has no event with an event time in it.",
                icon=":material/inbox:",
            )
            return
    st.subheader("On one axis", anchor=False)
    with refusals_shown():
        _on_one_axis(view, pair)
    st.subheader("Matched", anchor=False)
    with refusals_shown():
        _matched(view, pair)


def _on_one_axis(view: View, pair: PairOnCluster) -> None:
    from_start = are_aligned_by_start()
    first_ms, second_ms = pair.zeros_ms
    stretches, spans = pair.side_by_side(first_ms - second_ms if from_start else 0)
    scale = None if from_start else view.scale
    show_side_by_side(stretches, pair.names, pair.with_delay, spans, zero_ms=first_ms, scale=scale)


def _matched(view: View, pair: PairOnCluster) -> None:
    by = choose_matched_by(keys_to_choose(*pair.both))
    found = pair.compared(by)

    def over_time() -> DelayOverTime:
        assert found.over_time is not None  # as the way is told
        return found.over_time

    def list_of(kind: str) -> Listed:
        assert found.told.counts is not None  # as there are pairs
        count = _listed_in(found.told.counts, kind)
        rows = pair.listed(by, kind, MOST_ROWS)
        if count > _LARGEST_FILE:
            st.caption(f"The first {MOST_ROWS:,} of {counted(count, 'event')}.")
            return Listed(rows, count, None)
        return Listed(rows, count, lambda: pair.listed(by, kind, count))

    files = pair.both[0].name, pair.both[1].name
    shown = TimesShown(view.times, view.scale)
    show_matched(shown, found.told, pair.names, over_time, list_of, files)


def _listed_in(counts: FateCounts, kind: str) -> int:
    """Return how many events of a kind there are."""
    here, there = counts.here, counts.there
    of_kind = {
        Difference.ONLY_IN_ONE: sum(
            side[fate] for side in (here, there) for fate in (Fate.MISSING, Fate.AT_AN_END)
        ),
        Difference.REPEATED: here[Fate.REPEATED] + there[Fate.REPEATED],
        Difference.REORDERED: counts.reordered,
        Difference.CHANGED: counts.changed,
        Difference.SLOWEST: counts.pairs,
    }
    return of_kind[kind]
