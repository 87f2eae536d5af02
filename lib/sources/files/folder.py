"""Sources of files: a folder of them, or one that was uploaded.

A file is a topic, and so is a folder inside with the parts of one table.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from dataclasses import dataclass, field, replace
from functools import cached_property, lru_cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, Final

import pyarrow as pa
import pyarrow.compute as pc

from lib.core.errors import TopicChangedError, TopicMissingError, UnreadableFileError
from lib.core.masking import NOTHING_MASKED
from lib.core.schemas import NoSchemas
from lib.sources.base import Everything, Plan, Range, Reader, Span, TopicInfo, always
from lib.sources.files.encodings import beginning_of
from lib.sources.files.formats import FORMATS, PACKED, UPLOADS, has_ending, records_of
from lib.sources.files.input_file import InputFile, on_disk, uploaded
from lib.sources.files.kcat import SUFFIXES
from lib.sources.files.parts import are_parts, records_in
from lib.sources.files.positions import inside, positions_of
from lib.sources.records import CREATE_TIME, LOG_APPEND_TIME, note_of, reason_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from lib.core.schemas import SchemaSource

SAMPLES_FOLDER: Final = Path(__file__).parent / "samples"
"""Where the sample topics are that ship with the app."""

_LISTED_WHOLE: Final = 64 << 20
"""Files up to this size are read to be listed; of larger ones only the size is told."""

_HASHED: Final = 1 << 20
"""Bytes that are hashed at once."""

_READER: Final = Reader("file", seeks=False)

_KINDS: Final = {LOG_APPEND_TIME: "LogAppendTime", CREATE_TIME: "CreateTime"}


@dataclass(frozen=True)
class PassedOver:
    """What lies in a folder and is no topic.

    Attributes
    ----------
    name
        Its name, from the folder on.
    reason
        Why, as a part of a sentence: "is empty".
    """

    name: str
    reason: str


@dataclass(frozen=True)
class FileTopics:
    """The files of a folder, as a `TopicSource`.

    A file's topic has its name without the ending; the whole name where two would be the same. In
    a folder inside, its path from the folder on.

    Attributes
    ----------
    recursive
        Whether the folders inside count too.
    endings
        Of the names of the files that count.
    """

    folder: Path
    name: str = "Files"
    recursive: bool = False
    endings: tuple[str, ...] = UPLOADS
    schemas: SchemaSource = field(default_factory=NoSchemas)

    masking = NOTHING_MASKED

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

        Reads each file once, then remembers it; what is larger than 64 MB is not read before it is
        chosen, and one that cannot be read is listed without partitions: planning to read it
        says why.
        """
        return [_info(topic, path) for topic, path in self._found()[0].items()]

    def passed_over(self) -> list[PassedOver]:
        """Return what is in the folder and no topic, sorted by name."""
        return self._found()[1]

    def notes(self, topic: str) -> tuple[str, ...]:
        """Return sentences on how a topic's file was read that a viewer should know."""
        return _summary(self._path(topic)).notes

    def plan(self, topic: str, wanted: Range) -> Plan:
        """Return the offsets to read: all, the newest in arrival order, or as `offsetsForTimes`."""
        return _plan_of_path(self._path(topic), topic, wanted)

    def read(
        self,
        plan: Plan,
        wants_headers: Callable[[], bool] = always,  # noqa: ARG002 (they cost little)
    ) -> Iterator[pa.RecordBatch]:
        """Yield the records of `plan` in blocks, in the file's order.

        Raises
        ------
        TopicChangedError
            When the file was overwritten meanwhile, not when it grew.
        """
        return _read_path(self._path(plan.topic), plan)

    def still_holds(
        self,
        before: Plan,
        now: Plan,
        positions: Mapping[int, int],  # noqa: ARG002 (a file is whole or another)
    ) -> bool:
        """Return whether the file has the bytes that it had."""
        return before.generation == now.generation

    def _found(self) -> tuple[dict[str, Path], list[PassedOver]]:
        try:
            paths, passed = self._look(self.folder)
        except OSError as fault:
            raise UnreadableFileError(
                f"The folder {self.folder.name} cannot be read.",
                "Check that it is there and may be read.",
                fault.strerror or str(fault),
            ) from fault
        named = [(self._topic(path), self._name(path), path) for path in paths]
        same = Counter(topic for topic, _, _ in named)
        topics = {name if same[topic] > 1 else topic: path for topic, name, path in named}
        return dict(sorted(topics.items())), sorted(passed, key=lambda each: each.name)

    def _name(self, path: Path) -> str:
        return path.relative_to(self.folder).as_posix()

    def _topic(self, path: Path) -> str:
        return (path.relative_to(self.folder).parent / topic_of(path.name)).as_posix()

    def _look(self, folder: Path) -> tuple[list[Path], list[PassedOver]]:
        """Return the topics in a folder, and what is none."""
        paths: list[Path] = []
        passed: list[PassedOver] = []
        for path in folder.iterdir():
            reason = self._why_not(path)
            if reason:
                passed.append(PassedOver(self._name(path), reason))
            elif path.is_dir() and not are_parts(path):
                inner, more = self._look(path)
                paths += inner
                passed += more
            else:
                paths.append(path)
        return paths, passed

    def _why_not(self, path: Path) -> str:
        """Return why what lies in the folder is no topic, nor has any; "" if it is or has."""
        if path.name.startswith("."):
            return "is hidden"
        if path.is_symlink() and not path.resolve().is_relative_to(self.folder.resolve()):
            return "is a link that leads out of the folder"
        if path.is_dir():
            if path.is_symlink():
                return "is a link to a folder"
            if not (self.recursive or are_parts(path)):
                return "is a folder; set recursive to look into it"
            return ""
        if not path.is_file():
            return "is no file"
        if not (path.name.lower().endswith(self.endings) or _is_unnamed_json(path)):
            return f"has an ending that is not known: {path.suffix or 'none'}"
        return "" if path.stat().st_size else "is empty"

    def _path(self, topic: str) -> Path:
        # By the listing, never by joining: a topic's name may come from a URL.
        path = self._found()[0].get(topic)
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

    masking = NOTHING_MASKED

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
        return [summary.info(topic, len(self.content))]

    def plan(self, topic: str, wanted: Range) -> Plan:
        """Return the offsets to read: all, the newest in arrival order, or as `offsetsForTimes`."""
        return _plan(partial(records_of, self._file), self._summary.log, topic, wanted)

    def notes(self, topic: str) -> tuple[str, ...]:  # noqa: ARG002 (it has one)
        """Return sentences on how the file was read that a viewer should know."""
        return self._summary.notes

    def read(
        self,
        plan: Plan,
        wants_headers: Callable[[], bool] = always,  # noqa: ARG002 (they cost little)
    ) -> Iterator[pa.RecordBatch]:
        """Yield the records of `plan` in blocks, in the file's order."""
        return _read(records_of(self._file), plan)

    def still_holds(
        self,
        before: Plan,  # noqa: ARG002 (an upload never changes: another one is another source)
        now: Plan,  # noqa: ARG002
        positions: Mapping[int, int],  # noqa: ARG002
    ) -> bool:
        """Return True: an upload never changes."""
        return True

    @cached_property
    def _summary(self) -> _Summary:
        return _summarise(records_of(self._file))

    @property
    def _file(self) -> InputFile:
        if not self.content:
            raise UnreadableFileError(f"The file {self.file_name} is empty.", "Upload another.")
        if has_ending(self.file_name) and not self.file_name.lower().endswith(UPLOADS):
            raise UnreadableFileError(
                f"The ending of {self.file_name} is none that Skewline knows.",
                f"Use one of {', '.join(FORMATS)}, plain or with {', '.join(PACKED[1:])}.",
            )
        return uploaded(self.file_name, self.content)


@dataclass(frozen=True)
class OneFile:
    """A file of the file system, or a folder with the parts of one table, as a `TopicSource`."""

    path: Path
    name: str = "File"
    schemas: SchemaSource = field(default_factory=NoSchemas)

    masking = NOTHING_MASKED

    @property
    def identity(self) -> str:
        """The path."""
        return f"file:{self.path.resolve()}"

    @property
    def reader(self) -> Reader:
        """Skewline itself."""
        return _READER

    def topics(self) -> list[TopicInfo]:
        """Return the one topic."""
        return [_info(topic_of(self.path.name), self._checked)]

    def plan(self, topic: str, wanted: Range) -> Plan:
        """Return the offsets to read: all, the newest in arrival order, or as `offsetsForTimes`."""
        return _plan_of_path(self._checked, topic, wanted)

    def read(
        self,
        plan: Plan,
        wants_headers: Callable[[], bool] = always,  # noqa: ARG002 (they cost little)
    ) -> Iterator[pa.RecordBatch]:
        """Yield the records of `plan` in blocks, in the file's order; raises as `FileTopics`."""
        return _read_path(self._checked, plan)

    def still_holds(
        self,
        before: Plan,
        now: Plan,
        positions: Mapping[int, int],  # noqa: ARG002 (a file is whole or another)
    ) -> bool:
        """Return whether the file has the bytes that it had."""
        return before.generation == now.generation

    @property
    def _checked(self) -> Path:
        size, name = on_disk(self.path).size, self.path.name
        if self.path.is_dir() and not are_parts(self.path):
            raise UnreadableFileError(
                f"{name} is a folder without the parts of a table.", "Name a file inside it."
            )
        if not size:
            raise UnreadableFileError(f"The file {name} is empty.", "Choose another.")
        return self.path


def _is_unnamed_json(path: Path) -> bool:
    """Return whether a file without an ending holds JSON: most such files are no topics."""
    if has_ending(path.name):
        return False
    try:
        return beginning_of(on_disk(path)).lstrip(b"\xef\xbb\xbf \t\r\n").startswith((b"{", b"["))
    except UnreadableFileError:
        return False


def samples() -> FileTopics:
    """Return the sample topics that ship with the app."""
    return FileTopics(SAMPLES_FOLDER, "Samples", endings=SUFFIXES)


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
    notes: tuple[str, ...]
    first_ms: int | None
    last_ms: int | None

    def info(self, topic: str, size: int | None) -> TopicInfo:
        """Return what a list of topics shows of it."""
        return TopicInfo(
            *(topic, len(self.log), self.records, self.timestamp_kind),
            bytes=size,
            first_ms=self.first_ms,
            last_ms=self.last_ms,
        )


def _plan_of_path(path: Path, topic: str, wanted: Range) -> Plan:
    generation = content_of(path)
    plan = _plan(partial(records_in, path), _summary(path).log, topic, wanted)
    return replace(plan, generation=generation)


def _read_path(path: Path, plan: Plan) -> Iterator[pa.RecordBatch]:
    yield from _read(records_in(path), plan)
    if not _begins_as(path, plan.generation):
        raise TopicChangedError(
            f"The file of “{plan.topic}” was overwritten while it was read.",
            "Read it again when it is complete.",
        )


def _plan(
    records: Callable[[], Iterator[pa.RecordBatch]],
    log: tuple[Span, ...],
    topic: str,
    wanted: Range,
) -> Plan:
    if isinstance(wanted, Everything):
        return Plan(topic, wanted, log, log)
    positions = positions_of(block for block in records() if reason_of(block) is None)
    # Where nothing but rejected records is, they are what there is to see.
    return Plan(topic, wanted, positions.spans(wanted) if len(positions.offset) else log, log)


def _read(blocks: Iterator[pa.RecordBatch], plan: Plan) -> Iterator[pa.RecordBatch]:
    """Yield what a plan has of blocks; none is asked for where only what is not wanted follows."""
    log = {span.partition: span.end for span in plan.log}
    waiting = {span.partition: min(span.end, log[span.partition]) for span in plan.filled}
    for block in blocks:
        chosen = inside(plan.spans, block)
        if chosen.all():
            yield block
        elif chosen.any():
            yield block.filter(pa.array(chosen))
        partition, offset = block["partition"].to_numpy(), block["offset"].to_numpy()
        for number, end in [*waiting.items()]:
            # Offsets rise. What stands behind the last record says whether the file is whole.
            if end < log[number] and (offset[partition == number] >= end - 1).any():
                del waiting[number]
        if not waiting:
            return


def _info(topic: str, path: Path) -> TopicInfo:
    try:
        if path.stat().st_size > _LISTED_WHOLE:
            return TopicInfo(topic, 0, 0, bytes=path.stat().st_size, is_counted=False)
        summary = _summary(path)
    except (UnreadableFileError, OSError):
        return TopicInfo(topic, 0, 0, is_counted=False)
    return summary.info(topic, path.stat().st_size if path.is_file() else None)


def content_of(path: Path) -> str:
    """Return what tells the content of a file, or of the files of a folder, from any other.

    Read again only where size, times of change or place on the disk are others.
    """
    return _hash_of_version(path, _version(path))


def _summary(path: Path) -> _Summary:
    return _summary_of_version(path, _version(path))


def _version(path: Path) -> tuple[tuple[object, ...], ...]:
    """Return name, size, place on the disk and times of change of a file, or of a folder's."""
    return tuple(
        (one.name, status.st_size, status.st_ino, status.st_mtime_ns, status.st_ctime_ns)
        for one, status in ((one, one.stat()) for one in _files_of(path))
    )


def _files_of(path: Path) -> list[Path]:
    return sorted(one for one in path.rglob("*") if one.is_file()) if path.is_dir() else [path]


@lru_cache(maxsize=256)
def _hash_of_version(path: Path, _version: object) -> str:
    return " ".join(
        f"{size}:{_hash(one, size)}"
        for one, size in ((one, one.stat().st_size) for one in _files_of(path))
    )


def _begins_as(path: Path, generation: str) -> bool:
    """Return whether files begin with what they were when `content_of` told their `generation`."""
    if content_of(path) == generation:
        return True
    before = [known.split(":") for known in generation.split()]
    files = _files_of(path)
    return len(before) == len(files) and all(
        _hash(one, int(size)) == known for one, (size, known) in zip(files, before, strict=True)
    )


def _hash(path: Path, size: int) -> str:
    """Return the hash of the first bytes of a file."""
    content = hashlib.sha256()
    with path.open("rb") as file:
        while size > 0 and (some := file.read(min(size, _HASHED))):
            content.update(some)
            size -= len(some)
    return content.hexdigest()


@lru_cache(maxsize=256)
def _summary_of_version(path: Path, _version: object) -> _Summary:
    return _summarise(records_in(path))


def _summarise(blocks: Iterator[pa.RecordBatch]) -> _Summary:
    spans: dict[int, Span] = {}
    kinds: set[int] = set()
    times: set[int] = set()
    notes: dict[str, None] = {}
    for block in blocks:
        kinds.update(pc.unique(block["timestamp_type"]).to_pylist())
        known = block["timestamp"].filter(pc.greater_equal(block["timestamp"], 0))
        times |= {pc.min(known).as_py(), pc.max(known).as_py()} - {None}
        if (note := note_of(block)) is not None:
            notes[note] = None
        for new in positions_of([block]).log:
            old = spans.get(new.partition, new)
            start, end = min(old.start, new.start), max(old.end, new.end)
            spans[new.partition] = Span(new.partition, start, end)
    log = tuple(spans[partition] for partition in sorted(spans))
    kind = _KINDS.get(kinds.pop(), "") if len(kinds) == 1 else ""
    first, last = min(times, default=None), max(times, default=None)
    return _Summary(log, sum(span.size for span in log), kind, tuple(notes), first, last)
