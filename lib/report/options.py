"""The command line of the report."""

from __future__ import annotations

import argparse
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from lib.cluster.settings import LOCAL, SET, checked
from lib.core.errors import SettingsError
from lib.core.moments import moment_ms
from lib.events.fields import CHOICES, IDENTITY_ROLES, TIME_ROLES, source_in, sources_in
from lib.replay.goal import Goal
from lib.report.conditions import condition_of
from lib.report.report import Asked
from lib.report.settings import (
    ENGINE_NAMES,
    LAST_MS,
    WINDOW_NAMES,
    WindowChoice,
    asked_duration_ms,
    setting_of,
    share,
)
from lib.sources.base import Between, Everything, Latest
from lib.sources.open import FILES, KAFKA, SAMPLES

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from lib.report.conditions import Condition
    from lib.sources.base import Range

    Read = Callable[[str], Any]

_EVERY_MS: Final = 60_000
_OUTPUTS: Final[Mapping[str, str]] = {
    "html": "one file to read, offline and on paper",
    "json": "the figures; - for the standard output",
    "events": "the events, Parquet; opens in the app as the topic",
    "windows": "the engine's windows, CSV",
    "dropped": "the events that the engine drops, CSV",
    "junit": "the verdict, for CI",
}


@dataclass(frozen=True)
class Options:
    """What the command line says.

    Attributes
    ----------
    source, topic, file
        What to read: a topic of a source, or a file.
    wanted, fields
        Which records, and the fields chosen by hand, by `lib.events.fields.CHOICES`.
    asked, conditions
        What the report is asked for, and what breaks it.
    outputs
        Name of an output → where to write it.
    every_ms
        How often to report again; None: once.
    times
        How many reports to make; None: until it is stopped.
    verbose
        Whether the log goes to the standard error.
    against, matched_by
        A second topic of the source, or a file, and what the events of both are matched by.
    cluster
        The address of a Dask scheduler to report on, or "local"; None: this process.
    """

    source: str | None
    topic: str | None
    file: Path | None
    wanted: Range
    fields: Mapping[str, object]
    asked: Asked
    conditions: tuple[Condition, ...]
    outputs: Mapping[str, str]
    every_ms: int | None
    times: int | None
    verbose: bool
    against: str | None = None
    matched_by: str | None = None
    cluster: str | None = None


def options_of(arguments: Sequence[str] | None = None) -> Options:
    """Return what a command line says; one that cannot be understood ends the program with 2."""
    parser = _parser()
    given = parser.parse_args(arguments)
    try:
        return _options(given)
    except SettingsError as error:
        parser.error(str(error))


def _options(given: argparse.Namespace) -> Options:
    if given.file is not None and given.source is not None:
        raise SettingsError("Both a file and a source are named.", "Name one of them.")
    window = WindowChoice(given.window, given.gap, given.size, given.parts)
    setting = setting_of(given.engine, window, given.delay, given.lateness, given.set)
    goal = Goal(given.drop_at_most, given.not_exact_at_most)
    follows = given.follow or given.every is not None
    return Options(
        source=given.source,
        topic=given.topic,
        file=given.file,
        wanted=_range(given),
        fields=_fields([text for each in given.fields for text in each]),
        asked=Asked(
            setting,
            goal,
            in_order=given.arrival_order,
            correct=given.correct_clocks,
            where=tuple(given.where),
            key=given.key or "client",
        ),
        conditions=tuple(given.fail_if),
        outputs={n: getattr(given, n) for n in _OUTPUTS if getattr(given, n) is not None},
        every_ms=(given.every or _EVERY_MS) if follows else None,
        times=given.times,
        verbose=given.verbose,
        against=given.against,
        matched_by=given.matched_by,
        cluster=_cluster(given),
    )


def _cluster(given: argparse.Namespace) -> str | None:
    if given.cluster is None:
        return None
    return given.cluster if given.cluster == SET else checked(given.cluster)


def _range(given: argparse.Namespace) -> Range:
    no_times = given.start is None and given.end is None
    if given.latest is not None:
        if not no_times:
            raise SettingsError("--latest does not go with --from and --to.", "Leave one out.")
        return Latest(given.latest)
    if no_times:
        return Everything()
    start = 0 if given.start is None else given.start
    end = LAST_MS if given.end is None else given.end
    if start > end:
        raise SettingsError("--from is after --to.", "Change one of them.")
    return Between(start, end)


def _fields(texts: Sequence[str]) -> dict[str, object]:
    """Return the fields that texts such as `event_time=ts` choose; several may share a text."""
    names = "|".join((*CHOICES, "session_gap"))
    said = [part for text in texts for part in re.split(rf",(?=(?:{names})=)", text)]
    return dict(map(_field, said))


def _field(text: str) -> tuple[str, object]:
    name, equals, value = text.partition("=")
    if name not in (*CHOICES, "session_gap") or not equals:
        raise SettingsError(
            f"{text!r} chooses no field.",
            f"Write NAME=FIELD with one of {', '.join(CHOICES)}.",
        )
    if name in TIME_ROLES:
        return name, sources_in(value)
    if name in IDENTITY_ROLES:
        return name, source_in(value)
    if name == "session_gap":
        return "session_gap_s", asked_duration_ms(value) / 1000
    if name == "session_gap_s":
        return name, asked_duration_ms(value if value[-1:].isalpha() else f"{value}s") / 1000
    return name, value


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m lib.report",
        usage="%(prog)s [--source NAME] [--topic TOPIC] [--file PATH] … (--help lists all)",
        description="Report on a topic: event time beside received time, outages, late events.",
        epilog="Exit status: 0 every condition kept, 1 one broken, 2 it could not be told. "
        "Durations: 30s, 5m, 250ms. docs/report.md says more.",
        allow_abbrev=False,
    )
    _add_source(parser.add_argument_group("what to read"))
    _add_second(parser.add_argument_group("a second topic"))
    _add_engine(parser.add_argument_group("what an engine would make of it"))
    outputs = parser.add_argument_group("what to write")
    for name, means in _OUTPUTS.items():
        outputs.add_argument(f"--{name}", metavar="PATH", help=means)
    _add_verdict(parser.add_argument_group("verdict and repetition"))
    return parser


def _add_source(group: argparse._ArgumentGroup) -> None:
    group.add_argument(
        "--source", metavar="NAME", help=f"{KAFKA}, a cluster's name, {FILES} or {SAMPLES}"
    )
    group.add_argument("--topic", help="a topic of the source; the only one if not named")
    group.add_argument("--file", type=Path, metavar="PATH", help="a single file, of any format")
    group.add_argument(
        "--from", dest="start", type=_typed(moment_ms), metavar="TIME",
        help="record timestamps from: 2018-10-28T11:35 (UTC), or epoch ms",
    )  # fmt: skip
    group.add_argument(
        "--to", dest="end", type=_typed(moment_ms), metavar="TIME", help="up to before"
    )
    group.add_argument(
        "--cluster", metavar="ADDRESS", nargs="?", const=SET,
        help=f"read and ask on a Dask cluster: tcp://HOST:8786, or {LOCAL}; alone, the one that is "
        "set. docs/dask.md says what it tells",
    )  # fmt: skip
    group.add_argument("--latest", type=_typed(_count), metavar="N", help="the newest records")
    group.add_argument(
        "--where", action="append", default=[], metavar="CONDITION",
        help="only events of which it is true, as SQL's WHERE: \"client = 'a' AND delay_ms > 500\"",
    )  # fmt: skip
    group.add_argument(
        "--fields", nargs="+", action="append", default=[], metavar="NAME=FIELD",
        help=f"fields, where they are not as recognised: {', '.join(CHOICES)}",
    )  # fmt: skip
    group.add_argument(
        "--correct-clocks", action="store_true", help="correct event times of wrong clocks"
    )


def _add_second(group: argparse._ArgumentGroup) -> None:
    group.add_argument(
        "--against", metavar="TOPIC", help="a second topic of the source, or a file, to match with"
    )
    group.add_argument(
        "--matched-by", metavar="FIELD",
        help="what tells events apart: @key, or a field (client, session and sequence number)",
    )  # fmt: skip


def _add_engine(group: argparse._ArgumentGroup) -> None:
    span = _typed(asked_duration_ms)
    group.add_argument("--engine", type=str.lower, choices=ENGINE_NAMES, default=ENGINE_NAMES[0])
    group.add_argument("--window", type=str.lower, choices=WINDOW_NAMES)
    group.add_argument("--gap", type=span, metavar="DURATION", help="session gap (30s)")
    group.add_argument("--size", type=span, metavar="DURATION", help="size of other windows")
    group.add_argument("--parts", type=_typed(_count), help="of hopping windows: one begins each")
    group.add_argument(
        "--delay", "--grace", type=span, metavar="DURATION", help="watermark delay, or grace (5s)"
    )
    group.add_argument("--lateness", type=span, metavar="DURATION", help="allowed lateness (0)")
    group.add_argument(
        "--set", action="append", default=[], metavar="NAME=VALUE",
        help="another setting of the engine: batch_records=10",
    )  # fmt: skip
    group.add_argument(
        "--arrival-order", action="store_true",
        help="the records are in the order in which they arrived: replay them without "
        "received times",
    )  # fmt: skip
    group.add_argument(
        "--key", metavar="FIELD",
        help="what windows are grouped by: client (the default), session, partition, or a field",
    )  # fmt: skip
    group.add_argument(
        "--drop-at-most", type=_typed(share), default=Goal().most_dropped, metavar="SHARE",
        help="what the advice is to achieve (0.1%%)",
    )  # fmt: skip
    group.add_argument(
        "--not-exact-at-most", type=_typed(share), metavar="SHARE", help="likewise, of sessions"
    )


def _add_verdict(group: argparse._ArgumentGroup) -> None:
    group.add_argument(
        "--fail-if", action="append", default=[], type=_typed(condition_of), metavar="CONDITION",
        help='what breaks the report: "dropped > 0.1%%", "outages > 0", "delay_p99 > 5s"',
    )  # fmt: skip
    group.add_argument("--follow", action="store_true", help="report again on what is new")
    group.add_argument(
        "--every", type=_typed(asked_duration_ms), metavar="DURATION", help="how often (1m)"
    )
    group.add_argument("--times", type=_typed(_count), metavar="N", help="end after N reports")
    group.add_argument("--verbose", action="store_true", help="write the log to the standard error")


def _count(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise SettingsError(f"{text!r} is no whole number above zero.", "Write it as 1000.")
    return int(text)


def _typed(read: Read) -> Read:
    """Return a reader whose error argparse prints as it is."""

    def typed(text: str) -> Any:  # noqa: ANN401
        try:
            return read(text)
        except SettingsError as error:
            raise argparse.ArgumentTypeError(str(error)) from None

    return typed
