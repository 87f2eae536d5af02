"""Conditions on a report's figures, and whether they hold: `--fail-if "dropped > 0.1%"`."""

from __future__ import annotations

import operator
import re
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from fractions import Fraction
from typing import TYPE_CHECKING, Any, Final

from lib.core.errors import SettingsError
from lib.core.formatting import duration, share_text
from lib.report.settings import asked_duration_ms

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    Document = Mapping[str, Any]

_COMPARE: Final[Mapping[str, Callable[[Fraction, Fraction], bool]]] = {
    ">=": operator.ge,
    "<=": operator.le,
    "!=": operator.ne,
    "==": operator.eq,
    ">": operator.gt,
    "<": operator.lt,
    "=": operator.eq,
}
_CONDITION: Final = re.compile(r"\s*([A-Za-z][\w.\- ]*?)\s*(>=|<=|==|!=|>|<|=)\s*(.+?)\s*")
_PLAIN: Final = re.compile(r"-?\d+(?:\.\d+)?")


class State(StrEnum):
    """What became of a condition."""

    KEPT = "kept"
    BROKEN = "broken"
    UNKNOWN = "could not tell"


@dataclass(frozen=True)
class Figure:
    """A figure that conditions know by a short name.

    Attributes
    ----------
    means
        What it is, as docs/report.md says it.
    value
        Returns it from a document of which `needs` is not null.
    needs
        The part of the document that it comes from.
    of
        Of how many it is a share when compared with percent; None: of none.
    is_ms
        Whether it is a duration in ms.
    doubtful
        Returns by how much it may be more, from the same; None: by nothing.
    """

    means: str
    value: Callable[[Document], Any]
    needs: str
    of: Callable[[Document], int] | None = None
    is_ms: bool = False
    doubtful: Callable[[Document], int] | None = None


def _total(name: str, column: str) -> Callable[[Document], int]:
    return lambda document: sum(row[column] for row in document[name])


def _in(*path: str) -> Callable[[Document], Any]:
    """Return what reads a place of a document; None where something on the way is null."""

    def read(document: Document) -> Any:  # noqa: ANN401
        found: Any = document
        for name in path:
            found = None if found is None else found[name]
        return found

    return read


_EVENTS: Final = _in("events")
_REPLAYED: Final = _in("replay", "events")

FIGURES: Final[Mapping[str, Figure]] = {
    "records": Figure("records read", _in("records"), "records"),
    "events": Figure("events", _EVENTS, "events"),
    "clients": Figure("clients", _in("clients"), "clients"),
    "sessions": Figure("sessions", _in("sessions"), "sessions"),
    "rejected": Figure(
        "records rejected", lambda d: sum(d["rejected"].values()), "rejected", _in("records")
    ),
    "without_received": Figure(
        "events without a received time", _in("without_received"), "without_received", _EVENTS
    ),
    "outages": Figure("outages, quiet stretches not", lambda d: len(d["outages"]), "outages"),
    "quiet": Figure("quiet stretches", lambda d: len(d["quiet"]), "quiet"),
    "held_back": Figure(
        "events held back in outages", _total("outages", "held_back"), "outages", _EVENTS
    ),
    "lost": Figure(
        "sequence numbers missing",
        _in("sequence_numbers", "lost"),
        "sequence_numbers",
        doubtful=_in("sequence_numbers", "doubtful"),
    ),
    "duplicates": Figure(
        "events that came again",
        _in("sequence_numbers", "duplicates"),
        "sequence_numbers",
        _EVENTS,
    ),
    "wrong_clocks": Figure(
        "clients whose clock is wrong",
        _total("clocks", "wrong"),
        "clocks",
        lambda d: len(d["clocks"]),
    ),
    "from_the_future": Figure(
        "events received before they happened", _in("delay_ms", "negative"), "delay_ms", _EVENTS
    ),
    "delay_median": Figure("median delay", _in("delay_ms", "median"), "delay_ms", is_ms=True),
    "delay_p99": Figure("99 % quantile of delay", _in("delay_ms", "p99"), "delay_ms", is_ms=True),
    "delay_max": Figure("largest delay", _in("delay_ms", "max"), "delay_ms", is_ms=True),
    "out_of_orderness_p99": Figure(
        "99 % quantile of out-of-orderness inside partitions",
        _in("out_of_orderness_ms", "partitions", "p99"),
        "out_of_orderness_ms",
        is_ms=True,
    ),
    "findings": Figure("findings", lambda d: len(d["findings"]), "findings"),
    "dropped": Figure(
        "events that the engine drops", _in("replay", "dropped"), "replay", _REPLAYED
    ),
    "windows": Figure("windows that the engine makes", _in("replay", "windows"), "replay"),
    "unclosed": Figure(
        "windows without a final result by the end",
        lambda d: d["replay"]["windows"] - d["replay"]["closed_windows"],
        "replay",
        _in("replay", "windows"),
    ),
    "not_exact": Figure(
        "true sessions that the windows do not hold exactly",
        lambda d: (s := d["replay"]["true_sessions"]) and s["sessions"] - s["exact"],
        "replay",
        _in("replay", "true_sessions", "sessions"),
    ),
    "latency_median": Figure(
        "median result latency", _in("replay", "result_latency_ms", "median"), "replay", is_ms=True
    ),
    "latency_p95": Figure(
        "95 % quantile of result latency",
        _in("replay", "result_latency_ms", "p95"),
        "replay",
        is_ms=True,
    ),
}
"""The figures that a condition can name; any number or list of the document by its path besides."""


@dataclass(frozen=True)
class Condition:
    """A condition that breaks the report where it is true: `figure` compared with `limit`.

    `limit` is a count, ms, or a share of the figure's whole if `is_share`.
    """

    text: str
    name: str
    comparison: str
    limit: Fraction
    is_share: bool


@dataclass(frozen=True)
class JudgedCondition:
    """What became of a condition, and the sentence that says so."""

    condition: Condition
    state: State
    sentence: str


def condition_of(text: str) -> Condition:
    """Return the condition that a text says.

    Raises
    ------
    SettingsError
        When it says none.
    """
    found = _CONDITION.fullmatch(text)
    if found is None:
        raise SettingsError(f"{text!r} is no condition.", 'Write it as "dropped > 0.1%".')
    name = re.sub(r"[\s\-]+", "_", found[1].lower()) if "." not in found[1] else found[1]
    if name not in FIGURES and "." not in name:
        raise SettingsError(
            f"There is no figure {found[1]!r}.",
            f"Known: {', '.join(FIGURES)}; or a path into the JSON, as delay_ms.p99.9.",
        )
    limit = found[3]
    is_share = limit.endswith("%")
    number = limit.removesuffix("%").strip()
    if _PLAIN.fullmatch(number):
        value = Fraction(number) / (100 if is_share else 1)
    elif is_share:
        raise SettingsError(f"{limit!r} is no share.", "Write it as 0.1%.")
    else:
        value = Fraction(asked_duration_ms(limit))
    figure = FIGURES.get(name)
    if is_share and (figure.of is None if figure else "share" not in name):
        raise SettingsError(f"{name} is no share of anything.", "Compare it with a number.")
    return Condition(text.strip(), name, found[2], value, is_share)


def judged(condition: Condition, document: Document) -> JudgedCondition:
    """Return what became of a condition on a document."""
    figure = FIGURES.get(condition.name)
    found, whole, needs = _looked_up(condition, figure, document)
    if found is None:
        said = _why_not(needs, document) or f"{condition.name} is not known here."
        return JudgedCondition(
            condition, State.UNKNOWN, f"{condition.text}: could not tell. {said}"
        )
    value = Fraction(found)
    if condition.is_share and figure is not None:
        value = value / whole if whole else Fraction(0)
    compare = _COMPARE[condition.comparison]
    is_true = compare(value, condition.limit)
    more = figure.doubtful(document) if figure is not None and figure.doubtful is not None else 0
    limit = condition.limit
    others = (value + more, min(max(value, limit), value + more))  # what may be as well
    if any(compare(other, limit) != is_true for other in others):
        said = document[needs]["sentence"]
        return JudgedCondition(
            condition, State.UNKNOWN, f"{condition.text}: could not tell. It is {found:,}. {said}"
        )
    state = State.BROKEN if is_true else State.KEPT
    shown = _shown(condition, figure, found, whole)
    return JudgedCondition(condition, state, f"{condition.text}: {state}. {shown}")


def _why_not(needs: str, document: Document) -> str | None:
    """Return why a part of a document is null; None where it is not, or nothing says why."""
    unmatched = document["against"] if needs == "against" else None
    return document["withheld"].get(needs) or (unmatched and unmatched["why_not"])


def status(verdicts: Iterable[JudgedCondition]) -> int:
    """Return the exit status: 1 if one is broken, else 2 if one could not be told, else 0."""
    states = {verdict.state for verdict in verdicts}
    return 1 if State.BROKEN in states else 2 if State.UNKNOWN in states else 0


def _looked_up(
    condition: Condition, figure: Figure | None, document: Document
) -> tuple[Any, int, str]:
    """Return the figure or None, the whole that it is a share of, and the part that it is in."""
    if figure is not None:
        known = document[figure.needs] is not None
        of = figure.of(document) if known and figure.of is not None else 0
        return (figure.value(document) if known else None), of or 0, figure.needs
    needs, _, rest = condition.name.partition(".")
    found: Any = document.get(needs)
    while rest and isinstance(found, dict):
        if rest in found:  # a name may have dots: p99.9
            found, rest = found[rest], ""
        else:
            name, _, rest = rest.partition(".")
            found = found.get(name)
    found = len(found) if isinstance(found, list) else found
    is_number = isinstance(found, (int, float)) and not rest
    return (found if is_number else None), 0, needs


def _shown(condition: Condition, figure: Figure | None, found: Any, whole: int) -> str:  # noqa: ANN401
    is_ms = figure.is_ms if figure else "_ms" in condition.name
    number = duration(found) if is_ms else f"{found:,}"
    if isinstance(found, float) and not is_ms:
        number = f"{Decimal(f'{found:.6g}'):,f}"  # with no exponent, however small
    of = f" of {whole:,} ({share_text(found / whole)})" if whole else ""
    return f"It is {number}{of}."
