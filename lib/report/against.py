"""A second topic in the report: what became of the events of the first in it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from lib.analysis import delays, outages
from lib.analysis.matching import FIELD, Fate
from lib.analysis.two_topics import compared, names_of
from lib.core.columns import EVENTS
from lib.core.formatting import counted

if TYPE_CHECKING:
    from collections.abc import Mapping

    from lib.analysis.two_topics import MatchedTopics
    from lib.analysis.way import Way
    from lib.loading.load import LoadedTopic

    Document = dict[str, Any]

COUNTS = (
    "in_both", "only_here", "only_there", "at_an_end_here", "at_an_end_there", "repeated_here",
    "repeated_there", "without_key_here", "without_key_there", "reordered", "changed",
)  # fmt: skip


def against_of(here: LoadedTopic, there: LoadedTopic, by: str | None) -> Document:
    """Return what is told of two topics, matched by one of `two_topics.keys_to_choose`."""
    names = names_of(here.report.topic, there.report.topic)
    events = len(here.events.table), len(there.events.table)
    return document_of_matched(compared(here, there, by).told, names, events)


def document_of_matched(
    found: MatchedTopics, names: tuple[str, str], events: tuple[int, int]
) -> Document:
    """Return what is told of two matched topics, which have so many events."""
    told: Document = {
        "topics": list(names),
        "events": list(events),
        "matched_by": None,
        "why_not": found.why_not or None,
        **dict.fromkeys(COUNTS),
        "changed_fields": {},
        "way": None,
        "caveats": list(found.caveats),
    }
    counts = found.counts
    if counts is None or found.way is None:
        return told
    fields, pairs = (counts.changed_fields[name].tolist() for name in (FIELD, EVENTS))
    return told | {
        "matched_by": list(found.key),
        "in_both": counts.pairs,
        **_fates("here", counts.here),
        **_fates("there", counts.there),
        "reordered": counts.reordered,
        "changed": counts.changed,
        "changed_fields": dict(zip(fields, pairs, strict=True)),
        "way": _way(found.way),
    }


def _fates(side: str, count: Mapping[Fate, int]) -> Document:
    return {
        f"only_{side}": count[Fate.MISSING] + count[Fate.AT_AN_END],
        f"at_an_end_{side}": count[Fate.AT_AN_END],
        f"repeated_{side}": count[Fate.REPEATED],
        f"without_key_{side}": count[Fate.WITHOUT_KEY],
    }


def _way(way: Way) -> Document:
    if way.withheld:
        return {"withheld": way.withheld, "delay_ms": None, "outages": None, "held_back": None}
    names = [*map(delays.quantile_name, delays.SHARES), delays.NEGATIVE]
    quantiles = {name.lower(): int(way.quantiles[name].iloc[0]) for name in names}
    return {
        "withheld": None,
        "delay_ms": quantiles,
        "outages": len(way.outages),
        "held_back": int(way.outages[outages.HELD_BACK].sum()),
    }


def against_sentence(told: Document) -> str:
    """Return what `against_of` tells in a sentence; where nothing is matched, why."""
    if told["why_not"]:
        return str(told["why_not"])
    here, there = told["topics"]
    return (
        f"{here} against {there}: {counted(told['in_both'], 'event')} in both, "
        f"{told['only_here']:,} only in {here}, {told['only_there']:,} only in {there}, "
        f"{told['repeated_there']:,} repeated, {told['reordered']:,} reordered, "
        f"{told['changed']:,} changed in {there}."
    )
