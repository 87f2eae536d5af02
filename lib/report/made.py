"""A report as it is written: its document, and what became of its conditions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from lib.report.conditions import judged
from lib.report.document import document_of, made_by

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from lib.report.conditions import Condition, JudgedCondition
    from lib.report.report import Report


@dataclass(frozen=True)
class Made:
    """A report as it is written.

    Attributes
    ----------
    document
        The JSON document, without the verdicts.
    verdicts
        What became of each condition.
    failed
        Why nothing could be told; "" if it could.
    seconds
        How long it took.
    report
        What the document is made of; None where the topic could not be read.
    """

    document: Mapping[str, Any]
    verdicts: Sequence[JudgedCondition]
    failed: str
    seconds: float
    report: Report | None


def made_of(
    report: Report,
    *,
    source: str,
    at_ms: int,
    conditions: Sequence[Condition] = (),
    seconds: float = 0.0,
    against: dict[str, Any] | None = None,
) -> Made:
    """Return a report as it is written.

    Parameters
    ----------
    source
        What the source is called.
    at_ms
        When the report was asked for, epoch ms.
    conditions
        What breaks it.
    seconds
        How long it took.
    against
        What is told of a second topic.
    """
    loaded, rejected = report.whole, report.whole.contents.rejected
    made = made_by(source, loaded.report.topic, loaded.report.wanted, at_ms, loaded)
    made["where"] = list(report.asked.where)
    document = document_of(report, made, against)
    unread = not loaded.contents.events and rejected > 0
    which = "The one record" if rejected == 1 else f"None of the {rejected:,} records"
    failed = f"{which} could {'not ' if rejected == 1 else ''}be read." if unread else ""
    return Made(document, [judged(each, document) for each in conditions], failed, seconds, report)
