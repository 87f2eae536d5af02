"""Flink: watermarks per event or periodic, over all partitions or as their minimum.

Rules read from Flink 2.3 (`WindowOperator`, `BoundedOutOfOrdernessWatermarks`,
`WatermarksWithIdleness`, `WatermarkOutputMultiplexer`) and confirmed by running it: see
`docs/engines.md`.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from functools import partial
from math import log10
from string import Template
from typing import TYPE_CHECKING, Any, Final, Literal

import numpy as np

from lib.core.blockwise import Answer, Whole, answered, as_it_is, first_of
from lib.core.columns import HEADER, KEY
from lib.core.jit import compiled
from lib.core.times.forms import FORMS
from lib.events.fields import FROM_PARTITION
from lib.replay.assignment import (
    assign_aligned,
    assign_sessions,
    exclusive_bounds,
    final_results,
    replay_in_order,
    replay_of,
    sort_stably,
)
from lib.replay.code import Names, Program, java_text, sql_name, sql_text
from lib.replay.code_java import RECORD, java_imports, java_methods
from lib.replay.engine import Duration, Engine, Number, Setting, Switch
from lib.replay.engine_clock import (
    FOREVER,
    EngineClock,
    each_event,
    find_before,
    find_partitions,
    numbered,
)
from lib.replay.windows import (
    NEVER,
    NO_INDEX,
    HoppingWindow,
    Replay,
    SessionWindow,
    TumblingWindow,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from lib.core.blockwise import Question
    from lib.replay.engine_clock import PartitionTimes
    from lib.replay.input import ReplayInput
    from lib.replay.windows import Window


_EMISSION_MS: Final = 200
"""How often Flink emits watermarks by default, `pipeline.auto-watermark-interval`."""


@dataclass(frozen=True)
class FlinkSetting(Setting):
    """How a Flink job is set. Durations are milliseconds.

    Attributes
    ----------
    window
        Session, tumbling or hopping.
    delay_ms
        How far the watermark stays behind the newest event time.
    allowed_lateness_ms
        How long after it closed a window still takes late events, with a new result for each.
        DataStream only: SQL's window functions have none.
    api
        "datastream" (`forBoundedOutOfOrderness`: one further millisecond behind) or "sql"
        (`WATERMARK FOR ts AS ts - INTERVAL …`).
    emission_ms
        The watermark goes out every so many ms of received time, counted from the first arrival
        (`pipeline.auto-watermark-interval`). 0: after every event.
    per_partition
        Whether each partition has its own watermark, of which the smallest holds, as when the
        strategy is given to the Kafka source. False, DataStream only: the strategy comes after the
        source, which one reader reads.
    idle_ms
        A partition silent for longer than this no longer holds the watermark back
        (`withIdleness`), or None. Found out at emissions only, so `emission_ms` must not be 0.
    catching_up
        Whether the job starts at the earliest offsets once all events are there, and reads as fast
        as it can. False: it is live.
    fetch_records, read_per_s
        Catching up: records of a partition that are read in a row, which one fetch brings (by
        default, `max.partition.fetch.bytes` of 1 MiB, so 10,000 of 105 bytes); and records of all
        partitions that are read in a second.
    """

    delay_ms: int = 0
    allowed_lateness_ms: int = 0
    api: Literal["datastream", "sql"] = "datastream"
    emission_ms: int = _EMISSION_MS
    per_partition: bool = True
    idle_ms: int | None = None
    catching_up: bool = False
    fetch_records: int = 10_000
    read_per_s: int = 100_000

    def __post_init__(self) -> None:
        if min(self.delay_ms, self.allowed_lateness_ms, self.emission_ms) < 0:
            raise ValueError("delay_ms, allowed_lateness_ms and emission_ms must be at least 0")
        if self.api == "sql" and self.allowed_lateness_ms:
            raise ValueError("Flink SQL's window functions have no allowed lateness")
        if self.api == "sql" and not self.per_partition:
            raise ValueError("Flink SQL gives its watermark to the Kafka source: per partition")
        if self.idle_ms is not None and self.idle_ms < 1:
            raise ValueError(f"idle_ms must be at least 1, not {self.idle_ms}")
        if self.idle_ms is not None and not self.emission_ms:
            raise ValueError("idle_ms needs emission_ms: Flink finds idle partitions when it emits")
        if min(self.fetch_records, self.read_per_s) < 1:
            raise ValueError("fetch_records and read_per_s must be at least 1")

    @property
    def engine(self) -> Engine[FlinkSetting]:
        """Flink's DataStream API or its SQL."""
        return SQL if self.api == "sql" else DATASTREAM


def replay_flink(
    events: ReplayInput, setting: FlinkSetting, watermark: EngineClock | None
) -> Replay:
    """Return what Flink would have made of the events.

    A session is judged after it merged: a late event that meets a session still held is kept. A
    final result that came out at an emission has that moment as `closed_ms`. With allowed
    lateness the final result is the last one, after the window's last late event. Catching up, the
    job begins when the last event has been received; then there is no `watermark` of events as they
    arrived.
    """
    if watermark is not None:
        return _replay_as_read(events, setting, watermark)
    turn = _turns(events.partition, setting.fetch_records)
    return replay_in_order(events, turn, partial(_catch_up, setting=setting))


def _catch_up(events: ReplayInput, setting: FlinkSetting) -> Replay:
    """Return the replay of events that all wait, in the order in which they are read."""
    begin = events.received.max(initial=0)
    read_at = begin + np.arange(len(events)) * 1000 // setting.read_per_s
    events = replace(events, received=read_at)
    read = _replay_as_read(events, setting, answered(_watermark(events, setting)))
    closed_at = np.where(read.closed_at == NO_INDEX, NO_INDEX, len(events) - 1)
    return replace(read, closed_at=closed_at)


def _turns(partition: NDArray[np.int32], fetch_records: int) -> NDArray[np.int64]:
    """Return when each event is read: partitions take turns, a fetch each."""
    by_partition = sort_stably(partition.astype(np.int64))
    sizes = np.bincount(partition, minlength=1)
    number = np.empty(len(partition), dtype=np.int64)
    number[by_partition] = np.arange(len(partition)) - np.repeat(np.cumsum(sizes) - sizes, sizes)
    return number // fetch_records * len(sizes) + partition


def _replay_as_read(events: ReplayInput, setting: FlinkSetting, watermark: EngineClock) -> Replay:
    clock = watermark.seen_by(events)
    window, lateness = setting.window, setting.allowed_lateness_ms
    if isinstance(window, SessionWindow):
        held = window.gap_ms - 1 + lateness
        assignment = assign_sessions(
            events,
            clock,
            held_from=clock - held + 1,
            reach_ms=window.gap_ms,
            late_ms=held,
            joins_first=True,
        )
    else:
        assignment = assign_aligned(events, clock, window, late_ms=lateness - 1)
    bounds = exclusive_bounds(assignment, window)
    closed = final_results(watermark.reaches(bounds[1] - 1), assignment, events)
    return replay_of(assignment, clock, bounds, closed)


def flink_watermark(events: ReplayInput, setting: FlinkSetting) -> Question[Any]:
    """Ask for the watermark as Flink emits it, the last time after the last event.

    A partition without an event yet holds back the minimum over partitions; those that never have
    one are unknown here and taken for idle. None of a job that catches up: it reads events in
    another order than they arrived in.
    """
    if not setting.catching_up:
        return (yield from _watermark(events, setting))
    yield Whole("A job that catches up reads partitions in turns, not in arrival order.")
    return Answer(None, first_of, as_it_is)


def _watermark(events: ReplayInput, setting: FlinkSetting) -> Question[Any]:
    behind = setting.delay_ms + (1 if setting.api == "datastream" else 0)
    if not setting.emission_ms:
        return (yield from each_event(events, behind, per_partition=setting.per_partition))
    numbers, total = yield from find_partitions(events)
    partition, partitions = numbered(events, numbers if setting.per_partition else numbers[:1])
    before = yield from find_before(events, partition, partitions)
    idle = NO_INDEX if setting.idle_ms is None else setting.idle_ms
    value, after, at_ms = _emitted_periodically(
        events.event_time - behind,
        partition,
        np.maximum(before.newest - behind, NEVER),
        events.received,
        setting.emission_ms,
        idle,
        min(before.first_ms, int(events.received[0])) if len(events) else 0,
        *_last_emission(before, setting.emission_ms, idle),
        before.events + len(events) == total,
    )
    clock = EngineClock(value, events.reached(after), at_ms)
    return Answer(clock, EngineClock.and_then, as_it_is)


def _last_emission(
    before: PartitionTimes, every: int, idle: int
) -> tuple[int, NDArray[np.bool_], NDArray[np.int64], NDArray[np.bool_]]:
    """Return when the last emission was, before the events of a block, and how it left partitions.

    Returns
    -------
    tuple
        The moment; then `active`, `quiet_from` and `is_idle` of `_find_idle`. Before the first
        event of the topic there was no emission.
    """
    if not before.events:
        none = np.zeros(len(before.heard), dtype=np.bool_)
        return NEVER, none, np.full(len(none), NEVER), none.copy()
    first = before.first_ms
    last = first + (before.last_ms - first) // every * every
    heard = np.maximum(before.heard, first - every)  # as though before the first, if not yet
    seen_at = first + ((heard - first) // every + 1) * every
    active = seen_at > last
    is_quiet = seen_at + every <= last
    quiet_from = np.where(is_quiet, seen_at + every, NEVER)
    return last, active, quiet_from, is_quiet & (idle != NO_INDEX) & (last - quiet_from > idle)


@compiled
def _emitted_periodically(
    own: NDArray[np.int64],
    partition: NDArray[np.int64],
    newest: NDArray[np.int64],
    received: NDArray[np.int64],
    every: int,
    idle: int,
    first: int,
    last: int,
    active: NDArray[np.bool_],
    quiet_from: NDArray[np.int64],
    is_idle: NDArray[np.bool_],
    is_end: bool,
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    # `own` is each event's time less the delay; `newest` the largest before, of each partition.
    # Emissions are every `every` ms from the first arrival; one falls before an event of the same
    # millisecond. Those that can change nothing are skipped, so a long silence costs nothing. The
    # last one comes after the last event of the topic.
    n, partitions = len(own), len(newest)
    # An event raises the minimum by coming or by falling idle; so do those from before.
    most_rises = 2 * (n + partitions) + 1
    value = np.empty(most_rises, np.int64)
    after = np.empty(most_rises, np.int64)
    at_ms = np.empty(most_rises, np.int64)
    rises = 0
    emitted = NEVER
    due = max(first, last) + every if n else FOREVER
    for i in range(n + 1 if n and is_end else n):
        until = received[i] if i < n else due
        while due <= until:
            next_due = _find_idle(due, every, idle, active, quiet_from, is_idle)
            smallest, largest = FOREVER, NEVER
            for p in range(partitions):
                largest = max(largest, newest[p])
                if not is_idle[p]:
                    smallest = min(smallest, newest[p])
            combined = largest if smallest == FOREVER else smallest  # all idle: the largest
            if combined > emitted:
                emitted = combined
                value[rises], after[rises], at_ms[rises] = emitted, i, due
                rises += 1
            due = next_due
        if i == n:
            break
        newest[partition[i]] = max(newest[partition[i]], own[i])
        active[partition[i]] = True
        due = min(due, first + ((received[i] - first) // every + 1) * every)
    return value[:rises].copy(), after[:rises].copy(), at_ms[:rises].copy()


@compiled
def _find_idle(
    now: int,
    every: int,
    idle: int,
    active: NDArray[np.bool_],
    quiet_from: NDArray[np.int64],
    is_idle: NDArray[np.bool_],
) -> int:
    """Mark the partitions that an emission finds idle; return when the next may find another.

    Silence counts from the first emission that saw no event since the one before it
    (`WatermarksWithIdleness.IdlenessTimer`).
    """
    next_due = FOREVER
    for p in range(len(active)):
        if active[p]:
            active[p] = False
            quiet_from[p] = NEVER
            is_idle[p] = False
            if idle != NO_INDEX:
                next_due = min(next_due, now + every)
        elif idle != NO_INDEX and not is_idle[p]:
            if quiet_from[p] == NEVER:
                quiet_from[p] = now
            is_idle[p] = now - quiet_from[p] > idle
            if not is_idle[p]:
                next_due = min(next_due, quiet_from[p] + (idle // every + 1) * every)
    return next_due


def flink_programs(setting: FlinkSetting, names: Names) -> tuple[Program, ...]:
    """Return statements for Flink SQL and a Java program for DataStream (2.x).

    The statements only where SQL can do it: without allowed lateness, with a watermark per
    partition, with no duration of more than 99 days, and with event times that SQL can read. Both
    have one `delay_ms`, so the watermark of the statements is 1 ms ahead of the program's.
    """
    java = Program("Java", "java", _datastream(setting, names))
    time = _sql_time(names)
    longest = max(setting.delay_ms, setting.window.length_ms)
    beyond_sql = setting.allowed_lateness_ms or longest >= _SQL_LONGEST_MS
    if beyond_sql or not setting.per_partition or time is None:
        return (java,)
    remark = _SQL_ISO_REMARK if names.time is not None and names.form == "iso" else ""
    return Program("Flink SQL", "sql", _sql(setting, names, time), remark), java


def flink_remark(setting: FlinkSetting, _: Names) -> str:
    """Return what has to be said of the mode."""
    if setting.catching_up:
        return (
            "Catching up: the job starts at the earliest offsets once every event is there. How "
            "fast a real one reads each partition varies, and with it what is late."
        )
    return (
        "Live: events are read as they were received. A job that starts at the earliest offsets of "
        "a backlog drops others, with a watermark per partition few or none: choose “Catching up”."
    )


def flink_waits_for_all(setting: FlinkSetting) -> bool:
    """Return whether a partition without an event holds every result back."""
    return setting.per_partition and setting.idle_ms is None


def _sql(setting: FlinkSetting, names: Names, time: str) -> str:
    own = _own_columns(names)
    return _SQL_TEMPLATE.substitute(
        own,
        emission=setting.emission_ms or _EMISSION_MS,
        columns="".join(f"  {column},\n" for column in _sql_columns(names)),
        key="'all'" if names.key is None else _sql_value(names.key, names),
        time=time,
        delay=_sql_interval(setting.delay_ms),
        options=",\n".join(
            f"  {sql_text(k)} = {sql_text(v)}" for k, v in _sql_options(setting, names).items()
        ),
        window=_sql_window(setting.window),
    )


def _own_columns(names: Names) -> dict[str, str]:
    """Return what the columns that are no fields are called: as no field is."""
    sources = [source for source in (names.key, names.time) if _is_field(source)]
    fields = {path[0] for source in sources for path in names.paths(str(source))}

    def free(name: str) -> str:
        return free(f"{name}_") if name in fields else name

    return {name: free(name) for name in _OWN_COLUMNS}


def _sql_options(setting: FlinkSetting, names: Names) -> dict[str, str]:
    options = {
        "connector": "kafka",
        "topic": names.topic,
        "properties.bootstrap.servers": names.servers,
        "scan.startup.mode": "earliest-offset" if setting.catching_up else "latest-offset",
    }
    if KEY in (names.key, names.time):
        key = _own_columns(names)["record_key"]
        options |= {"key.format": "raw", "key.fields": key}
        options |= {"value.fields-include": "EXCEPT_KEY"}
    if names.avro is None:
        options |= {"value.format": "json", "value.json.ignore-parse-errors": "true"}
    else:
        options |= {"value.format": "avro-confluent", "value.avro-confluent.url": names.registry}
    if not setting.emission_ms:
        options["scan.watermark.emit.strategy"] = "on-event"
    if setting.idle_ms is not None:
        options["scan.watermark.idle-timeout"] = f"{setting.idle_ms} ms"
    return options


def _is_field(source: str | None) -> bool:
    """Return whether a source is a field of the value."""
    return source not in (None, KEY, FROM_PARTITION) and not str(source).startswith(HEADER)


def _sql_columns(names: Names) -> list[str]:
    """Return the declarations of the columns that are read."""
    own, declared = _own_columns(names), []
    fields: dict[tuple[str, ...], None] = {}
    for source in (names.key, names.time):
        if source == KEY:
            declared.append(f"{own['record_key']} STRING")
        elif source == FROM_PARTITION:
            declared.append(f"{own['record_partition']} INT METADATA FROM 'partition' VIRTUAL")
        elif _is_field(source):
            fields |= dict.fromkeys(map(tuple, _sql_paths(str(source), names)))
        elif source is not None:
            declared.append(f"{own['headers']} MAP<STRING, BYTES> METADATA FROM 'headers' VIRTUAL")
    if names.time is None:
        stamp = "TIMESTAMP_LTZ(3) METADATA FROM 'timestamp' VIRTUAL"
        declared.append(f"{own['record_time']} {stamp}")
    schema = json.loads(names.avro) if names.avro else None
    types = {path: _avro_type(schema, list(path)) if schema else "STRING" for path in fields}
    return [*_sql_fields(types), *dict.fromkeys(declared)]


def _sql_paths(source: str, names: Names) -> list[list[str]]:
    """Return the ways to a field, none of them through another field that is read, too."""
    others = [s for s in (names.key, names.time) if _is_field(s) and s != source]
    leaves = [path for other in others for path in names.paths(str(other))]
    found = names.paths(source)
    return [p for p in found if not any(p[: len(q)] == q and p != q for q in leaves)]


def _avro_type(schema: Any, path: list[str]) -> str:  # noqa: ANN401
    """Return the type of a field in SQL; text where it has no own."""
    if isinstance(schema, list):
        schema = next(part for part in schema if part != "null")
    if isinstance(schema, dict) and path:
        found = [field for field in schema.get("fields", ()) if field["name"] == path[0]]
        return _avro_type(found[0]["type"], path[1:]) if found else "STRING"
    name = schema["type"] if isinstance(schema, dict) else schema
    return _SQL_TYPES.get(name, "STRING")


def _sql_fields(types: Mapping[tuple[str, ...], str]) -> list[str]:
    """Return declarations of fields by their paths: rows of what is below the same name."""
    below: dict[str, dict[tuple[str, ...], str]] = {}
    for (name, *rest), kind in types.items():
        below.setdefault(name, {})[tuple(rest)] = kind
    return [
        f"{sql_name(name)} {fields[()]}"
        if () in fields
        else f"{sql_name(name)} ROW<{', '.join(_sql_fields(fields))}>"
        for name, fields in below.items()
    ]


def _sql_value(source: str, names: Names) -> str:
    """Return an expression for a field, as text."""
    own = _own_columns(names)
    if source == KEY:
        return own["record_key"]
    if source == FROM_PARTITION:
        return f"CAST({own['record_partition']} AS STRING)"
    if source.startswith(HEADER):
        return f"CAST({own['headers']}[{sql_text(source.removeprefix(HEADER))}] AS STRING)"
    paths = [".".join(map(sql_name, path)) for path in _sql_paths(source, names)]
    found = [f"CAST({path} AS STRING)" for path in paths]
    return found[0] if len(found) == 1 else f"COALESCE({', '.join(found)})"


def _sql_time(names: Names) -> str | None:
    """Return an expression for the event time; None where SQL cannot read it."""
    if names.time is None:
        return _own_columns(names)["record_time"]
    text, form = _sql_value(names.time, names), FORMS[names.form]
    if names.is_all_local:
        return None
    if names.form == "iso":
        text = f"UPPER({text})"
        part = f"REGEXP_EXTRACT({text}, {_SQL_ISO}, "
        return (
            f"TO_TIMESTAMP_LTZ(\n    REPLACE({part}1), ',', '.'),\n    {_SQL_ISO_FORMAT},\n"
            f"    COALESCE(\n      {part}3),\n      {part}2),\n      {sql_text(names.clock)}))"
        )
    if form.unit_ms is None or names.form == "gps_s":
        return None
    # Decimals have 38 digits: of days, fifteen behind the point, of the others six.
    unit, zero = form.unit_ms, form.zero_ms
    ms = f"TRY_CAST({text} AS DECIMAL(29, {15 if unit > 1_000 else 6}))"
    if unit >= 1:  # a binary fraction
        factor = f" * {unit.numerator}" if unit > 1 else ""
        ms = f"ROUND({ms}{factor}, {3 - round(log10(form.grain_us))})"
    else:
        ms = f"{ms} / {unit.denominator}"
    return f"TO_TIMESTAMP_LTZ(TRY_CAST(FLOOR({ms}) AS BIGINT) + {zero}, 3)"


_SQL_LONGEST_MS: Final = 100 * 86_400_000
_SQL_TYPES: Final = {"int": "INT", "long": "BIGINT", "float": "FLOAT", "double": "DOUBLE"}
_SQL_ISO: Final = sql_text(
    r'^[\s"]*(\d{4}-\d\d-\d\d[T ]\d\d:\d\d(?::\d\d(?:[.,]\d{1,9})?)?)'
    r'\s*(Z|UTC|GMT|UT)?\s*([+-]\d\d(?::?\d\d)?)?[\s"]*$'
)
_FRACTIONS: Final = "".join(f"[.{'S' * digits}]" for digits in range(9, 0, -1))
_SQL_ISO_FORMAT: Final = sql_text(f"yyyy-MM-dd['T'][ ]HH:mm[:ss]{_FRACTIONS}")
_SQL_ISO_REMARK: Final = (
    "This program reads times such as 2024-01-02T03:04:05.678+01:00, with or without seconds, "
    "fraction and offset. Events whose time is written otherwise, as 20240102T030405Z or with the "
    "name of a zone, it leaves out: adapt event_time where your topic has them."
)
_OWN_COLUMNS: Final = (
    "client",
    "event_time",
    "record_key",
    "record_partition",
    "record_time",
    "headers",
)


def _sql_window(window: Window) -> str:
    size = _sql_interval(window.length_ms)
    match window:
        case SessionWindow():
            return f"SESSION(TABLE placed PARTITION BY client, DESCRIPTOR(event_time), {size})"
        case TumblingWindow():
            return f"TUMBLE(TABLE placed, DESCRIPTOR(event_time), {size})"
        case HoppingWindow(advance_ms=advance_ms):
            advance = _sql_interval(advance_ms)
            return f"HOP(TABLE placed, DESCRIPTOR(event_time), {advance}, {size})"


def _sql_interval(ms: int) -> str:
    """Return an interval of days to milliseconds; Flink takes up to 99 days."""
    days, rest = divmod(ms, 86_400_000)
    hours, rest = divmod(rest, 3_600_000)
    minutes, rest = divmod(rest, 60_000)
    seconds, rest = divmod(rest, 1_000)
    return f"INTERVAL '{days} {hours:02}:{minutes:02}:{seconds:02}.{rest:03}' DAY TO SECOND(3)"


def _datastream(setting: FlinkSetting, names: Names) -> str:
    key, time = (RECORD[place] for place in (names.key_place, names.time_place))
    text = _JAVA_TEMPLATE.substitute(
        emission=setting.emission_ms or _EMISSION_MS,
        servers=java_text(names.servers),
        topic=java_text(names.topic),
        offsets="earliest" if setting.catching_up else "latest",
        strategy=_strategy(setting),
        source=_PER_PARTITION_JAVA if setting.per_partition else _FOR_ALL_JAVA,
        windows=_java_windows(setting.window),
        lateness=setting.allowed_lateness_ms,
        key=key,
        time=time,
        methods=java_methods(names),
        generator=""
        if setting.emission_ms
        else _AFTER_EVERY_EVENT.substitute(behind=setting.delay_ms + 1),
    )
    return f"{java_imports(text, *_JAVA_CLASSES)}\n\n{text}"


def _strategy(setting: FlinkSetting) -> str:
    start = (
        f"forBoundedOutOfOrderness(Duration.ofMillis({setting.delay_ms}L))"
        if setting.emission_ms
        else "forGenerator(context -> new AfterEveryEvent())"
    )
    idle = "" if setting.idle_ms is None else f"Duration.ofMillis({setting.idle_ms}L)"
    return start + (f"\n                        .withIdleness({idle})" if idle else "")


def _java_windows(window: Window) -> str:
    length = f"Duration.ofMillis({window.length_ms}L)"
    match window:
        case SessionWindow():
            return f"EventTimeSessionWindows.withGap({length})"
        case TumblingWindow():
            return f"TumblingEventTimeWindows.of({length})"
        case HoppingWindow(advance_ms=advance_ms):
            return f"SlidingEventTimeWindows.of({length}, Duration.ofMillis({advance_ms}L))"


_SQL_TEMPLATE = Template("""\
SET 'pipeline.auto-watermark-interval' = '$emission ms';
SET 'table.local-time-zone' = 'UTC';

CREATE TABLE events (
$columns  $client AS $key,
  $event_time AS $time,
  WATERMARK FOR $event_time AS $event_time - $delay
) WITH (
$options
);

-- Records without one of them are left out.
CREATE VIEW placed AS
SELECT $client AS client, $event_time AS event_time
FROM events
WHERE $client IS NOT NULL AND $event_time IS NOT NULL;

SELECT client, window_start, window_end, COUNT(*) AS events
FROM $window
GROUP BY client, window_start, window_end;
""")
_JAVA_CLASSES: Final = (
    "org.apache.flink.api.common.eventtime.Watermark",
    "org.apache.flink.api.common.eventtime.WatermarkGenerator",
    "org.apache.flink.api.common.eventtime.WatermarkOutput",
    "org.apache.flink.api.common.eventtime.WatermarkStrategy",
    "org.apache.flink.api.common.typeinfo.TypeInformation",
    "org.apache.flink.connector.kafka.source.KafkaSource",
    "org.apache.flink.connector.kafka.source.enumerator.initializer.OffsetsInitializer",
    "org.apache.flink.connector.kafka.source.reader.deserializer.KafkaRecordDeserializationSchema",
    "org.apache.flink.streaming.api.datastream.DataStream",
    "org.apache.flink.streaming.api.datastream.SingleOutputStreamOperator",
    "org.apache.flink.streaming.api.environment.StreamExecutionEnvironment",
    "org.apache.flink.streaming.api.functions.windowing.ProcessWindowFunction",
    "org.apache.flink.streaming.api.windowing.assigners.EventTimeSessionWindows",
    "org.apache.flink.streaming.api.windowing.assigners.SlidingEventTimeWindows",
    "org.apache.flink.streaming.api.windowing.assigners.TumblingEventTimeWindows",
    "org.apache.flink.streaming.api.windowing.windows.TimeWindow",
    "org.apache.flink.util.Collector",
    "org.apache.flink.util.OutputTag",
)
_PER_PARTITION_JAVA: Final = """\
        // To the source: a watermark per partition. No more readers than there are partitions.
        DataStream<Event> events =
                env.fromSource(source, watermarks, "events").setParallelism(1);"""
_FOR_ALL_JAVA: Final = """\
        // After the source, which one reader reads: one watermark for all partitions.
        DataStream<Event> events =
                env.fromSource(source, WatermarkStrategy.noWatermarks(), "events")
                        .setParallelism(1)
                        .assignTimestampsAndWatermarks(watermarks)
                        .setParallelism(1);"""
_AFTER_EVERY_EVENT: Final = Template("""
    /** Emits the watermark after every event. */
    private static class AfterEveryEvent implements WatermarkGenerator<Event> {
        private long newest = Long.MIN_VALUE + ${behind}L;

        @Override
        public void onEvent(Event event, long time, WatermarkOutput output) {
            newest = Math.max(newest, time);
            output.emitWatermark(new Watermark(newest - ${behind}L));
        }

        @Override
        public void onPeriodicEmit(WatermarkOutput output) {}
    }
""")
_JAVA_TEMPLATE = Template("""\
public class CountEvents {
    private static final OutputTag<Event> LATE = new OutputTag<>("late") {};

    /** Whose event it is, and when it happened. */
    public static class Event {
        public String key;
        public long time;
    }

    public static void main(String[] args) throws Exception {
        StreamExecutionEnvironment env = StreamExecutionEnvironment.getExecutionEnvironment();
        env.getConfig().setAutoWatermarkInterval(${emission}L);
        KafkaSource<Event> source =
                KafkaSource.<Event>builder()
                        .setBootstrapServers($servers)
                        .setTopics($topic)
                        .setStartingOffsets(OffsetsInitializer.$offsets())
                        .setDeserializer(new ReadEvent())
                        .build();
        WatermarkStrategy<Event> watermarks =
                WatermarkStrategy.<Event>$strategy
                        .withTimestampAssigner((event, t) -> event.time);
$source
        SingleOutputStreamOperator<String> counts =
                events.keyBy(event -> event.key)
                        .window($windows)
                        .allowedLateness(Duration.ofMillis(${lateness}L))
                        .sideOutputLateData(LATE)
                        .process(new Count());
        counts.print();
        counts.getSideOutput(LATE).map(event -> event.key + " " + event.time).print("late");
        env.execute();
    }

    private static class Count extends ProcessWindowFunction<Event, String, String, TimeWindow> {
        @Override
        public void process(
                String key, Context context, Iterable<Event> events, Collector<String> out) {
            TimeWindow window = context.window();
            long count = events.spliterator().getExactSizeIfKnown();
            out.collect(key + " " + window.getStart() + " " + window.getEnd() + " " + count);
        }
    }

    private static class ReadEvent implements KafkaRecordDeserializationSchema<Event> {
        @Override
        public void deserialize(ConsumerRecord<byte[], byte[]> record, Collector<Event> out) {
            Event event = new Event();
            try {
                event.key = key($key);
                event.time = time($time);
            } catch (IOException | RuntimeException noEvent) {
                return;
            }
            out.collect(event);
        }

        @Override
        public TypeInformation<Event> getProducedType() {
            return TypeInformation.of(Event.class);
        }
    }
$generator
$methods
}
""")
_SOURCE: Final = "Watermark source"
_PER_PARTITION: Final = Switch(
    name="per_partition",
    title="A watermark per partition",
    link="per_partition",
    engine_default="on, in the Kafka source",
    help="The strategy is given to the Kafka source, and the smallest watermark holds: a partition "
    "that is behind holds results back, and its events are not late for that. Off: the strategy "
    "comes after the source, one watermark for all.",
    group=_SOURCE,
)
_WATERMARKS: Final = (
    Duration(
        name="emission_ms",
        title="Emitted every (0: after every event)",
        link="emission",
        engine_default=f"{_EMISSION_MS} ms",
        help="pipeline.auto-watermark-interval: how often the watermark moves. Longer: fewer late "
        "events are dropped, and results come later.",
        group=_SOURCE,
        unit="ms",
    ),
    Duration(
        name="idle_ms",
        title="A partition is idle after (0: never)",
        link="idle",
        engine_default="0",
        help="withIdleness: a partition that sends nothing for so long no longer holds the "
        "watermark back. Results come sooner, and what it sends later may be dropped. Found out at "
        "emissions only. Without, a partition that never has an event holds everything back.",
        group=_SOURCE,
        zero_is_none=True,
        needs="emission_ms",
    ),
    Switch(
        name="catching_up",
        title="Catching up from the earliest offsets",
        link="catching_up",
        engine_default="up to the start",
        help="The job starts when all events are there, and reads the partitions a fetch each in "
        "turn, as fast as it can. With a watermark per partition it then drops little or nothing "
        "of what it drops live; with one for all it drops more.",
        group=_SOURCE,
    ),
    Number(
        name="fetch_records",
        title="Records of a fetch",
        link="fetch",
        engine_default="1 MiB of them",
        help="max.partition.fetch.bytes, divided by the size of a record. More: one partition is "
        "read further ahead of the others, which with one watermark for all are late then.",
        group=_SOURCE,
        least=1,
        step=1000,
        needs="catching_up",
    ),
    Number(
        name="read_per_s",
        title="Records read a second",
        link="read_rate",
        engine_default="as many as it can",
        help="The watermark goes out by the wall clock. The faster records are read, the more come "
        "between two emissions, and the fewer late ones are dropped.",
        group=_SOURCE,
        least=1,
        step=10_000,
        needs="catching_up",
    ),
)
_ANY_WINDOW: Final = SessionWindow(1)

DATASTREAM: Final = Engine(
    name="flink",
    label="Flink DataStream",
    new_setting=FlinkSetting,
    clock=flink_watermark,
    replay=replay_flink,
    programs=flink_programs,
    remark=flink_remark,
    waits_for_all=flink_waits_for_all,
    parameters=(
        Duration(
            name="allowed_lateness_ms",
            title="Allowed lateness",
            link="lateness",
            engine_default="0",
            help="For so long after the watermark has passed its end, a window still takes late "
            "events, and gives its result again with each. Longer: fewer are dropped, and the last "
            "result comes later.",
        ),
        _PER_PARTITION,
        *_WATERMARKS,
    ),
    warm_up=(
        FlinkSetting(_ANY_WINDOW, emission_ms=0),
        FlinkSetting(_ANY_WINDOW, idle_ms=1),
    ),
)
SQL: Final = Engine(
    name="flink-sql",
    label="Flink SQL",
    new_setting=partial(FlinkSetting, api="sql"),
    clock=flink_watermark,
    replay=replay_flink,
    programs=flink_programs,
    remark=flink_remark,
    waits_for_all=flink_waits_for_all,
    parameters=_WATERMARKS,
)
