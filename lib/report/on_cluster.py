"""The report on a topic that a cluster holds: the same document, as far as it is told there."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any, Final, cast

import numpy as np
import pandas as pd

from lib.analysis import outages
from lib.analysis.analyse import Analysis
from lib.analysis.delays import quantile_table
from lib.analysis.findings import Told, extent_between, findings
from lib.analysis.matching import Kind
from lib.analysis.notices import notices
from lib.analysis.of_topic import (
    NONE_RECEIVED,
    by_diagnosis,
    is_cut,
    of_a_part,
    tells_nothing,
    why_no_delay,
)
from lib.analysis.sequence_numbers import SequenceNumbers
from lib.analysis.summary import summary_of
from lib.analysis.time_notices import NO_EVENT_TIME, time_notices
from lib.analysis.timestamp_quality import assess_order
from lib.cluster import questions
from lib.cluster.asking import ask
from lib.cluster.correcting import corrected
from lib.cluster.filtering import with_left
from lib.cluster.kept_fields import without_role
from lib.cluster.replaying import (
    ReplaysOnCluster,
    clients_in,
    outcomes_on,
    with_heard_places,
    with_keys_together,
)
from lib.cluster.seen import EVERYTHING, outages_seen
from lib.cluster.topic import answers_of, rejected_of
from lib.core.columns import CLIENT, LAST_HEARD, LOST, PARTITION, SESSION
from lib.core.errors import NotInBlocksError, SettingsError, SkewlineError
from lib.events.table import THE_CLIENT
from lib.replay.advisor import advise_on
from lib.replay.blame import GROUP, Fault, blame_on
from lib.replay.gaps import gaps_question
from lib.replay.in_blocks import Job
from lib.replay.partitions import partition_skew_question
from lib.replay.processing_time import on_received_question
from lib.replay.sentences import NO_ADVICE
from lib.report.drawn import Drawn, drawn_replay_question, dropped_question, page_question
from lib.report.files import QUESTIONS
from lib.report.report import (
    KEYS,
    NO_EVENT,
    NONE_LEFT,
    Replayed,
    Report,
    filtered_notice,
    for_readers,
    is_senseless,
    why_no_advice,
)

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from distributed import Client

    from lib.analysis.findings import Extent
    from lib.analysis.sequence_numbers import RejectedRecords
    from lib.analysis.timestamp_quality import Verdict
    from lib.cluster.seen import Seen
    from lib.cluster.topic import Answers, ClusterTopic, Doing, HeldTopic
    from lib.loading.load import LoadedTopic
    from lib.replay.counted import Counted
    from lib.replay.engine import Setting
    from lib.replay.outcome import Outcome
    from lib.replay.processing_time import OnReceived
    from lib.report.drawn import DrawnReplay
    from lib.report.report import Asked

_MOST_ROWS: Final = 1_000_000  # of a table that one machine brings into order

_OF_NUMBERS: Final = ("outages", "quiet", "sequence_numbers", "findings")
_OF_OUTAGES: Final = (
    CLIENT, SESSION, outages.KIND, outages.START, LAST_HEARD, outages.BACK_AT, outages.SILENCE,
    outages.HELD_BACK, LOST, outages.LARGEST_DELAY, outages.BURST_END,
    outages.SHARED_OUTAGE,
)  # fmt: skip


def as_asked(
    client: Client, held: HeldTopic, asked: Asked, *, doing: Doing, seen: Seen = EVERYTHING
) -> HeldTopic:
    """Return a topic with the clocks corrected and the filter applied that a report asks for.

    `seen` is what of it is looked at.

    Raises
    ------
    SkewlineError
        When the filter cannot be applied: see `with_left`.
    """
    if not _has_events(held.topic):
        return held
    if asked.correct:
        doing("Correcting the event times of wrong clocks")
        held = corrected(client, held)
    if asked.where or not seen.is_everything:
        doing("Looking for the events that are to be shown")
        held = with_left(client, held, asked.where, seen)
    return held


def report_on_held(
    client: Client,
    held: HeldTopic,
    asked: Asked,
    *,
    doing: Doing,
    outputs: Collection[str] = (),
    seen: Seen | None = None,
) -> Report:
    """Return the report on a topic that a cluster holds, as `as_asked` returned it.

    What cannot be told there is in `Report.untold`, with why.

    Parameters
    ----------
    outputs
        Names of what is to be written: "html", and those of `lib.report.files.QUESTIONS`, are
        asked for by the way.
    seen
        What of it is looked at, as `as_asked` was told: then the engine is not replayed.
    """
    if not _has_events(held.topic):
        return _of_no_event(held.topic, asked)
    rejected = rejected_of(held.topic)
    answers = answers_of(client, held, rejected, doing=doing)
    report = _of_answers(held.topic, asked, answers, rejected)
    if asked.where or seen is not None:
        report = _of_part(client, held, report, answers, seen or EVERYTHING)
    drawn = None
    if seen is None:
        report, drawn = _with_replay(client, held, report, doing, outputs)
    if report.summary is None or "html" not in outputs:
        return report
    doing("Counting what charts draw")
    put = partial(page_question, summary=report.summary, withheld=report.withheld)
    found: Mapping[str, Any] = ask(client, put, held.by_client)
    return replace(report, drawn=Drawn(**found, replay=drawn))


def _has_events(topic: ClusterTopic) -> bool:
    return topic.contents.has_event_time and topic.contents.events > 0


def _of_no_event(topic: ClusterTopic, asked: Asked) -> Report:
    """Return the report on a topic that has no event."""
    told, contents = _as_loaded(topic), topic.contents
    why = NO_EVENT_TIME if contents.events else NO_EVENT.removesuffix(".")
    said = [*time_notices(contents, topic.fields, topic.recognition, None), *notices(told, None)]
    said = [for_readers(each) for each in said]
    return Report(told, asked, said, None, None, None, None, f"{why}.", None, told)


def _of_answers(
    topic: ClusterTopic, asked: Asked, answers: Answers, rejected: RejectedRecords
) -> Report:
    """Return the report on all events of a topic, but for what engines make of them."""
    topic = _with_times(topic, answers)
    told, order = _as_loaded(topic), answers.order["order"]
    assessed = assess_order(order, answers.clients["own"], topic.contents.events)
    diagnosis = answers.clients.get("diagnosis")
    verdict = by_diagnosis(assessed, diagnosis) if order.events else None
    of_times = time_notices(topic.contents, topic.fields, topic.recognition, diagnosis)
    analysis = _analysis(topic, answers, assessed, rejected)
    return Report(
        told,
        asked,
        [for_readers(each) for each in (*of_times, *notices(told, verdict))],
        verdict,
        diagnosis,
        answers.summary,
        of_a_part(analysis) if is_cut(told) or tells_nothing(diagnosis) else analysis,
        why_no_delay(verdict),
        None,
        told,
        untold=dict.fromkeys(_OF_NUMBERS, answers.no_numbers) if answers.no_numbers else {},
    )


def _as_loaded(topic: ClusterTopic) -> LoadedTopic:
    """Return a topic whose events are elsewhere: documents ask it for what it has alone."""
    return cast("LoadedTopic", topic)


def _with_replay(
    client: Client, held: HeldTopic, report: Report, doing: Doing, outputs: Collection[str]
) -> tuple[Report, DrawnReplay | None]:
    """Return the report with what the engine makes of the topic, and what is drawn of that."""
    asked, verdict = report.asked, report.verdict
    order_only = asked.in_order and not is_senseless(verdict) and bool(why_no_delay(verdict))
    if report.summary is None or (report.withheld and not order_only):
        return report, None
    try:
        replayed, drawn = replayed_on_held(
            client, held, asked, order_only=order_only, doing=doing, outputs=outputs
        )
    except NotInBlocksError as fault:
        untold = {**report.untold, **dict.fromkeys(("replay", "advice"), fault.what)}
        return replace(report, untold=untold), None
    return replace(report, replayed=replayed), drawn


def _of_part(
    client: Client, held: HeldTopic, report: Report, answers: Answers, seen: Seen
) -> Report:
    """Return the report on what is left, as `lib.report.report.report_on` makes it."""
    assert report.analysis is not None
    extremes, analysis = answers.order["extremes_left"], report.analysis
    every, where = report.whole.contents, report.asked.where
    left: Mapping[str, Any] = ask(client, questions.of_left, held.by_client)
    clients, names = left["clients"][CLIENT], left["names"]
    said = report.notices
    if where:
        said = [filtered_notice(where, extremes.events, every.events), *said]
    contents = replace(
        every,
        events=extremes.events,
        clients=names.clients,
        sessions=names.sessions,
        without_received=extremes.events - extremes.delays.n,
        event=extremes.event,
        received=extremes.received,
    )
    part = cast("LoadedTopic", replace(cast("ClusterTopic", report.whole), contents=contents))
    if not extremes.events:
        report = replace(report, summary=None, analysis=None, withheld=NONE_LEFT)
        return replace(report, topic=part, notices=said)
    of_part = replace(
        analysis,
        delay=quantile_table(answers.order["delays_left"]),
        outages=outages_seen(
            analysis.outages, seen, clients if where else None, every.zero_ms or 0
        ),
        clocks=analysis.clocks[analysis.clocks[CLIENT].isin(clients)],
        findings=[],
    )
    return replace(
        report,
        topic=part,
        notices=said,
        summary=summary_of(extremes, names.clients, names.sessions),
        analysis=of_part,
        withheld=report.withheld or ("" if extremes.delays.n else NONE_RECEIVED),
        is_cut=left["is_cut"],
    )


def _with_times(topic: ClusterTopic, answers: Answers) -> ClusterTopic:
    """Return a topic with the stretch of event time that its events, as they were asked, say."""
    event = answers.summary.first_event_ms, answers.summary.last_event_ms
    return replace(topic, contents=replace(topic.contents, event=event))


def replayed_on_held(
    client: Client,
    held: HeldTopic,
    asked: Asked,
    *,
    order_only: bool = False,
    doing: Doing = lambda _: None,
    outputs: Collection[str] = (),
) -> tuple[Replayed, DrawnReplay | None]:
    """Return what an engine would have made of a topic, and what the page draws of that.

    Raises
    ------
    NotInBlocksError
        When the engine, so set, or the topic's sessions need all events in one block.
    SettingsError
        When windows cannot be grouped so.
    """
    replays = _replays(client, held, asked, [asked.setting], order_only=order_only)
    doing(f"Replaying {asked.setting.engine.label}")
    (outcome,) = outcomes_on(replays)
    found = Replayed(
        outcome=outcome,
        order_only=order_only,
        key=replays.job.key,
        is_filtered=bool(asked.where),
    )
    for name in sorted({*outputs} & QUESTIONS.keys()):
        rows = {"windows": outcome.windows, "dropped": outcome.dropped}[name]
        found = replace(found, tables={**found.tables, name: _table(replays, name, rows)})
    drawn = None
    if "html" in outputs and not order_only:
        drawn = replays.of_events(drawn_replay_question)
    if why := why_no_advice(found):
        return replace(found, no_advice=why), drawn
    doing("Looking for the setting that keeps the goal")
    advice = advise_on(replays, asked.setting, asked.goal)
    return replace(found, advice=advice, no_advice="" if advice else NO_ADVICE), drawn


def drawn_on_held(client: Client, held: HeldTopic, asked: Asked) -> DrawnReplay:
    """Return what is shown, event by event, of a replay; raises as `replayed_on_held`."""
    replays = _replays(client, held, asked, [asked.setting])
    drawn: DrawnReplay = replays.of_events(drawn_replay_question)
    return drawn


def dropped_on_held(client: Client, held: HeldTopic, asked: Asked) -> pd.DataFrame:
    """Return every event that a replay drops, in arrival order; raises as `replayed_on_held`."""
    dropped: pd.DataFrame = _replays(client, held, asked, [asked.setting]).of_events(
        dropped_question
    )
    return dropped


def outcomes_on_held(
    client: Client, held: HeldTopic, asked: Asked, settings: Sequence[Setting]
) -> list[Outcome]:
    """Return what an engine would have made of a topic by settings of its own, in numbers.

    Raises as `replayed_on_held`.
    """
    return outcomes_on(_replays(client, held, asked, settings))


def received_on_held(client: Client, held: HeldTopic, asked: Asked) -> OnReceived:
    """Return what the same windows make of received times; raises as `replayed_on_held`."""
    replays = _replays(client, held, asked, [asked.setting])
    put = partial(on_received_question, window=asked.setting.window)
    (found,) = replays.of_each([asked.setting], put)
    received: OnReceived = found
    return received


def gaps_on_held(client: Client, held: HeldTopic, asked: Asked) -> Counted:
    """Return how far apart the events of a key are; raises as `replayed_on_held`."""
    gaps: Counted = _replays(client, held, asked, []).of_keys(gaps_question)
    return gaps


def fault_on_held(client: Client, held: HeldTopic, asked: Asked, idle_ms: int) -> Fault:
    """Return whose fault it is that events are dropped; raises as `replayed_on_held`.

    A partition is silent where it has sent nothing for longer than `idle_ms`.
    """
    replays = _replays(client, held, asked, [asked.setting])
    by_client, by_partition = (
        replace(replays, job=replace(replays.job, has_sessions=False, group=column))
        for column in (CLIENT, PARTITION)
    )
    clients = clients_in(client, held)
    partitions = np.arange(max(held.topic.contents.first_offsets) + 1)
    share = asked.goal.most_dropped
    apart = partial(partition_skew_question, share=share, idle_timeout_ms=idle_ms)
    return Fault(
        blame_on(by_client, asked.setting, clients[GROUP].to_numpy(), share),
        blame_on(by_partition, asked.setting, partitions, share),
        pd.Index(clients[CLIENT]),
        replays.in_order(apart),
    )


def _replays(
    client: Client,
    held: HeldTopic,
    asked: Asked,
    settings: Sequence[Setting],
    *,
    order_only: bool = False,
) -> ReplaysOnCluster:
    held, key = _grouped(client, held, asked.key)
    job = Job(
        tuple(settings),
        key,
        held.topic.fields.session is not None,
        order_only,
        sessions_are_apart=held.names.are_apart or len(held.by_client) == 1,
        partitions=held.topic.report.partitions,
    )
    return ReplaysOnCluster(client, with_heard_places(client, held, job), job)


def _table(replays: ReplaysOnCluster, name: str, rows: int) -> pd.DataFrame:
    if rows > _MOST_ROWS:
        raise SkewlineError(
            f"--{name} would have {rows:,} rows: a cluster's may have {_MOST_ROWS:,} at most.",
            "Leave it out, or choose records with --from and --to, or events with --where.",
        )
    job = replays.job
    put = partial(QUESTIONS[name], key=job.key, order_only=job.order_only)
    table: pd.DataFrame = replays.of_events(put)
    return table


def keys_of(held: HeldTopic) -> list[str]:
    """Return the columns that windows can be grouped by on a cluster.

    Those whose values repeat, of those with a role; and others that are kept, of whatever values.
    """
    contents = held.topic.contents
    timed = contents.events - contents.without_received
    values = {
        CLIENT: 0,
        SESSION: timed + 1 if held.topic.fields.session is None else held.names.sessions,
        PARTITION: len(contents.first_offsets),
    }
    repeat = [column for column, number in values.items() if number * 2 <= timed or not number]
    others = [
        name
        for name in without_role([*held.kinds])
        if held.kinds[name] in ({Kind.INTEGER}, {Kind.TEXT})
    ]
    return [*repeat, *others]


def _grouped(client: Client, held: HeldTopic, name: str) -> tuple[HeldTopic, str]:
    """Return a topic whose blocks have all events of their keys, and the column of those.

    As `report_on` takes it, by its name.
    """
    column, known = KEYS.get(name.lower(), name), keys_of(held)
    if column not in known:
        raise _no_key(name, known)
    held = with_keys_together(client, held, column)
    if column not in KEYS.values():
        values: int = ask(client, partial(questions.values_of, column=column), held.by_client)
        if values * 2 > held.topic.contents.events:
            raise _no_key(name, [each for each in known if each != column])
    return held, column


def _no_key(name: str, known: Sequence[str]) -> SettingsError:
    called = {column: said for said, column in KEYS.items()}
    listed = ", ".join(called.get(each, each) for each in known)
    remedy = f"Choose one of {listed}, or another field whose values repeat."
    return SettingsError(f"Windows cannot be grouped by “{name}”.", remedy)


def _analysis(
    topic: ClusterTopic, answers: Answers, verdict: Verdict, rejected: RejectedRecords
) -> Analysis:
    found = answers.clients
    none = pd.DataFrame(columns=list(_OF_OUTAGES)), pd.DataFrame()
    table, rhythm = found.get("outages", none)
    numbering, sessions = found.get("numbering"), found.get("sessions")
    extent = _extent(topic, answers)
    numbers = None
    if numbering is not None:
        numbers = SequenceNumbers(
            numbering,
            np.empty(0, np.int64),
            doubtful=found["doubtful"],
            unread=found["unread"],
        )
    told = Told(
        numbers,
        rejected,
        found.get("parts"),
        found.get("of_outages"),
        found["steps"],
        found["gone"],
        found["impossible"],
        found["behind"],
        found.get("losses"),
        [] if topic.contents.without_received else found["stalls"],
    )
    return Analysis(
        timestamps=verdict,
        delay=quantile_table(answers.order["order"].delays),
        out_of_orderness=answers.order["disorder"],
        outages=table,
        rhythm=rhythm,
        clocks=found["clocks"],
        sessions=sessions,
        numbering=numbering,
        parts=None,
        findings=[]
        if "outages" not in found
        else findings(extent, verdict, table, found["clocks"], sessions, told),
        extent=extent,
        told=told,
    )


def _extent(topic: ClusterTopic, answers: Answers) -> Extent:
    summary, zero = answers.summary, topic.contents.zero_ms
    assert zero is not None
    first, last = summary.first_received_ms, summary.last_received_ms
    if first is None or last is None:
        first, last = summary.first_event_ms, summary.last_event_ms
    start_s, end_s = (first - zero) / 1000.0, (last - zero) / 1000.0
    only = topic.fields.client is None or answers.clients["clocks"][CLIENT].tolist() == [THE_CLIENT]
    return extent_between(zero, start_s, end_s, names_clients=not only)
