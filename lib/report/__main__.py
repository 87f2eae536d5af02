"""`python -m lib.report`: the report of a topic, from the command line. See docs/report.md."""

from __future__ import annotations

import logging
import os
import sys
from dataclasses import replace
from pathlib import Path
from time import monotonic, sleep, time_ns
from typing import TYPE_CHECKING, Final

from lib.cluster.kept_fields import KeptFields
from lib.cluster.origin import Origin
from lib.cluster.settings import VARIABLE, cluster_address
from lib.core.columns import KEY
from lib.core.errors import UNFORESEEN, SettingsError, SkewlineError, TopicMissingError
from lib.core.formatting import counted, visible_text
from lib.events.fields import KEPT
from lib.loading.load import Watch, load, reload
from lib.report.against import against_of
from lib.report.conditions import judged, status
from lib.report.document import failed_document, made_by
from lib.report.made import Made, made_of
from lib.report.options import options_of
from lib.report.outputs import summary_lines, write_outputs
from lib.report.progress import progress_shown
from lib.report.report import KEYS, report_on
from lib.sources.access import OPERATOR
from lib.sources.base import Between, Latest
from lib.sources.files.folder import OneFile, topic_of
from lib.sources.open import (
    UPLOAD,
    available_sources,
    cap_on_events,
    guarded,
    is_cluster,
    open_source,
    preset_fields,
    read_secrets,
    schemas_for_files,
)
from lib.sources.passed_over import passed_over

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence
    from typing import Any, NoReturn

    from distributed import Client

    from lib.cluster.topic import HeldTopic
    from lib.loading.load import LoadedTopic
    from lib.report.options import Options
    from lib.report.progress import Listeners
    from lib.sources.base import TopicSource

_EVENTS: Final = "events"
"""The output that is written while the cluster holds the events."""

_FIELDS: Final = (
    "The events are written with the fields that have a role, and those that --key and --where "
    "look at: the cluster keeps no others."
)

_log = logging.getLogger("lib.report")


def main(arguments: Sequence[str] | None = None) -> int:
    """Make the report that a command line asks for; return the exit status."""
    options = options_of(arguments)
    _start_logging(options)
    try:
        return _follow(options)
    except KeyboardInterrupt:
        return 2
    except BrokenPipeError:  # whoever read the output has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 2


def _follow(options: Options) -> int:
    """Report once, or again and again until it is stopped; return the status of the last report."""
    loaded, code, count = None, 2, 0
    while True:
        began = monotonic()
        try:
            loaded, code = _report(options, loaded)
        except KeyboardInterrupt:
            return code
        count += 1
        if options.every_ms is None or count == options.times:
            return code
        try:
            sleep(max(0.0, options.every_ms / 1000 - (monotonic() - began)))
        except KeyboardInterrupt:
            return code


def _report(options: Options, before: LoadedTopic | None) -> tuple[LoadedTopic | None, int]:
    """Make one report and write it; return the topic, where it could be read, and the status."""
    try:
        return _try_report(options, before)
    except SkewlineError as error:
        failed = error
    except BrokenPipeError:
        raise
    except MemoryError:
        failed = SkewlineError("The memory does not suffice.", "Read less: --latest, --from, --to.")
    except Exception as fault:  # noqa: BLE001 (what it is, the log says)
        _log.exception("reporting")
        failed = SkewlineError(f"{UNFORESEEN}: {type(fault).__name__}.", "Add --verbose for more.")
    return before, _report_failure(options, failed)


def _try_report(options: Options, before: LoadedTopic | None) -> tuple[LoadedTopic | None, int]:
    if options.cluster is not None:
        return None, _report_on_cluster(options, options.cluster)
    began, at_ms = monotonic(), time_ns() // 1_000_000
    source_name, source, topic = _opened(options)
    cap = cap_on_events(os.environ)
    with progress_shown() as told:
        watch = Watch(on_progress=told.load)
        if before is None:
            chosen = tuple(sorted(_chosen(options, topic).items()))
            loaded = load(source, topic, options.wanted, chosen=chosen, cap=cap, watch=watch)
        else:
            loaded = reload(source, before, cap=cap, watch=watch)
        if isinstance(options.wanted, Between) and not loaded.report.total_records:
            _check_record_times(source, topic)
        told.doing("Looking for what stands out")
        report = report_on(loaded, options.asked)
        told.doing("Matching")
        against = _against(options, source_name, source, loaded, watch)
    done = made_of(
        report,
        source=source_name,
        at_ms=at_ms,
        conditions=options.conditions,
        seconds=monotonic() - began,
        against=against,
    )
    return loaded, _written(options, done)


def _report_on_cluster(options: Options, address: str) -> int:
    """Report on a topic that a Dask cluster reads; return the status."""
    # Dask is imported by who asks for it alone.
    from lib.cluster.connection import connected  # noqa: PLC0415
    from lib.cluster.rows import events_of  # noqa: PLC0415
    from lib.report.on_cluster import as_asked, report_on_held  # noqa: PLC0415

    began, at_ms = monotonic(), time_ns() // 1_000_000
    opened = _opened(options)
    address = address or cluster_address(_secrets(), os.environ) or _no_cluster()
    second = _second(options, *opened[:2])
    asked, against = options.asked, None
    with progress_shown() as told, connected(address) as client:
        told.note(f"Dask's dashboard: {client.dashboard_link}")
        whole, held = _held_on_cluster(options, client, opened, told, is_matched=second is not None)
        held = as_asked(client, held, asked, doing=told.doing)
        report = report_on_held(client, held, asked, doing=told.doing, outputs=options.outputs)
        if second is not None:
            against = _against_on_cluster(options, client, whole, second, told)
        done = made_of(
            replace(report, rows=events_of(client, held)),
            source=opened[0],
            at_ms=at_ms,
            conditions=options.conditions,
            seconds=monotonic() - began,
            against=against,
        )
        faults = _events_written(options, done, told)
    return _written(options, done, (_EVENTS,), faults)


def _held_on_cluster(
    options: Options,
    client: Client,
    opened: tuple[str, TopicSource, str],
    told: Listeners,
    *,
    is_matched: bool,
) -> tuple[HeldTopic, HeldTopic]:
    """Return a topic as a cluster holds it, and with no more fields than the report asks for.

    A topic that is matched with another is held with every field.
    """
    from lib.cluster.topic import hold, narrowed  # noqa: PLC0415 (Dask)

    source_name, source, topic = opened
    path = None if options.file is None else str(options.file.resolve())
    key = KEYS.get(options.asked.key.lower(), options.asked.key)
    keep = KeptFields(named=(key,), where=options.asked.where)
    whole = hold(
        client,
        source,
        Origin.of(source, source_name, path),
        topic,
        options.wanted,
        tuple(sorted(_chosen(options, topic).items())),
        doing=told.doing,
        note=told.note,
        keep=KeptFields(every=True) if is_matched else keep,
    )
    if isinstance(options.wanted, Between) and not whole.topic.report.total_records:
        _check_record_times(source, topic)
    return whole, narrowed(client, whole, keep) if is_matched else whole


def _against_on_cluster(
    options: Options,
    client: Client,
    here: HeldTopic,
    second: tuple[TopicSource, Origin, str],
    told: Listeners,
) -> dict[str, Any]:
    """Return what is told of the second topic, which the cluster reads, too."""
    from lib.cluster.topic import hold  # noqa: PLC0415 (imports Dask)
    from lib.report.against_on_cluster import against_on_held  # noqa: PLC0415

    source, origin, name = second
    chosen = tuple(sorted(_chosen(options, name).items()))
    there = hold(
        client,
        *(source, origin, name, options.wanted, chosen),
        doing=told.doing,
        note=told.note,
        keep=KeptFields(every=True),
    )
    return against_on_held(client, here, there, options.matched_by, doing=told.doing)


def _events_written(options: Options, done: Made, told: Listeners) -> list[str]:
    """Write the events, if that is wanted, while a cluster holds them; return why they are not."""
    if _EVENTS not in options.outputs:
        return []
    told.doing("Writing the events")
    told.note(_FIELDS)
    return write_outputs({_EVENTS: options.outputs[_EVENTS]}, done)


def _no_cluster() -> NoReturn:
    raise SettingsError(
        "No Dask cluster is set.",
        f"Give --cluster an address, or set address in [cluster] or {VARIABLE}.",
    )


def _written(
    options: Options, done: Made, already: Collection[str] = (), faults: Sequence[str] = ()
) -> int:
    """Write a report where it is wanted, say what is to be said, and return the status.

    Parameters
    ----------
    already
        Names of outputs that were written already.
    faults
        What of them could not be, and why.
    """
    left = {name: path for name, path in options.outputs.items() if name not in already}
    faults = [*faults, *write_outputs(left, done)]
    _say(options, done)
    for fault in faults:
        _complain(fault)
    code = status(done.verdicts)
    return 2 if (done.failed or faults) and code == 0 else code


def _against(
    options: Options, source_name: str, source: TopicSource, first: LoadedTopic, watch: Watch
) -> dict[str, Any] | None:
    """Return what is told of the second topic; None where none is asked for."""
    second = _second(options, source_name, source)
    if second is None:
        return None
    other, _, topic = second
    chosen, cap = _chosen(options, topic), cap_on_events(os.environ)
    if options.matched_by == KEY:
        chosen |= {KEPT: (KEY,)}
        again = tuple(sorted((dict(first.chosen) | {KEPT: (KEY,)}).items()))
        name = first.report.topic
        first = load(source, name, options.wanted, chosen=again, cap=cap, watch=watch)
    given = tuple(sorted(chosen.items()))
    there = load(other, topic, options.wanted, chosen=given, cap=cap, watch=watch)
    return against_of(first, there, options.matched_by)


def _second(
    options: Options, source_name: str, source: TopicSource
) -> tuple[TopicSource, Origin, str] | None:
    """Return the second topic with its source, and where that is; None where none is asked for."""
    if options.against is None:
        return None
    path = Path(options.against)
    if path.exists():
        file = _opened_file(path, _secrets())
        return file, Origin.of(file, "file", str(path.resolve())), topic_of(path.name)
    if options.file is not None:
        raise SettingsError(f"There is no file {options.against}.", "Name one with --against.")
    if not is_cluster(source_name):
        _check_known(source, options.against, "--against")
    return source, Origin.of(source, source_name), options.against


def _report_failure(options: Options, error: SkewlineError) -> int:
    """Say that nothing could be read, also in the files that were asked for; return the status."""
    at_ms = time_ns() // 1_000_000
    name = options.file.name if options.file else options.topic or ""
    made = made_by(options.source or "file", name, options.wanted, at_ms)
    document = failed_document(error, made)
    verdicts = [judged(condition, document) for condition in options.conditions]
    done = Made(document, verdicts, error.what, 0.0, None)
    said = f" ({visible_text(error.said)})" if error.said else ""
    _complain(f"{error}{said}")
    for fault in write_outputs(options.outputs, done):
        _complain(fault)
    return 2


def _opened(options: Options) -> tuple[str, TopicSource, str]:
    """Return the name of the source, the source, and the topic."""
    secrets = _secrets()
    if options.file is not None:
        return "file", _opened_file(options.file, secrets), topic_of(options.file.name)
    names = [name for name in available_sources(secrets, os.environ) if name != UPLOAD]
    wanted = options.source or names[0]
    name = next((each for each in names if each.lower() == wanted.lower()), None)
    if name is None:
        raise SettingsError(
            f"There is no source {wanted!r} here.", f"Choose one of {', '.join(names)}."
        )
    source = open_source(name, secrets, os.environ, OPERATOR)
    if options.topic is not None:
        if not is_cluster(name):
            _check_known(source, options.topic, "--topic")
        return name, source, options.topic
    topics = _known_topics(source)
    if len(topics) != 1:
        what = f"{source.name} has {counted(len(topics), 'topic')}, and none is named."
        raise _missing(what, source, topics, "--topic")
    return name, source, topics[0]


def _opened_file(path: Path, secrets: Mapping[str, Any]) -> TopicSource:
    file = OneFile(path, schemas=schemas_for_files(secrets, os.environ, OPERATOR))
    return guarded(file, "file", secrets, os.environ, OPERATOR)


def _check_record_times(source: TopicSource, topic: str) -> None:
    """Raise an error if no record has a timestamp: then a range of them says nothing."""
    newest = source.read(source.plan(topic, Latest(1)))
    times = [block["timestamp"].to_numpy() for block in newest]
    if times and all((each < 0).all() for each in times):
        raise SkewlineError(
            f"The records of {topic} have no timestamp of their own, which --from and --to are of.",
            "Leave them out.",
        )


def _known_topics(source: TopicSource) -> list[str]:
    return [info.name for info in source.topics()]


def _check_known(source: TopicSource, topic: str, option: str) -> None:
    known = _known_topics(source)
    if topic not in known:
        raise _missing(f"There is no topic “{topic}” in {source.name}.", source, known, option)


def _missing(
    what: str, source: TopicSource, topics: Sequence[str], option: str
) -> TopicMissingError:
    named = ", ".join(map(visible_text, topics[:20])) or "none"
    passed = visible_text(passed_over(source))
    return TopicMissingError(what, f"Name one with {option}: {named}. {passed}".strip())


def _chosen(options: Options, topic: str) -> dict[str, Any]:
    preset = {} if options.file is not None else preset_fields(_secrets(), topic)
    return {**preset, **options.fields}


def _secrets() -> Mapping[str, Any]:
    return read_secrets([Path.home(), Path.cwd()])


def _say(options: Options, done: Made) -> None:
    """Write verdicts, or without any the report in lines where no file was asked for."""
    on_stdout = sys.stderr if "-" in options.outputs.values() else sys.stdout
    for verdict in done.verdicts:
        print(visible_text(verdict.sentence), file=on_stdout)
    if done.failed:
        _complain(done.failed)
    if not options.outputs and not done.verdicts:
        for line in summary_lines(done):
            print(visible_text(line))
    on_stdout.flush()


def _complain(sentence: str) -> None:
    print(visible_text(sentence), file=sys.stderr)


def _start_logging(options: Options) -> None:
    log = logging.getLogger("lib")
    if options.verbose:
        logging.basicConfig(format="%(asctime)s %(levelname)s %(name)s: %(message)s")
        log.setLevel(logging.INFO)
    else:
        log.addHandler(logging.NullHandler())


if __name__ == "__main__":
    sys.exit(main())
