"""The report as one HTML file: readable offline and on paper, its charts with their data."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import altair as alt
import vl_convert
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from lib.analysis.findings import MOST, THERE_MAY_BE_MORE
from lib.analysis.of_topic import nothing_found
from lib.analysis.summary import AHEAD_MEANS, MEDIAN_DELAY_MEANS
from lib.core.formatting import (
    counted,
    delay_text,
    duration,
    moment_text,
    share_text,
    visible_text,
)
from lib.events.fields import RECORD_TIMESTAMP
from lib.replay.sentences import (
    DROPPED_MEANS,
    FATES,
    latency_means,
    latency_text,
    named,
)
from lib.report.conditions import State
from lib.report.drawings import drawings_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from lib.report.made import Made
    from lib.report.report import Replayed

LISTED: Final = 100
"""Rows of a table, at most; the JSON has all."""

_LONGEST_TEXT: Final = 2_000

_TEMPLATE: Final = "page.html"
_SNIPPET: Final = "window.vegaEmbed = vegaEmbed;"
_VEGA_LITE: Final = ".".join(alt.SCHEMA_VERSION.split(".")[:2])
"""That the specs are written for: v6.4."""


@dataclass(frozen=True)
class Row:
    """A figure with its definition."""

    name: str
    value: str
    means: str


@dataclass(frozen=True)
class Table:
    """A table, of which perhaps not every row is shown."""

    columns: Sequence[str]
    rows: Sequence[Sequence[str]]
    of: int

    @property
    def left_out(self) -> str:
        """What is left out, as a sentence; "" if nothing is."""
        more = self.of - len(self.rows)
        return f"{more:,} more are in the JSON." if more else ""


def page_of(made: Made) -> bytes:
    """Return the page of a report."""
    drawings = [] if made.report is None else drawings_of(made.report)
    document = made.document
    text = _template().render(
        document=document,
        error=document["error"],
        failed=made.failed,
        topic=_seen(document["made"]["topic"]),
        verdicts=[(str(one.state), one.state is State.KEPT, one.sentence) for one in made.verdicts],
        findings=document["findings"],
        more=THERE_MAY_BE_MORE if len(document["findings"] or ()) == MOST else "",
        nothing=_nothing(made),
        figures=list(_figures(made)),
        replay=list(_replay_rows(made)),
        against=_against(document),
        setting="" if made.report is None else named(made.report.asked.setting),
        withheld=_withheld(document),
        drawings=drawings,
        charts=_in_script({d.name: {"spec": d.spec, "tables": d.tables} for d in drawings}),
        outages=_outages(document),
        clocks=_clocks(document),
        rejected=_rejected(document),
        made=_how_made(document),
        script=_bundle() if drawings else "",
    )
    return str(text).encode(errors="replace")


@lru_cache(maxsize=1)
def _template() -> Any:  # noqa: ANN401 (jinja2 types it so)
    loader = FileSystemLoader(Path(__file__).parent)
    environment = Environment(loader=loader, autoescape=True, undefined=StrictUndefined)
    environment.filters["seen"] = _seen
    return environment.get_template(_TEMPLATE)


@lru_cache(maxsize=1)
def _bundle() -> str:
    """Return vega, vega-lite and vega-embed as one script."""
    script = vl_convert.javascript_bundle(_SNIPPET, _VEGA_LITE)
    return script.replace("</script", "<\\/script")


def _in_script(value: object) -> str:
    """Return JSON that no text in it can end the script of."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).replace("<", "\\u003c")


def _nothing(made: Made) -> str:
    report = made.report
    if report is None or report.analysis is None or report.analysis.findings:
        return ""
    return nothing_found(report.topic, report.analysis, report.verdict, report.diagnosis)


def _withheld(document: Mapping[str, Any]) -> dict[str, str]:
    """Return what is withheld, by why."""
    reasons: dict[str, list[str]] = {}
    for name, reason in document["withheld"].items():
        reasons.setdefault(reason, []).append(name.removesuffix("_ms").replace("_", " "))
    return {reason: ", ".join(names) for reason, names in reasons.items()}


def _figures(made: Made) -> Iterator[Row]:
    document = made.document
    plain = (
        ("events", "Events", "Records with an event time and a client, where the topic has one."),
        ("clients", "Clients", "Who sent the events."),
        ("sessions", "Sessions", "As the topic names them, else by inactivity of a client."),
        ("without_received", "Without a received time", "Left out of delays, outages and clocks."),
    )
    for name, title, means in plain:
        if document[name] is not None:
            yield Row(title, f"{document[name]:,}", means)
    for clock, title in (("event_time", "Event time"), ("received_time", "Received time")):
        yield from _clock_row(document[clock], title)
    delay = document["delay_ms"]
    if delay:
        yield Row("Median delay", delay_text(delay["median"]), MEDIAN_DELAY_MEANS)
        yield Row("p99 of delay", delay_text(delay["p99"]), "99 % of the events had no more.")
        yield Row("Largest delay", delay_text(delay["max"]), "No event arrived later.")
        yield Row("Clock ahead", f"{delay['negative']:,}", AHEAD_MEANS)
    behind = document["out_of_orderness_ms"]
    if behind and behind.get("partitions"):
        yield Row(
            "p99 of out-of-orderness",
            duration(behind["partitions"]["p99"]),
            "How far events are behind the newest one before them in their partition: the "
            "watermark delay that is long enough for 99 % of them.",
        )
    yield from _found_rows(document)


def _clock_row(clock: Mapping[str, Any] | None, title: str) -> Iterator[Row]:
    if clock is None:
        return
    if not clock["known"]:
        yield Row(title, "none", "No time is invented: what needs it is withheld.")
        return
    stretch = f"{moment_text(clock['first_ms'])} – {moment_text(clock['last_ms'])}"
    of_record = clock["from"] == RECORD_TIMESTAMP
    source = "the record timestamp" if of_record else clock["from"]
    yield Row(title, stretch, f"From {source}, which {share_text(clock['share'])} have.")


def _found_rows(document: Mapping[str, Any]) -> Iterator[Row]:
    if document["outages"] is not None:
        held = sum(row["held_back"] for row in document["outages"])
        means = "Silences in which a client went on producing events; quiet stretches are none."
        yield Row("Outages", f"{len(document['outages']):,}", means)
        yield Row("Held back", f"{held:,}", "Events that waited for the end of an outage.")
    if document["sequence_numbers"] is not None:
        numbers = document["sequence_numbers"]
        means = f"Sequence numbers missing between others. {numbers['sentence']}"
        doubtful = f", and perhaps {numbers['doubtful']:,} more" if numbers["doubtful"] else ""
        yield Row("Lost", f"{numbers['lost']:,}{doubtful}", means)
        yield Row("Duplicates", f"{numbers['duplicates']:,}", "The same event, come again.")
    if document["clocks"] is not None:
        wrong = sum(row["wrong"] for row in document["clocks"])
        means = (
            "Clients whose clock is all the time off, or drifts, far more than is usual in the "
            "topic: clocks that were set, or are ahead at times, stand out above."
        )
        yield Row("Wrong clocks", f"{wrong:,} of {len(document['clocks']):,}", means)


def _replay_rows(made: Made) -> Iterator[Row]:
    replayed: Replayed | None = made.report.replayed if made.report else None
    if replayed is None:
        return
    outcome = replayed.outcome
    dropped = f"{outcome.dropped:,} ({share_text(outcome.dropped_share)})"
    yield Row("Dropped", dropped, DROPPED_MEANS)
    yield Row("Windows", f"{outcome.windows:,}", "Windows that the engine makes.")
    if outcome.sessions is not None:
        of = f"of {counted(outcome.sessions.sessions, 'session')}"
        for name, means in FATES.items():
            yield Row(name, f"{getattr(outcome.sessions, name.lower()):,} {of}", means)
    if not replayed.order_only:
        latency = latency_text(outcome.latency_median_ms)
        yield Row("Result latency", latency, latency_means(outcome))


def _against(document: Mapping[str, Any]) -> list[Row] | None:
    """Return the figures of a second topic; none where nothing is matched, None without one."""
    told = document.get("against")
    if told is None:
        return None
    if told["why_not"]:
        return []
    here, there = told["topics"]
    key = f"Matched by {', '.join(told['matched_by'])}."
    rows = [
        Row("In both", f"{told['in_both']:,}", f"Events of {here} and {there}. {key}"),
        *(
            Row(f"Only in {name}", f"{told[f'only_{side}']:,}", "The other has no such event.")
            for name, side in ((here, "here"), (there, "there"))
        ),
        *(
            Row(f"Repeated in {name}", f"{told[f'repeated_{side}']:,}", "Further copies of events.")
            for name, side in ((here, "here"), (there, "there"))
        ),
        Row("Reordered", f"{told['reordered']:,}", "The fewest that would have to be moved."),
        Row("Changed", f"{told['changed']:,}", "Matched events that differ in another field."),
    ]
    return [*rows, *_way_rows(told["way"], here, there)]


def _way_rows(way: Mapping[str, Any], here: str, there: str) -> Iterator[Row]:
    means = f"What the way from {here} to {there} added, by the received times of both."
    if way["withheld"]:
        yield Row("Delay of the way", "withheld", way["withheld"])
        return
    delay = way["delay_ms"]
    yield Row("Median delay of the way", duration(delay["p50"]), means)
    yield Row("p99 delay of the way", duration(delay["p99"]), means)
    yield Row("Outages of the way", f"{way['outages']:,}", f"{way['held_back']:,} held back.")


def _outages(document: Mapping[str, Any]) -> Table | None:
    found = document["outages"]
    if not found:
        return None
    columns = ("Client", "Kind", "Last heard", "Back at", "Silence", "Held back", "Lost")
    most = sorted(found, key=lambda row: -(row["held_back"] + row["lost"]))[:LISTED]
    rows = [
        (
            _name(row["client"]),
            row["kind"],
            _moment(row["last_heard_ms"]),
            _moment(row["back_at_ms"]),
            "" if row["silence_ms"] is None else duration(row["silence_ms"]),
            f"{row['held_back']:,}",
            f"{row['lost']:,}",
        )
        for row in most
    ]
    return Table(columns, rows, len(found))


def _clocks(document: Mapping[str, Any]) -> Table | None:
    wrong = [row for row in document["clocks"] or () if row["wrong"]]
    if not wrong:
        return None
    columns = ("Client", "Events", "Ahead by", "Drift, ppm", "Received before they happened")
    most = sorted(wrong, key=lambda row: -abs(row["ahead_ms"] or 0))[:LISTED]
    rows = [
        (
            _name(row["client"]),
            f"{row['events']:,}",
            duration(row["ahead_ms"] or 0),
            f"{row['drift_ppm'] or 0:,.0f}",
            f"{row['from_the_future']:,}",
        )
        for row in most
    ]
    return Table(columns, rows, len(wrong))


def _rejected(document: Mapping[str, Any]) -> Table | None:
    found = document["rejected"]
    if not found:
        return None
    rows = [(_seen(why), f"{count:,}") for why, count in list(found.items())[:LISTED]]
    return Table(("Reason", "Records"), rows, len(found))


def _how_made(document: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    made = document["made"]
    yield "Skewline", f"version {made['version']}, {made['at']}"
    yield "Source and topic", f"{made['source']}, {visible_text(made['topic'])}"
    yield "Range", _range(made["range"])
    if made.get("where"):
        yield "Filter", " and ".join(made["where"])
    yield "Time zone", f"{made['time_zone']}, everywhere in this report"
    if "offsets" in made:
        some = list(made["offsets"].items())[:LISTED]
        spans = (f"partition {p}: {s['from']:,} to before {s['to']:,}" for p, s in some)
        yield "Offsets", "; ".join(spans) or "none"
        yield "Fields", _pairs(made["fields"])
        yield "Read by", f"{made['reader']}; format {made['format'] or 'not known'}"
        yield "Records", counted(document["records"], "record")
    if document["replay"] is not None:
        yield "Windows of each", visible_text(document["replay"]["grouped_by"])
        yield "Engine", f"{document['replay']['engine']}: {_pairs(document['replay']['settings'])}"


def _range(said: Mapping[str, int]) -> str:
    return " ".join(_RANGES[name](value) for name, value in said.items()) or "everything"


_RANGES: Final[Mapping[str, Callable[[int], str]]] = {
    "latest": lambda count: f"the newest {counted(count, 'record')}",
    "minutes": lambda many: f"the {counted(many, 'minute')} before the newest record",
    "offset": lambda first: f"every partition from offset {first:,} on",
    "from_ms": lambda ms: f"record timestamps from {_moment(ms)}",
    "to_ms": lambda ms: f"to before {_moment(ms)}",
}


def _pairs(values: Mapping[str, object]) -> str:
    known = {name: value for name, value in values.items() if value is not None}
    return visible_text(", ".join(f"{name} = {value}" for name, value in known.items()))


def _seen(text: object) -> str:
    """Return a text on one line in which every character shows, cut where it is very long."""
    shown = visible_text(text)
    return shown if len(shown) <= _LONGEST_TEXT else f"{shown[: _LONGEST_TEXT - 1]}…"


def _name(client: object) -> str:
    return "" if client is None else _seen(client)


def _moment(epoch_ms: int | None) -> str:
    return "" if epoch_ms is None else moment_text(epoch_ms)
