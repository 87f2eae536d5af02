"""What has to be said of a loaded topic wherever it is shown: what is missing, what is changed."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Final

from lib.analysis.timestamp_quality import Stamp
from lib.core.columns import SEQUENCE
from lib.core.formatting import counted
from lib.decoding.json_value import NOT_AN_OBJECT, NOT_JSON, NOT_UTF8
from lib.decoding.rejected import BEGINNING, far_ahead_sentence, far_before_sentence
from lib.events.field_names import tells_of_receipt
from lib.events.time_columns import parts_of_times
from lib.sources.files.envelope import NOT_WHOLE
from lib.sources.guess import guess_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    import pyarrow as pa

    from lib.analysis.timestamp_quality import Verdict
    from lib.events.fields import Fields
    from lib.events.recognition import Recognition
    from lib.loading.contents import Contents
    from lib.loading.load import LoadedTopic, LoadReport

NAMED: Final = 5
"""Clients that a notice names; of the others the number is told."""

FIELDS_PLACE: Final = "under Fields in the sidebar"
"""Where sentences say that fields are chosen; a report says another place."""


class Level(StrEnum):
    """How much a notice matters."""

    NOTE = "note"
    INFO = "info"
    WARNING = "warning"


class About(StrEnum):
    """What a notice is about."""

    STOPPED = "stopped"
    FAILED = "failed"
    EXPIRED = "expired"
    UNAVAILABLE = "unavailable"
    ANEW = "read anew"
    HOLES = "holes"
    CAPPED = "capped"
    REJECTED = "rejected"
    CLIENT = "client"
    CORRECTED = "corrected"
    TIMESTAMPS = "timestamps"
    EVENT_TIME = "event time"
    RECEIVED_TIME = "received time"
    FILTER = "filter"
    PART = "part of a topic"


@dataclass(frozen=True)
class Notice:
    """A plain sentence about a loaded topic; names in it are as they are, not escaped."""

    about: About
    level: Level
    sentence: str


def notices(topic: LoadedTopic, verdict: Verdict | None) -> list[Notice]:
    """Return what has to be said of a topic before any of its figures.

    Parameters
    ----------
    topic
        The loaded topic.
    verdict
        What `lib.analysis.timestamp_quality.assess_timestamps` says of its events; None where it
        has none.

    Returns
    -------
    list of Notice
        In this order: reading was stopped, or failed; records expired; partitions cannot be read;
        the topic was read anew; compaction removed records; the cap kept older records out; the
        file is a part of a topic; records were rejected; no field names the client; event times are
        corrected; received times are missing, mean little, or not their order.
    """
    return [*_of_load(topic), *_of_times(topic, verdict)]


_OPEN: Final = (NOT_JSON, NOT_UTF8, NOT_AN_OBJECT, NOT_WHOLE)
_NO_REGISTRY: Final = "No schema registry is configured"
"""Reasons that leave open what a value is."""


def first_rejected(rejected: pa.Table) -> str:
    """Return what the first value may be whose reason does not say what it is; "" if nothing.

    Parameters
    ----------
    rejected
        Schema `lib.decoding.rejected.REJECTED`.
    """
    known = rejected.select(["reason", BEGINNING]).filter(rejected[BEGINNING].is_valid())
    return first_rejected_of(
        zip(known["reason"].to_pylist(), known[BEGINNING].to_pylist(), strict=True)
    )


def first_rejected_of(beginnings: Iterable[tuple[str, bytes]]) -> str:
    """Return the result of `first_rejected` from the reasons and beginnings of values."""
    known = (begin for why, begin in beginnings if why in _OPEN or _NO_REGISTRY in why)
    first = next(known, None)
    guess = "" if first is None else guess_of(first)
    if not guess:
        return ""
    return f"The first value rejected {guess if guess.startswith('begins') else f'may be {guess}'}."


def _of_load(topic: LoadedTopic) -> Iterator[Notice]:
    report, contents = topic.report, topic.contents
    rejected = contents.rejected
    if report.stopped:
        sentence = f"Reading was stopped after {counted(report.read.records, 'record')}."
        yield Notice(About.STOPPED, Level.WARNING, sentence)
    yield from _of_what_is_missing(report)
    if report.anew:
        yield Notice(About.ANEW, Level.INFO, report.anew)
    if report.holes and SEQUENCE in contents.columns:
        sentence = (
            f"{counted(report.holes, 'offset')} {_have(report.holes)} no record, as compaction "
            "leaves them, so missing sequence numbers are not told as lost."
        )
        yield Notice(About.HOLES, Level.NOTE, sentence)
    if report.capped:
        sentence = (
            f"The topic holds {counted(report.in_log, 'record')}. The newest "
            f"{contents.events:,} are shown: the cap on events is reached."
        )
        yield Notice(About.CAPPED, Level.INFO, sentence)
    if report.part is not None:
        level = Level.WARNING if report.part.is_cut else Level.INFO
        yield Notice(About.PART, level, report.part.note)
    if rejected:
        yield Notice(About.REJECTED, Level.NOTE, _rejected(contents))
    if contents.far_before:
        yield Notice(About.REJECTED, Level.NOTE, far_before_sentence(contents.far_before))
    if contents.far_ahead:
        yield Notice(About.REJECTED, Level.WARNING, far_ahead_sentence(contents.far_ahead))
    if topic.fields.client is None and contents.has_event_time and contents.events > 1:
        sentence = (
            "No field names the client: all events are told as of one. Choose the field that does "
            f"{FIELDS_PLACE}."
        )
        yield Notice(About.CLIENT, Level.NOTE, sentence)


def _rejected(contents: Contents) -> str:
    """Return how many records were rejected, and how many lines that are none."""
    records = contents.rejected_records
    lines = contents.rejected - records
    was, are = "was" if records == 1 else "were", "is no record" if lines == 1 else "are no records"
    said = {
        f"{counted(records, 'record')} could not be read and {was} rejected.": records,
        f"{counted(lines, 'line')} of the file {are}.": lines,
    }
    return " ".join(sentence for sentence, count in said.items() if count)


def _of_what_is_missing(report: LoadReport) -> Iterator[Notice]:
    no_loss = " Missing sequence numbers are not told as lost."
    if report.failure is not None:
        missing = sum(report.missing.values())
        rest = (
            f"Up to {counted(missing, 'record')} {_of_partitions(report.missing)} "
            f"{'is' if missing == 1 else 'are'} missing.{no_loss}"
            if missing
            else "All records had come; whether the topic changed meanwhile could not be checked."
        )
        sentence = (
            f"Reading ended after {counted(report.read.records, 'record')}: "
            f"{report.failure.what} {rest}"
        )
        yield Notice(About.FAILED, Level.WARNING, sentence)
    if report.expired:
        expired = sum(report.expired.values())
        each = ", ".join(f"{p}: {n:,}" for p, n in sorted(report.expired.items())[:NAMED])
        more = len(report.expired) - NAMED
        others = f" and {more:,} more" if more > 0 else ""
        sentence = (
            f"{counted(expired, 'offset')} expired while the topic was read (by partition: "
            f"{each}{others}). The topic has them no more, and nothing of them is shown.{no_loss}"
        )
        yield Notice(About.EXPIRED, Level.WARNING, sentence)
    if report.unavailable:
        of = _of_partitions(dict.fromkeys(report.unavailable, 1))
        sentence = f"Without a leader, the records {of} cannot be read and are missing.{no_loss}"
        yield Notice(About.UNAVAILABLE, Level.WARNING, sentence)


def _of_partitions(partitions: Mapping[int, int]) -> str:
    return _of("partition", sorted(partitions))


def _of(what: str, every: Sequence[object]) -> str:
    """Return "of partition 3", or of several, the first of them named."""
    if len(every) == 1:
        return f"of {what} {every[0]}"
    more = len(every) - NAMED
    others = f" and {more:,} more" if more > 0 else ""
    return f"of {what}s {', '.join(map(str, every[:NAMED]))}{others}"


def _have(number: int) -> str:
    return "has" if number == 1 else "have"


def _of_times(topic: LoadedTopic, verdict: Verdict | None) -> Iterator[Notice]:
    if topic.corrected:
        whose = _of("client", topic.corrected)
        sentence = f"Event times {whose} are corrected, not as they were read."
        yield Notice(About.CORRECTED, Level.INFO, sentence)
    if verdict is not None and verdict.of_event_times:
        return  # `time_notices` say it
    if verdict is not None and not (verdict.usable and verdict.in_order):
        yield Notice(About.TIMESTAMPS, Level.WARNING, verdict.sentence)
    elif verdict is not None and verdict.missing:
        yield Notice(About.TIMESTAMPS, Level.INFO, verdict.sentence)
    others = ", ".join(times_of_receipt(topic.fields, topic.recognition)[:NAMED])
    if verdict is not None and verdict.stamp is Stamp.COPY and others:
        sentence = f"By name, the received time may be in {others}: choose it {FIELDS_PLACE}."
        yield Notice(About.RECEIVED_TIME, Level.INFO, sentence)


def times_of_receipt(fields: Fields, recognition: Recognition) -> list[str]:
    """Return the fields that are called a time of receipt, and have no role."""
    return [name for name in other_times(fields, recognition) if tells_of_receipt(name)]


def other_times(fields: Fields, recognition: Recognition) -> list[str]:
    """Return the fields that hold times and have no role."""
    taken = parts_of_times(fields)
    return [offer.name for offer in recognition.offers if offer.name not in taken]
