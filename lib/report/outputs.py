"""A report written: to files, each whole or not at all, and in lines for a terminal."""

from __future__ import annotations

import json
import os
import sys
from functools import partial
from io import BytesIO
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import TYPE_CHECKING, cast

from lib.analysis.findings import MOST, THERE_MAY_BE_MORE
from lib.core.formatting import counted
from lib.core.part import Part
from lib.core.spreadsheets import csv_of
from lib.events.export import write_capture
from lib.report.against import against_sentence
from lib.report.files import DROPPED, WINDOWS, dropped_of, windows_of
from lib.report.junit import junit_of
from lib.report.report import ReplayedEvents

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
    from typing import BinaryIO, TypeAlias

    import pandas as pd

    from lib.loading.load import LoadedTopic
    from lib.report.made import Made

    _Write: TypeAlias = Callable[[BinaryIO], None]
    """Writes a content to an open file."""

STANDARD_OUTPUT = "-"


def write_outputs(outputs: Mapping[str, str], made: Made) -> list[str]:
    """Write each output, by its name, to its path; return which could not be written, and why."""
    faults = []
    for name, path in outputs.items():
        content = _CONTENTS[name](made)
        try:
            if content is not None:
                _write(path, content)
        except BrokenPipeError:
            raise
        except OSError as fault:
            said = fault.strerror or str(fault)
            faults.append(f"{Path(path).name} cannot be written: {said}.")
    return faults


def _write(path: str, content: bytes | _Write) -> None:
    """Write a file so that who reads it sees the old one or the new one, nothing between."""
    if path == STANDARD_OUTPUT:
        sys.stdout.buffer.write(_whole(content))
        sys.stdout.flush()
        return
    to = Path(path)
    if to.exists() and not to.is_file():  # a pipe, /dev/stdout
        to.write_bytes(_whole(content))
        return
    with NamedTemporaryFile(dir=to.parent, prefix=f".{to.name}", delete=False) as file:
        try:
            if isinstance(content, bytes):
                file.write(content)
            else:
                content(cast("BinaryIO", file))
            file.close()
            Path(file.name).chmod(0o666 & ~_umask())
            Path(file.name).replace(to)
        except BaseException:
            Path(file.name).unlink(missing_ok=True)
            raise


def _whole(content: bytes | _Write) -> bytes:
    """Return a content that is written to what has no places, as a pipe."""
    if isinstance(content, bytes):
        return content
    to = BytesIO()
    content(to)
    return to.getvalue()


def _umask() -> int:
    mask = os.umask(0o022)
    os.umask(mask)
    return mask


def json_of(made: Made) -> bytes:
    """Return the JSON document with its verdicts."""
    verdicts = [
        {"condition": one.condition.text, "state": str(one.state), "sentence": one.sentence}
        for one in made.verdicts
    ]
    document = {**made.document, "verdicts": verdicts}
    text = json.dumps(document, ensure_ascii=False, indent=2, allow_nan=False)
    return f"{text}\n".encode(errors="replace")


def html_of(made: Made) -> bytes:
    """Return the HTML page."""
    from lib.report.page import page_of  # noqa: PLC0415 (charts take time to import)

    return page_of(made)


def _events(made: Made) -> _Write | None:
    report = made.report
    if report is None:
        return None
    topic = report.topic
    return partial(
        write_topic,
        topic=topic,
        rows=report.rows or [topic.events.table],
        source=str(made.document["made"]["source"]),
        part=Part(report.asked.where, report.is_cut).within(topic.report.part),
    )


def write_topic(
    to: BinaryIO,
    *,
    topic: LoadedTopic,
    rows: Iterable[pd.DataFrame],
    source: str,
    part: Part | None,
) -> None:
    """Write a topic's events as Parquet: `lib.events.export.write_capture`.

    Parameters
    ----------
    topic
        What is known of it without its events.
    rows
        The events table, or pieces of it that follow one another.
    """
    write_capture(
        rows,
        to,
        topic=topic.report.topic,
        source=source,
        fields=topic.fields,
        rejected=topic.contents.reasons,
        corrected=topic.corrected,
        part=part,
    )


def _windows(made: Made) -> bytes:
    return _of_replay(made, "windows", WINDOWS, windows_of)


def _dropped(made: Made) -> bytes:
    return _of_replay(made, "dropped", DROPPED, dropped_of)


def _of_replay(
    made: Made,
    name: str,
    columns: Sequence[str],
    table_of: Callable[[ReplayedEvents], pd.DataFrame],
) -> bytes:
    """Return a table of the replay as CSV; without rows where it is withheld, as is said."""
    report = made.report
    replayed = None if report is None else report.replayed
    if replayed is not None and name in replayed.tables:
        return csv_of(replayed.tables[name]).encode(errors="replace")
    if not isinstance(replayed, ReplayedEvents):
        return f"{','.join(columns)}\r\n".encode()
    return csv_of(table_of(replayed)).encode(errors="replace")


def _junit(made: Made) -> bytes:
    name = str(made.document["made"]["topic"])
    return junit_of(name, made.verdicts, made.failed, made.seconds)


_CONTENTS: Mapping[str, Callable[[Made], bytes | _Write | None]] = {
    "json": json_of,
    "html": html_of,
    "events": _events,
    "windows": _windows,
    "dropped": _dropped,
    "junit": _junit,
}


def summary_lines(made: Made) -> Iterator[str]:
    """Yield the report in a few lines."""
    document = made.document
    name = document["made"]["topic"]
    numbers = [
        counted(document[noun], noun.removesuffix("s"))
        for noun in ("events", "clients", "sessions")
        if document[noun] is not None
    ]
    yield f"{name}: {', '.join(numbers)}."
    yield from document["notices"]
    for reason, count in document["rejected"].items():
        yield f"Rejected: {counted(count, 'record')}: {reason}"
    yield from document["findings"] or ()
    if len(document["findings"] or ()) == MOST:
        yield THERE_MAY_BE_MORE
    if document["replay"] is not None:
        replay = document["replay"]
        yield f"{replay['engine']} drops {counted(replay['dropped'], 'event')}."
    if document["advice"] is not None:
        yield document["advice"]["sentence"]
    if document["against"] is not None:
        yield against_sentence(document["against"])
