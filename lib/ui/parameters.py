"""The parameters of the URL and the keys of the widgets and of the session: all names, once.

Streamlit binds most parameters to the widget that has the parameter's name as its key. The others
are written by hand (`BY_HAND`). The menu's links drop those, and what is bound to a widget that the
browser has not drawn yet: so what they were is held in the session and put back.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Generic, Literal, TypeVar

import streamlit as st

from lib.analysis.sessions import DEFAULT_BINS
from lib.core.durations import written_ms
from lib.decoding.wrappers import LAYERS
from lib.replay.engine import Duration
from lib.replay.registry import ENGINES
from lib.replay.windows import WINDOW_KINDS

if TYPE_CHECKING:
    from collections.abc import Callable

T_co = TypeVar("T_co", covariant=True)

ALL_PAGES: Final = "all"


_SECOND: Final = "Two topics"
_REPLAYS: Final = "Windows, Live"


@dataclass(frozen=True)
class UrlParameter(Generic[T_co]):
    """A parameter of the URL.

    Attributes
    ----------
    name
        In the URL; the key of the widget that is bound to it.
    default
        What holds where the URL does not have it.
    means
        What it does and which values it takes, as docs/links.md says it.
    pages
        Where it is in force.
    default_means
        The default in words, where the value alone does not say it.
    """

    name: str
    default: T_co
    means: str
    pages: str = ALL_PAGES
    default_means: str = ""


_FIELD: Final = "the field of that role: its name, `@key`, `@partition`, `@header:NAME`; `none`"
_TIME: Final = (
    "the field of that time: its name, `@key`, `@header:NAME`, `@timestamp` (the record's); "
    "several with `||` between them are taken in order; `none`"
)
_FORM: Final = "how the times of that role are written: a name of docs/times.md, for example `ms`"
_ZONE: Final = (
    "where the clock is of event and sent times, and of received times, that name no zone: "
    "`Europe/Berlin`, `+01:00`"
)
_GROUP: Final = "ends of the open group of clients"

SOURCE: Final = UrlParameter(
    "source",
    None,
    "`Kafka`, the name of a cluster, `Files`, `Samples`, `Upload`",
    default_means="the first that is configured",
)
TOPIC: Final = UrlParameter(
    "topic",
    None,
    "name of a topic; one that is gone is said to be missing",
    default_means="the first",
)
RANGE: Final = UrlParameter("range", "All", "`All`, `Latest`, `Minutes`, `Offset`, `From–to`")
LATEST: Final = UrlParameter("latest", 10_000, "number of records, with `range=Latest`")
MINUTES: Final = UrlParameter(
    "minutes", 60, "minutes before the topic's newest record, with `range=Minutes`"
)
OFFSET: Final = UrlParameter("offset", 0, "of every partition, with `range=Offset`")
FROM, TO = (
    UrlParameter(
        name,
        None,
        "record timestamps, UTC, as `2018-10-28T11:35`, with `range=From–to`",
        default_means="the topic's own span",
    )
    for name in ("from", "to")
)
PARTITIONS: Final = UrlParameter(
    "partitions", None, "numbers, with commas between, of a topic of Kafka", default_means="all"
)
EVENT_TIME, SENT_TIME, RECEIVED_TIME = TIME_ROLES = tuple(
    UrlParameter(role, None, _TIME, default_means="as recognised")
    for role in ("event_time", "sent_time", "received_time")
)
CLIENT, SESSION, SEQUENCE = IDENTITY_ROLES = tuple(
    UrlParameter(role, None, _FIELD, default_means="as recognised")
    for role in ("client", "session", "sequence")
)
UNIT, SENT_UNIT, RECEIVED_UNIT = FORMS = tuple(
    UrlParameter(name, None, _FORM, default_means="as recognised")
    for name in ("unit", "sent_unit", "received_unit")
)
ZONE, RECEIVED_ZONE = ZONES = tuple(
    UrlParameter(name, None, _ZONE, default_means="UTC") for name in ("zone", "received_zone")
)
WRAPPERS: Final = UrlParameter(
    "wrappers",
    None,
    f"what is unwrapped, with `||` between: {', '.join(f'`{layer}`' for layer in LAYERS)}; `none`",
    default_means="as recognised",
)
GAP: Final = UrlParameter(
    "gap", 30, "inactivity, in seconds, that ends a session, where the topic names none"
)
CLOCK: Final = UrlParameter(
    "clock", "Event time", "what the window cuts: `Event time`, `Received time`"
)
WINDOW: Final = UrlParameter(
    "window", None, "twice, from and to: seconds since zero", default_means="the whole topic"
)
CLIENTS: Final = UrlParameter(
    "clients", None, "once for each client of the filter", default_means="all clients"
)
WHERE: Final = UrlParameter(
    "where",
    None,
    "once for each condition of the filter, as docs/filters.md says: `Errors > 3`",
    default_means="all events",
)
PACKED: Final = UrlParameter(
    "packed",
    None,
    "all others but `source` and `topic`, compressed, in a link that is too long otherwise",
    default_means="nothing is packed",
)
TIMES: Final = UrlParameter(
    "times",
    "UTC",
    "how times are written: `UTC`, `Local`, `Since zero`; since zero where they are no dates",
)
CORRECT: Final = UrlParameter("correct", False, "`true`: correct wrong clocks")
FIRST_CLIENT, LAST_CLIENT = (
    UrlParameter(name, None, _GROUP, "Comparison", "no group is open")
    for name in ("first_client", "last_client")
)
ORDER: Final = UrlParameter(
    "order",
    "Most affected",
    "what rows of clients are sorted by: `Most affected`, `Largest delay`, `Most events`, `Client`",
    "Comparison",
)
HEIGHT: Final = UrlParameter("height", 240, "px of a panel, 100 to 900", "Comparison")
BINS: Final = UrlParameter("bins", DEFAULT_BINS, "bins of the histogram, 5 to 100", "Sessions")
WATERMARK_DELAY: Final = UrlParameter("watermark_delay", 5.0, "seconds, 0 or more", "Delay")
PER_CLIENT: Final = UrlParameter(
    "per_client", False, "`true`: the distribution per client", "Delay"
)
KINDS: Final = UrlParameter(
    "kinds",
    None,
    "once for each kind of silence",
    "Outages",
    "those with events held back or lost",
)
SENSITIVITY: Final = UrlParameter(
    "sensitivity", 1.0, "outage threshold, × each client's own limit, 0.25 to 10", "Outages"
)
ONE_SESSION: Final = UrlParameter(
    "one_session", None, "the session shown in detail", "Sessions", "that with the largest delay"
)
RECORD: Final = UrlParameter(
    "record", None, "the record that is shown, as `PARTITION:OFFSET`", "Records", "none"
)
ENGINE: Final = UrlParameter(
    "engine",
    ENGINES[0].label,
    ", ".join(f"`{engine.label}`" for engine in ENGINES),
    _REPLAYS,
)
WINDOW_KIND: Final = UrlParameter(
    "window_kind",
    WINDOW_KINDS[0].kind,
    ", ".join(f"`{kind.kind}`" for kind in WINDOW_KINDS),
    _REPLAYS,
)
GROUPED_BY: Final = UrlParameter(
    "grouped_by",
    "Client",
    "what windows are grouped by: `Client`, `Session`, `Partition`, or a field's name",
    "Windows",
)
SESSION_GAP: Final = UrlParameter(
    "session_gap", "30 s", "session gap or window size, a duration: `26 s`, `250 ms`", _REPLAYS
)
PARTS: Final = UrlParameter(
    "parts",
    2,
    "windows that an event is in, with `window_kind=Hopping`: 2 to 20",
    _REPLAYS,
)
LEAST_PARTS, MOST_PARTS = 2, 20
DELAY: Final = UrlParameter("delay", "5 s", "watermark delay, or grace, a duration", _REPLAYS)
ARRIVAL_ORDER: Final = UrlParameter(
    "arrival_order",
    False,
    "`true`: replay a topic without received times in the order of its records",
    "Windows",
)
LOSE: Final = UrlParameter("lose", "0.1", "most events to drop, %", "Windows")
BREAK: Final = UrlParameter("break", "any", "most sessions not to be exact, %, or `any`", "Windows")
LIVE_MINUTES: Final = UrlParameter("live_minutes", 10, "last minutes, 1 to 180", "Live")
PAUSED: Final = UrlParameter("paused", False, "`true`: nothing is read", "Live")
OTHER_SOURCE: Final = UrlParameter(
    "other_source", None, "the source of the second topic", _SECOND, "that of the first"
)
OTHER_TOPIC: Final = UrlParameter(
    "other_topic", None, "name of the second topic", _SECOND, "none is chosen"
)
OTHER_RANGE: Final = UrlParameter(
    "other_range", RANGE.default, "as `range`, of the second topic", _SECOND
)
OTHER_LATEST, OTHER_MINUTES, OTHER_OFFSET = (
    UrlParameter(f"other_{of.name}", of.default, f"as `{of.name}`, of the second topic", _SECOND)
    for of in (LATEST, MINUTES, OFFSET)
)
OTHER_FROM, OTHER_TO = (
    UrlParameter(
        f"other_{of.name}",
        None,
        "as `from` and `to`, of the second topic",
        _SECOND,
        "the topic's own span",
    )
    for of in (FROM, TO)
)
MATCHED_BY: Final = UrlParameter(
    "matched_by",
    None,
    "what tells events apart: `numbers` (client, session and sequence number), `@key` (the "
    "record's key), or a field's name",
    _SECOND,
    "`numbers`, where both topics have them",
)
ALIGNED: Final = UrlParameter(
    "aligned", "Time", "what two topics share the axis of: `Time`, `Since start`", _SECOND
)
DIFFERENCE: Final = UrlParameter(
    "difference",
    "Only in one",
    "which events are listed: `Only in one`, `Repeated`, `Reordered`, `Changed`, `Slowest`",
    _SECOND,
)


def _of_engines() -> dict[str, UrlParameter[object]]:
    """Return what the engines themselves name; two that share a choice share its parameter."""
    found: dict[str, UrlParameter[object]] = {}
    for engine in ENGINES:
        setting = engine.setting(WINDOW_KINDS[0](1))
        for own in engine.parameters:
            default = getattr(setting, own.name)
            means = own.title.lower()
            if isinstance(own, Duration):
                alone = "" if own.unit == "s" else f"; a number alone is {own.unit}"
                means, default = f"{means}, a duration{alone}", written_ms(default or 0)
            shown = default if isinstance(default, bool) else f"{default or 0}"
            found.setdefault(own.link, UrlParameter(own.link, shown, means, _REPLAYS))
    return found


OF_ENGINES: Final = _of_engines()
"""The parameters that the engines name, by name."""


@dataclass(frozen=True)
class RangeParameters:
    """The parameters that say which records of a topic are read."""

    kind: UrlParameter[str]
    latest: UrlParameter[int]
    minutes: UrlParameter[int]
    offset: UrlParameter[int]
    start: UrlParameter[None]
    end: UrlParameter[None]


OF_FIRST: Final = RangeParameters(RANGE, LATEST, MINUTES, OFFSET, FROM, TO)
OF_OTHER: Final = RangeParameters(
    OTHER_RANGE, OTHER_LATEST, OTHER_MINUTES, OTHER_OFFSET, OTHER_FROM, OTHER_TO
)

PARAMETERS: Final[tuple[UrlParameter[object], ...]] = (
    *(each for each in tuple(globals().values()) if isinstance(each, UrlParameter)),
    *OF_ENGINES.values(),
)
"""Every parameter, in the order in which they are written above, then those of the engines."""

ROLES: Final = (*TIME_ROLES, *IDENTITY_ROLES)

FIELDS: Final = (*ROLES, *FORMS, *ZONES, WRAPPERS, GAP)
OF_TOPIC: Final = (*FIELDS, FROM, TO, PARTITIONS, RECORD)
"""The parameters that hold for one topic only: its fields, and all of them."""

OF_SECOND: Final = (OTHER_SOURCE, OTHER_TOPIC, OTHER_FROM, OTHER_TO, MATCHED_BY)
BY_HAND: Final = (
    *(SOURCE, TOPIC, WINDOW, *OF_TOPIC),
    *(FIRST_CLIENT, LAST_CLIENT, ONE_SESSION),
    *OF_SECOND,
)

# Keys of widgets and charts that no parameter is bound to.
FIELDS_OPEN: Final = "fields_open"
MORE_FINDINGS: Final = "more_findings"
FIRST_RECORDS_OPEN: Final = "first_records_open"
LOAD_REPORT_OPEN: Final = "load_report_open"
STRETCHES_OPEN: Final = "stretches_open"
CODE_OPEN: Final = "code_open"
FAULT_OPEN: Final = "fault_open"
KEPT_FIELDS: Final = "kept_fields"
OTHER_SETTINGS_OPEN: Final = "other_settings_open"
FINDINGS: Final = "findings"
LINK_POPOVER: Final = "link_popover"
BLAME_CHART: Final = "blame"
PARTITION_CHART: Final = "partitions_apart"
TRADEOFF_CHART: Final = "tradeoff"
CLOCK_TABLE: Final = "clock_table"
COMPARISON_CHART: Final = "comparison"
DELAY_CHART: Final = "delay_over_time"
PARTS_CHART: Final = "delay_parts"
PARTS_TIME_CHART: Final = "delay_parts_over_time"
DISTRIBUTION_CHART: Final = "distribution"
OPEN_GROUP: Final = "open_group"
OUTAGE_CHART: Final = "timeline"
OUTAGE_TABLE: Final = "outage_table"
EVENTS_LISTED: Final = "events_listed"
FIRST_RECORDS: Final = "first_records"
DROPPED_TABLE: Final = "dropped_table"
RECORD_PARTITION: Final = "record_partition"
RECORD_OFFSET: Final = "record_offset"
SESSION_CHART: Final = "session_fan"
SESSION_HISTOGRAM: Final = "session_histogram"
SESSION_TABLE: Final = "session_table"
SKEW_CHART: Final = "skew"
STORY_CHART: Final = "story"
GAP_CHART: Final = "gaps"
REPLAY_CHART: Final = "replay_skew"
INTERNAL_TOPICS: Final = "internal_topics"
TOPIC_TABLE: Final = "topic_table"
UPLOAD: Final = "upload"
OTHER_UPLOAD: Final = "other_upload"
LIVE_CHART: Final = "live"
SIDE_BY_SIDE_CHART: Final = "side_by_side"
WAY_CHART: Final = "way"

# What else the session holds.
ACCEPTED_LOADS: Final = "accepted_loads"
HELD_DURATIONS: Final = "held_durations"
BRUSHED: Final = "brushed"
HELD_PARAMETERS: Final = "url_parameters"
HELD_WINDOW: Final = "held_window"
UPLOADED_FILE: Final = "uploaded_file"
OTHER_UPLOADED_FILE: Final = "other_uploaded_file"
VIEW: Final = "view"
WANTED_WINDOW: Final = "wanted_window"

LARGEST: Final = 1_000_000_000
"""No number of a link may be larger: records, seconds or milliseconds."""


def field_key(parameter: UrlParameter[object]) -> str:
    """Return the key of the widget that chooses a field."""
    return f"field_{parameter.name}"


def neighbours_key(of: str) -> str:
    """Return the key of the table of a record's neighbours, "partition" or "session"."""
    return f"neighbours in {of}"


def finding_key(place: int, page: str = "") -> str:
    """Return the key of the button that shows a finding, on a page of its own if one is named."""
    return f"finding {place} {page}".rstrip()


def ticket_key(of: str) -> str:
    """Return the key of what copies a finding, outage or advice for a ticket."""
    return f"ticket {of}"


def curve_key(parameter: str) -> str:
    """Return the key of the chart of what one parameter does."""
    return f"curve_over_{parameter}"


def restore() -> None:
    """Put back what a change of page dropped; once a run, before anything reads the URL.

    The browser takes from the URL what is bound to a widget whose code is still on its way. If the
    session has the value, the browser must be told, or it draws that widget empty, and means it.
    """
    held, back = _held(), list[UrlParameter[object]]()
    for parameter in PARAMETERS:
        name = parameter.name
        if parameter is PACKED:  # it was unpacked, or is damaged and said to be
            continue
        if name in st.query_params:
            held[name] = get_all(parameter)
        elif name in st.session_state and parameter not in BY_HAND:
            if held.pop(name, None) is not None:  # lost, or the default again
                st.session_state[name] = st.session_state[name]  # tells the browser
        elif name in held:
            back.append(parameter)
    if back:
        # All at once: each change of the URL is a step for the browser's Back.
        st.query_params.update({of.name: held[of.name] for of in back})
    if any(of not in BY_HAND for of in back):
        st.rerun()  # a widget takes its value from the URL that a run begins with


def by_hand() -> dict[str, list[str]]:
    """Return the parameters in the URL that no widget is bound to, for a change of page.

    Streamlit changes no page with those that are, and puts them back itself.
    """
    return {of.name: _held()[of.name] for of in BY_HAND if of.name in _held()}


def get(parameter: UrlParameter[object]) -> str | None:
    """Return a parameter's text; None where the URL does not have it."""
    return st.query_params.get(parameter.name)


def get_all(parameter: UrlParameter[object]) -> list[str]:
    """Return every value of a parameter; none where the URL does not have it."""
    return st.query_params.get_all(parameter.name)


def put(parameter: UrlParameter[object], *values: str) -> None:
    """Give a parameter its value, or several."""
    _held()[parameter.name] = list(values)
    if get_all(parameter) != list(values):
        st.query_params[parameter.name] = values


def drop(*parameters: UrlParameter[object]) -> None:
    """Take parameters out of the URL."""
    for parameter in parameters:
        _held().pop(parameter.name, None)
        if parameter.name in st.query_params:
            del st.query_params[parameter.name]


def _is_finite(text: str) -> bool:
    try:
        return not math.isinf(float(text))
    except ValueError:
        return True


def binding(name: str, is_usable: Callable[[str], bool] = _is_finite) -> Literal["query-params"]:
    """Return what to bind an input to: the URL.

    A link that says what cannot be used loses it first, and the run begins anew. Of infinity
    (`1e400`) Streamlit would make a whole number, and fail.
    """
    text = st.query_params.get(name)
    if not (text is None or name in st.session_state or is_usable(text)):
        del st.query_params[name]
        _held().pop(name, None)
        st.rerun()
    return "query-params"


def _held() -> dict[str, list[str]]:
    held: dict[str, list[str]] = st.session_state.setdefault(HELD_PARAMETERS, {})
    return held
