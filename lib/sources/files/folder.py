"""Sources of files: a folder of them, or one that was uploaded; a file is a topic."""

from __future__ import annotations

import hashlib
from collections import Counter
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Final

import pyarrow as pa
import pyarrow.compute as pc

from lib.core.errors import TopicMissingError, UnreadableFileError
from lib.core.schemas import NoSchemas
from lib.sources.base import Everything, Plan, Range, Reader, Span, TopicInfo, always
from lib.sources.files.formats import FORMATS, records_of
from lib.sources.files.input_file import COMPRESSIONS, InputFile, on_disk, uploaded
from lib.sources.files.positions import inside, positions_of
from lib.sources.records import CREATE_TIME, LOG_APPEND_TIME

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from lib.core.schemas import SchemaSource

_ANY_LINES: Final = (".json", ".txt", ".log")

SAMPLES_FOLDER: Final = Path(__file__).parent / "samples"
"""Where the sample topics are that ship with the app."""

SUFFIXES: Final = tuple(form + end for form in FORMATS for end in ("", *COMPRESSIONS))
"""Endings of the names of files that are topics."""

UPLOADS: Final = (*SUFFIXES, *(form + end for form in _ANY_LINES for end in ("", *COMPRESSIONS)))
"""Endings of the names of files that can be uploaded."""

_LISTED_WHOLE: Final = 64 << 20
"""Files up to this size are read to be listed; of larger ones only the size is told."""

_READER: Final = Reader("file")

_KINDS: Final = {LOG_APPEND_TIME: "LogAppendTime", CREATE_TIME: "CreateTime"}


@dataclass(frozen=True)
class FileTopics:
    """The files of a folder, as a `TopicSource`.

    A file's topic has its name without the ending; the whole name where two would be the same.
    """

    folder: Path
    name: str = "Files"
    schemas: SchemaSource = field(default_factory=NoSchemas)

    @property
    def identity(self) -> str:
        """The folder."""
        return f"files:{self.folder}"

    @property
    def reader(self) -> Reader:
        """Skewline itself."""
        return _READER

    def topics(self) -> list[TopicInfo]:
        """Return the folder's topics, sorted by name.

        Reads each file once, then remembers it; a file larger than 64 MB is not read before it is
        chosen, and one that cannot be read is listed without partitions: planning to read it
        says why.
        """
        return [_info(topic, path) for topic, path in self._files().items()]

    def plan(self, topic: str, wanted: Range) -> Plan:
        """Return the offsets to read: all, the newest in arrival order, or as `offsetsForTimes`."""
        path = self._path(topic)
        return _plan(on_disk(path), _summary(path).log, topic, wanted)

    def read(
        self,
        plan: Plan,
        wants_headers: Callable[[], bool] = always,  # noqa: ARG002 (they cost little)
    ) -> Iterator[pa.RecordBatch]:
        """Yield the records of `plan` in blocks, in the file's order."""
        return _read(on_disk(self._path(plan.topic)), plan)

    def _files(self) -> dict[str, Path]:
        try:
            found = [p for p in self.folder.iterdir() if p.name.lower().endswith(SUFFIXES)]
        except OSError as fault:
            raise UnreadableFileError(
                f"The folder {self.folder.name} cannot be read.",
                "Check that it is there and may be read.",
                fault.strerror or str(fault),
            ) from fault
        paths = [path for path in found if path.is_file()]
        same = Counter(topic_of(path.name) for path in paths)
        named = ((topic_of(p.name) if same[topic_of(p.name)] == 1 else p.name, p) for p in paths)
        return dict(sorted(named))

    def _path(self, topic: str) -> Path:
        # By the listing, never by joining: a topic's name may come from a URL.
        path = self._files().get(topic)
        if path is None:
            raise TopicMissingError(
                f"There is no topic “{topic}” in {self.name}.",
                "Choose another topic in the sidebar.",
            )
        return path


@dataclass(frozen=True)
class UploadedTopic:
    """One file that was uploaded, as a `TopicSource` with one topic.

    Attributes
    ----------
    file_name
        Its name; the ending says what it holds.
    content
        Its bytes; they are not copied.
    """

    file_name: str
    content: bytes = field(repr=False)
    name: str = "Upload"
    schemas: SchemaSource = field(default_factory=NoSchemas)

    @cached_property
    def identity(self) -> str:
        """The file's name and content: two files of one name are two sources."""
        return f"upload:{self.file_name}:{hashlib.sha256(self.content).hexdigest()}"

    @property
    def reader(self) -> Reader:
        """Skewline itself."""
        return _READER

    def topics(self) -> list[TopicInfo]:
        """Return the one topic."""
        summary, topic = self._summary, topic_of(self.file_name)
        return [TopicInfo(topic, len(summary.log), summary.records, summary.timestamp_kind)]

    def plan(self, topic: str, wanted: Range) -> Plan:
        """Return the offsets to read: all, the newest in arrival order, or as `offsetsForTimes`."""
        return _plan(self._file, self._summary.log, topic, wanted)

    def read(
        self,
        plan: Plan,
        wants_headers: Callable[[], bool] = always,  # noqa: ARG002 (they cost little)
    ) -> Iterator[pa.RecordBatch]:
        """Yield the records of `plan` in blocks, in the file's order."""
        return _read(self._file, plan)

    @cached_property
    def _summary(self) -> _Summary:
        return _summarise(self._file)

    @property
    def _file(self) -> InputFile:
        if not self.file_name.lower().endswith(UPLOADS):
            raise UnreadableFileError(
                f"The ending of {self.file_name} is none that Skewline knows.",
                f"Use one of {', '.join(FORMATS)}, plain or with {', '.join(COMPRESSIONS)}.",
            )
        return uploaded(self.file_name, self.content)


def samples() -> FileTopics:
    """Return the sample topics that ship with the app."""
    return FileTopics(SAMPLES_FOLDER, "Samples")


def topic_of(file_name: str) -> str:
    """Return the name of a file's topic.

    Examples
    --------
    >>> topic_of("sessions-10.jsonl.gz")
    'sessions-10'
    """
    for ending in sorted(UPLOADS, key=len, reverse=True):
        if file_name.lower().endswith(ending):
            return file_name[: -len(ending)] or file_name
    return file_name


@dataclass(frozen=True)
class _Summary:
    """What a file holds."""

    log: tuple[Span, ...]
    records: int
    timestamp_kind: str


def _plan(file: InputFile, log: tuple[Span, ...], topic: str, wanted: Range) -> Plan:
    if isinstance(wanted, Everything):
        return Plan(topic, wanted, log, log)
    return Plan(topic, wanted, positions_of(records_of(file)).spans(wanted), log)


def _read(file: InputFile, plan: Plan) -> Iterator[pa.RecordBatch]:
    for block in records_of(file):
        chosen = inside(plan.spans, block)
        if chosen.all():
            yield block
        elif chosen.any():
            yield block.filter(pa.array(chosen))


def _info(topic: str, path: Path) -> TopicInfo:
    try:
        if on_disk(path).size > _LISTED_WHOLE:
            return TopicInfo(topic, partitions=1, records=0)
        summary = _summary(path)
    except UnreadableFileError:
        return TopicInfo(topic, partitions=0, records=0)
    return TopicInfo(topic, len(summary.log), summary.records, summary.timestamp_kind)


def _summary(path: Path) -> _Summary:
    status = path.stat()
    return _summary_of_version(path, status.st_mtime_ns, status.st_size)


@lru_cache(maxsize=256)
def _summary_of_version(path: Path, _modified_ns: int, _size: int) -> _Summary:
    return _summarise(on_disk(path))


def _summarise(file: InputFile) -> _Summary:
    spans: dict[int, Span] = {}
    kinds: set[int] = set()
    for block in records_of(file):
        kinds.update(pc.unique(block["timestamp_type"]).to_pylist())
        for span in positions_of([block]).log:
            start = spans.get(span.partition, span).start
            spans[span.partition] = Span(span.partition, start, span.end)
    log = tuple(spans[partition] for partition in sorted(spans))
    kind = _KINDS.get(kinds.pop(), "") if len(kinds) == 1 else ""
    return _Summary(log, sum(span.size for span in log), kind)
