"""A second topic in the report: what became of the events of the first in it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from lib.analysis import delays, outages
from lib.analysis.matching import FIELD, Fate
from lib.analysis.two_topics import compared, names_of
from lib.core.columns import EVENTS
from lib.core.formatting import counted

if TYPE_CHECKING:
    import numpy.typing as npt

    from lib.analysis.way import Way
    from lib.loading.load import LoadedTopic

    Document = dict[str, Any]

COUNTS = (
    "in_both", "only_here", "only_there", "at_an_end_here", "at_an_end_there", "repeated_here",
    "repeated_there", "without_key_here", "without_key_there", "reordered", "changed",
)  # fmt: skip


def against_of(here: LoadedTopic, there: LoadedTopic, by: str | None) -> Document:
    """Return what is told of two topics, matched by one of `two_topics.keys_to_choose`."""
    found = compared(here, there, by)
    told: Document = {
        "topics": list(names_of(here, there)),
        "events": [len(topic.events.table) for topic in (here, there)],
        "matched_by": None,
        "why_not": found.why_not or None,
        **dict.fromkeys(COUNTS),
        "changed_fields": {},
        "way": None,
        "caveats": list(found.caveats),
    }
    if found.matching is None or found.way is None:
        return told
    match = found.matching
    ends = _fates("here", match.fate_here) | _fates("there", match.fate_there)
    fields, events = (match.changes[name].tolist() for name in (FIELD, EVENTS))
    return told | {
        "matched_by": list(match.key),
        "in_both": match.pairs,
        **ends,
        "reordered": int(np.count_nonzero(match.reordered)),
        "changed": int(np.count_nonzero(match.changed)),
        "changed_fields": dict(zip(fields, events, strict=True)),
        "way": _way(found.way),
    }


def _fates(side: str, fate: npt.NDArray[np.int8]) -> Document:
    count = {each: int(np.count_nonzero(fate == each)) for each in Fate}
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
