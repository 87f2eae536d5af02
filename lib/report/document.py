"""The report as a JSON document; `lib/report/report.schema.json` says what is in it."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pandas as pd

from lib import __version__
from lib.analysis import client_clocks, completeness, delays, outages
from lib.analysis.notices import About, Level, first_rejected_of
from lib.analysis.of_topic import OF_A_PART, is_cut
from lib.core.columns import (
    CLIENT,
    DRIFT,
    EVENTS,
    LAST_HEARD,
    LOST,
    SESSION,
)
from lib.core.formatting import moment_text
from lib.events.client_names import written
from lib.events.fields import IN_ORDER
from lib.replay.engine import delay_ms
from lib.replay.sentences import advice_sentence, how_chosen
from lib.report.settings import LAST_MS
from lib.sources.base import Between, FromOffset, LastMinutes, Latest

if TYPE_CHECKING:
    from collections.abc import Hashable, Mapping, Sequence

    from lib.analysis.analyse import Analysis
    from lib.analysis.summary import Summary
    from lib.core.errors import SkewlineError
    from lib.events.fields import TimeField
    from lib.loading.contents import Contents
    from lib.loading.load import LoadedTopic
    from lib.replay.advisor import Advice
    from lib.replay.engine import Setting
    from lib.replay.outcome import Outcome
    from lib.report.report import Replayed, Report
    from lib.sources.base import Range

    Document = dict[str, Any]

SCHEMA_VERSION: Final = 1
"""Of the document: a number more where what is there changes; what comes in addition does not."""

FIGURES: Final = (
    "records", "events", "clients", "sessions", "rejected", "without_received", "event_time",
    "received_time", "delay_ms", "out_of_orderness_ms", "outages", "quiet", "clocks",
    "sequence_numbers", "notices", "findings", "replay", "advice",
)  # fmt: skip
"""What a document tells of a topic; each null where it cannot be told."""

NO_NUMBERS: Final = "Events carry no sequence numbers."

OF_ALL_EVENTS: Final = "This is of all events of the topic: leave out the filter to have it."
COUNTED: Final = (
    "Events are those that the filter leaves, as the engine reads them among all events of the "
    "topic, which all move its watermark. Windows and sessions are those that hold one of them, "
    "each with all its events."
)
CUT: Final = (
    "The filter leaves some events of a client or session and not the others, and this is told of "
    "all of them: filter whole clients, or leave out the filter to have it."
)

_OF_OUTAGES: Final[Mapping[str, str]] = {
    "client": CLIENT,
    "session": SESSION,
    "kind": outages.KIND,
    "last_heard_ms": LAST_HEARD,
    "back_at_ms": outages.BACK_AT,
    "silence_ms": outages.SILENCE,
    "held_back": outages.HELD_BACK,
    "lost": LOST,
    "largest_delay_ms": outages.LARGEST_DELAY,
    "burst_end_ms": outages.BURST_END,
    "shared_outage": outages.SHARED_OUTAGE,
}
_OF_CLOCKS: Final[Mapping[str, str]] = {
    "client": CLIENT,
    "events": EVENTS,
    "smallest_delay_ms": client_clocks.SMALLEST_DELAY,
    "ahead_ms": client_clocks.CLOCK_OFFSET,
    "drift_ppm": DRIFT,
    "from_the_future": client_clocks.FUTURE,
    "wrong": client_clocks.WRONG,
}


def document_of(
    report: Report, made: Mapping[str, object], against: Document | None = None
) -> Document:
    """Return the document of a report.

    Parameters
    ----------
    made
        How it was made: what `made_by` returns.
    against
        What `lib.report.against.against_of` tells of a second topic; None where none was asked for.
    """
    told = _told(report)
    return {
        **_head(made),
        "error": None,
        **{name: None if name in report.untold else told.get(name) for name in FIGURES},
        "against": against,
        "withheld": withheld_in(report),
        "verdicts": [],
    }


def failed_document(error: SkewlineError, made: Mapping[str, object]) -> Document:
    """Return the document of a topic that could not be read."""
    said = {"what": error.what, "remedy": error.remedy, "said": error.said}
    return {
        **_head(made),
        "error": said,
        **dict.fromkeys(FIGURES),
        "against": None,
        "withheld": dict.fromkeys(FIGURES, error.what),
        "verdicts": [],
    }


def made_by(
    source: str, topic: str, wanted: Range, at_ms: int, loaded: LoadedTopic | None = None
) -> Document:
    """Return how a report is made: with what, when, of what."""
    made: Document = {
        "by": "Skewline",
        "version": __version__,
        "at_ms": at_ms,
        "at": moment_text(at_ms),
        "time_zone": "UTC",
        "source": source,
        "topic": topic,
        "range": _range(wanted),
    }
    if loaded is not None:
        report = loaded.report
        made |= {
            "offsets": _offsets(loaded),
            "zero_ms": loaded.contents.zero_ms,
            "fields": _fields(loaded),
            "reader": report.reader.name,
            "format": loaded.decoder.name if loaded.decoder else None,
            "capped": report.capped,
            "stopped": report.stopped,
            "corrected": [_value(client) for client in loaded.corrected],
        }
    return made


def _head(made: Mapping[str, object]) -> Document:
    return {"schema": "skewline-report", "schema_version": SCHEMA_VERSION, "made": dict(made)}


def _told(report: Report) -> Document:
    """Return the figures that can be told."""
    told = _counted(report)
    analysis = report.analysis
    if analysis is None:
        return told
    if not report.asked.where and not is_cut(report.whole):
        told["findings"] = [finding.sentence for finding in analysis.findings]
    if analysis.numbering is not None and analysis.sessions is not None and not report.is_cut:
        told["sequence_numbers"] = {
            "count": str(analysis.numbering),
            "sentence": analysis.of_numbers,
            "lost": analysis.lost,
            "doubtful": analysis.told.doubtful,
            "duplicates": int(analysis.sessions[completeness.DUPLICATES].sum()),
        }
    if not report.withheld and report.summary is not None:
        told |= _late(analysis, report.summary)
    if report.replayed is not None:
        told["replay"] = _replay(report.replayed, report.asked.setting)
        if report.replayed.advice is not None:
            told["advice"] = _advice(report, report.replayed.advice)
    return told | dict.fromkeys(_of_all_events(report))


def _counted(report: Report) -> Document:
    """Return what is told of any topic: how much of it there is, and of its times."""
    topic = report.topic
    return {
        "records": topic.report.total_records,
        "events": topic.contents.events,
        **_numbers_of(report),
        "rejected": topic.contents.reasons,
        "without_received": topic.contents.without_received,
        "event_time": _event_time(topic, report.whole.contents),
        "received_time": _received_time(report),
        "notices": [
            *(notice.sentence for notice in report.notices if notice.about is not About.PART),
            *topic.report.notes,
            *filter(None, [first_rejected_of(topic.contents.beginnings)]),
        ],
    }


def _late(analysis: Analysis, summary: Summary) -> Document:
    """Return what is told of a topic whose received times tell delays."""
    silences, behind = analysis.outages, analysis.out_of_orderness
    is_quiet = silences[outages.KIND] == outages.QUIET
    return {
        "delay_ms": {
            **(_quantiles(analysis.delay, 0) or {}),
            "median": _value(summary.median_delay_ms),
            "max": summary.largest_delay_ms,
            "negative": summary.ahead,
        },
        "out_of_orderness_ms": {
            scope: _quantiles(behind, row)
            for row, scope in enumerate(behind[delays.SCOPE])
            if scope in ("topic", "partitions")
        },
        "outages": _rows(silences[~is_quiet], _OF_OUTAGES),
        "quiet": _rows(silences[is_quiet], _OF_OUTAGES),
        "clocks": _rows(analysis.clocks, _OF_CLOCKS),
    }


def _numbers_of(report: Report) -> Document:
    """Return how many clients and sessions there are; without event times, as far as fields say."""
    if report.summary is not None:
        return {"clients": report.summary.clients, "sessions": report.summary.sessions}
    contents, fields = report.topic.contents, report.topic.fields
    return {
        "clients": contents.clients if fields.client or not contents.events else None,
        "sessions": contents.sessions if fields.session or not contents.events else None,
    }


def _event_time(topic: LoadedTopic, every: Contents) -> Document:
    role, contents = topic.fields.event_time, topic.contents
    known = contents.has_event_time and contents.events > 0
    return {
        "known": known,
        "from": _from(role) if known else None,
        "share": _share_with_event_time(every) if known else 0.0,
        **_stretch(contents, "event_time", contents.event if known else None),
    }


def _share_with_event_time(contents: Contents) -> float:
    """Return the share of the records that could be decoded and have a readable event time."""
    notes, unread = contents.notes.get("event_time"), sum(contents.unread.values())
    without = 0 if notes is None else notes.missing + notes.unreadable
    return 1.0 - min(without, unread) / (contents.events + unread)


def _received_time(report: Report) -> Document:
    topic, verdict = report.topic, report.verdict
    contents = topic.contents
    known = contents.events > 0 and contents.has_received_time
    return {
        "known": known,
        "from": _from(topic.fields.received_time) if known else None,
        "share": 1 - contents.without_received / contents.events if contents.events else 0.0,
        **_stretch(contents, "received_time", contents.received if known else None),
        "usable": verdict is not None and verdict.usable,
        "stamped_by": str(verdict.stamp) if verdict is not None else None,
        "sentence": verdict.sentence if verdict is not None else None,
    }


def _stretch(contents: Contents, role: str, bounds: tuple[int, int] | None) -> Document:
    notes = contents.notes.get(role)
    first, last = bounds or (None, None)
    return {
        "forms": {} if notes is None else dict(notes.forms),
        "first_ms": first,
        "last_ms": last,
    }


def _replay(replayed: Replayed, setting: Setting) -> Document:
    outcome = replayed.outcome
    return {
        "engine": setting.engine.name,
        "settings": told_setting(setting),
        "grouped_by": replayed.key,
        "events": outcome.events,
        "counted": COUNTED if replayed.is_filtered else None,
        "windows": outcome.windows,
        "closed_windows": outcome.windows - outcome.unclosed,
        "order_only": replayed.order_only,
        "stopped": outcome.stopped_because or None,
        **_outcome(outcome, with_latency=not replayed.order_only),
    }


def _outcome(outcome: Outcome, *, with_latency: bool = True) -> Document:
    fates, latency = outcome.sessions, None
    if with_latency and outcome.latency_median_ms is not None:
        latency = {"median": outcome.latency_median_ms, "p95": outcome.latency_p95_ms}
    names = ("exact", "incomplete", "split", "merged", "mixed", "sessions")
    return {
        "dropped": outcome.dropped,
        "dropped_share": outcome.dropped_share,
        "result_latency_ms": latency,
        "true_sessions": None if fates is None else {name: getattr(fates, name) for name in names},
    }


def _advice(report: Report, advice: Advice) -> Document:
    goal = report.asked.goal
    refusal, whole = advice.refusal, report.whole
    return {
        "sentence": advice_sentence(
            advice, goal, moment_text, whole.contents.far_ahead, whole.report.empty
        ),
        "how_chosen": how_chosen(advice, len(report.topic.positions)),
        "engine": advice.setting.engine.name,
        "settings": told_setting(advice.setting),
        "delay_ms": delay_ms(advice.setting),
        "margin_ms": advice.margin_ms,
        "goal": {"most_dropped": goal.most_dropped, "most_not_exact": goal.most_broken},
        "holds": advice.holds,
        "refused_because": None if refusal is None else refusal.reason.name.lower(),
        **_outcome(advice.outcome),
    }


def told_setting(setting: Setting) -> Document:
    """Return a setting by its names, windows first; durations in ms."""
    window = dataclasses.asdict(setting.window)
    own = {
        field.name: getattr(setting, field.name)
        for field in dataclasses.fields(setting)
        if field.name in {setting.engine.delay.name, *(p.name for p in setting.engine.parameters)}
    }
    return {"window": setting.window.kind.lower(), **window, **own}


def withheld_in(report: Report) -> dict[str, str]:
    """Return why what is null in the document cannot be told, by its name."""
    said = {}
    needs_received = ("delay_ms", "out_of_orderness_ms", "outages", "quiet", "clocks")
    if report.withheld:
        said = dict.fromkeys(needs_received, why_withheld(report))
    if report.event_times_tell_nothing:
        said["sequence_numbers"] = why_withheld(report)
    said |= _of_all_events(report)
    if report.replayed is None:
        said |= dict.fromkeys(("replay", "advice"), said.get("delay_ms", report.withheld))
    elif report.replayed.no_advice:
        said["advice"] = report.replayed.no_advice
    if report.analysis is None:
        said |= dict.fromkeys(("sequence_numbers", "findings"), why_withheld(report))
        for name, count in _numbers_of(report).items():
            said |= {name: report.withheld} if count is None else {}
    elif report.analysis.numbering is None and "sequence_numbers" not in report.untold:
        said.setdefault("sequence_numbers", NO_NUMBERS)
    return said | {name: why for name, why in report.untold.items() if not said.get(name)}


def _of_all_events(report: Report) -> dict[str, str]:
    """Return what a filter makes untold, by its name, and why; nothing where there is none.

    A filter of the report, or the one that made the file that it is of.
    """
    said: dict[str, str] = {}
    if report.analysis is None:
        return said
    if report.asked.where:
        said = {"findings": OF_ALL_EVENTS}
        if report.analysis.told.losses is not None:  # whose they are, nobody can tell
            said["sequence_numbers"] = OF_ALL_EVENTS
    if report.is_cut:
        said |= dict.fromkeys(("outages", "quiet", "clocks", "sequence_numbers"), CUT)
    if is_cut(report.whole):
        said |= dict.fromkeys(("findings", "outages", "quiet", "sequence_numbers"), OF_A_PART)
    return said


def why_withheld(report: Report) -> str:
    """Return why nothing is told that needs a received time, in full, as a notice says it."""
    about = (About.TIMESTAMPS, About.RECEIVED_TIME)
    if report.summary is None or report.event_times_tell_nothing:
        about = (About.EVENT_TIME, About.EVENT_TIME)
    warnings = (n for n in report.notices if n.level is Level.WARNING and n.about in about)
    return next((notice.sentence for notice in warnings), report.withheld)


def _range(wanted: Range) -> Document:
    match wanted:
        case Latest(count):
            return {"latest": count}
        case LastMinutes(minutes):
            return {"minutes": minutes}
        case FromOffset(offset):
            return {"offset": offset}
        case Between(start_ms, end_ms):
            ends = {"from_ms": start_ms, "to_ms": end_ms}
            return {name: ms for name, ms in ends.items() if 0 < ms < LAST_MS}
        case _:
            return {}


def _offsets(topic: LoadedTopic) -> dict[str, dict[str, int]]:
    """Return from where to before where each partition was read."""
    first = topic.contents.first_offsets
    return {
        str(number): {"from": first.get(number, int(end)), "to": int(end)}
        for number, end in sorted(topic.positions.items())
    }


def _fields(topic: LoadedTopic) -> Document:
    fields = topic.fields
    return {
        "event_time": _from(fields.event_time),
        "sent_time": _from(fields.sent_time),
        "received_time": _from(fields.received_time),
        "client": fields.client,
        "session": fields.session,
        "sequence": fields.sequence,
        "zone": fields.event_time.zone,
        "received_zone": fields.received_time.zone,
        "session_gap_s": fields.session_gap_s if fields.session is None else None,
        "system": topic.recognition.system or None,
    }


def _from(role: TimeField) -> str | None:
    """Return where a time comes from, as `--fields` takes it."""
    return IN_ORDER.join(role.sources) or None


def _quantiles(table: pd.DataFrame, row: int) -> dict[str, int] | None:
    names = [delays.quantile_name(each) for each in delays.SHARES]
    return {name: int(table[name].iloc[row]) for name in names} if row < len(table) else None


def _rows(table: pd.DataFrame, columns: Mapping[str, str]) -> list[Document]:
    chosen: Sequence[dict[Hashable, Any]] = table[list(columns.values())].to_dict("records")
    return [{name: _value(row[column]) for name, column in columns.items()} for row in chosen]


def _value(value: Any) -> object:  # noqa: ANN401 (what a cell holds)
    """Return what a cell holds as JSON has it: whole numbers as such, what is missing as null."""
    if isinstance(value, np.generic):
        value = value.item()
    if value is None or value is pd.NA or value is pd.NaT or value != value:
        return None
    if isinstance(value, float):
        return int(value) if value.is_integer() else value if np.isfinite(value) else None
    return value if isinstance(value, (bool, int, str)) else written(value)
