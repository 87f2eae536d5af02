"""Recorded topics: files with one record a line, as `kcat -C -J` writes them.

A line is a JSON object with the fields `topic`, `partition`, `offset`, `tstype` ("create",
"logappend" or "unknown"), `ts` (epoch ms), `broker`, `headers` (optional; a flat list of names and
values), `key` and `payload` (text or null). Bytes in texts stand as they are, escaped where JSON
asks for it. A file whose name ends in `.gz` is compressed.
"""

from __future__ import annotations

import gzip
import json
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.json

from lib.errors import TopicMissingError, UnreadableFileError
from lib.topics.records import (
    CREATE_TIME,
    LOG_APPEND_TIME,
    NO_TIMESTAMP,
    NO_TIMESTAMP_TYPE,
    RECORDS,
)
from lib.topics.source import Between, Latest, Plan, Range, Span, TopicInfo

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from numpy.typing import NDArray

SAMPLES_FOLDER: Final = Path(__file__).parent / "samples"
"""Where the sample topics are that ship with the app."""

SUFFIXES: Final = (".jsonl", ".jsonl.gz")
TIMESTAMP_KINDS: Final = {"logappend": "LogAppendTime", "create": "CreateTime", None: ""}
BLOCK_BYTES: Final = 16 << 20
"""Bytes read at once, and so the longest line: more than any broker takes by default."""

LINE: Final = pa.schema(
    [
        ("partition", pa.int32()),
        ("offset", pa.int64()),
        ("tstype", pa.string()),
        ("ts", pa.int64()),
        ("headers", pa.list_(pa.binary())),
        ("key", pa.binary()),
        ("payload", pa.binary()),
    ]
)
POSITIONS: Final = pa.schema([LINE.field(name) for name in ("partition", "offset", "tstype", "ts")])

_RECORD_AGAIN: Final = "Record the topic again with: kcat -C -J -e -t TOPIC > TOPIC.jsonl"


def write_recorded(path: Path, topic: str, batches: Iterable[pa.RecordBatch]) -> None:
    """Write records to `path`, compressed if its name ends in `.gz`.

    The same records give the same bytes.

    Parameters
    ----------
    path
        The file, replaced if it exists.
    topic
        The topic's name, for the field `topic`.
    batches
        Blocks of schema `RECORDS`, in the order to write.
    """
    with path.open("wb") as file:
        if path.suffix != ".gz":
            for batch in batches:
                file.write(_lines(topic, batch))
            return
        with gzip.GzipFile("", "wb", compresslevel=6, fileobj=file, mtime=0) as compressed:
            for batch in batches:
                compressed.write(_lines(topic, batch))


def read_recorded(path: Path) -> Iterator[pa.RecordBatch]:
    """Yield the records of a file as blocks of schema `RECORDS`, in the file's order.

    Raises
    ------
    UnreadableFileError
        If the file is missing, truncated, not a recorded topic, or offsets of a partition do not
        rise; blocks before the fault have been yielded by then.
    """
    for block in _read_lines(path, LINE):
        types = _timestamp_types(block)
        yield pa.RecordBatch.from_arrays(
            [
                block["partition"],
                block["offset"],
                pc.if_else(pc.equal(types, NO_TIMESTAMP_TYPE), NO_TIMESTAMP, block["ts"]),
                types,
                block["key"],
                block["payload"],
                _headers(path, block["headers"]),
            ],
            schema=RECORDS,
        )


@dataclass(frozen=True)
class RecordedTopics:
    """The recorded topics of a folder, as a `TopicSource`: a file's stem is its topic's name."""

    folder: Path
    name: str = "Files"

    def topics(self) -> list[TopicInfo]:
        """Return the folder's topics, sorted by name.

        Reads each file once, then remembers it. One that cannot be read is listed without
        partitions; planning to read it says why.
        """
        return [_info(topic, path) for topic, path in self._files().items()]

    def plan(self, topic: str, wanted: Range) -> Plan:
        """Return the offsets to read: all, the newest in arrival order, or as `offsetsForTimes`."""
        path = self._path(topic)
        log = _summary(topic, *_version(path)).log
        match wanted:
            case Latest(count):
                spans = _latest_spans(_positions(path), log, count)
            case Between(start_ms, end_ms):
                spans = _spans_between(_positions(path), log, start_ms, end_ms)
            case _:
                spans = log
        return Plan(topic, wanted, spans, log)

    def read(self, plan: Plan) -> Iterator[pa.RecordBatch]:
        """Yield the records of `plan` in the file's order, as blocks of schema `RECORDS`."""
        for batch in read_recorded(self._path(plan.topic)):
            inside = _inside(plan.spans, batch)
            if inside.any():
                yield batch.filter(pa.array(inside))

    def _files(self) -> dict[str, Path]:
        try:
            paths = [path for path in self.folder.iterdir() if path.name.endswith(SUFFIXES)]
        except OSError as fault:
            raise UnreadableFileError(
                f"The folder {self.folder.name} cannot be read: {fault.strerror}.",
                "Check that it is there and may be read.",
            ) from fault
        files = [path for path in paths if path.is_file()]
        return dict(sorted((_topic_of(path), path) for path in files))

    def _path(self, topic: str) -> Path:
        # By the listing, never by joining: a topic's name may come from a URL.
        path = self._files().get(topic)
        if path is None:
            raise TopicMissingError(
                f"There is no recorded topic “{topic}” in {self.name}.",
                "Choose another topic in the sidebar.",
            )
        return path


def samples() -> RecordedTopics:
    """Return the sample topics that ship with the app."""
    return RecordedTopics(SAMPLES_FOLDER, "Samples")


# Writing


def _lines(topic: str, batch: pa.RecordBatch) -> bytes:
    types = batch["timestamp_type"]
    parts: list[Any] = [
        f'{{"topic":{json.dumps(topic)},"partition":'.encode(),
        _text(batch["partition"]),
        b',"offset":',
        _text(batch["offset"]),
        b',"tstype":"',
        pc.if_else(
            pc.equal(types, LOG_APPEND_TIME),
            b"logappend",
            pc.if_else(pc.equal(types, CREATE_TIME), b"create", b"unknown"),
        ),
        b'","ts":',
        _text(batch["timestamp"]),
        b',"broker":0',
        _headers_json(batch["headers"]),
        b',"key":',
        _json_strings(batch["key"]),
        b',"payload":',
        _json_strings(batch["value"]),
        b"}\n",
    ]
    lines = pc.binary_join_element_wise(*parts, b"")
    length = pc.sum(pc.binary_length(lines)).as_py() or 0
    return bytes(memoryview(lines.buffers()[2])[:length]) if length else b""


def _text(numbers: pa.Array) -> pa.Array:
    return pc.cast(pc.cast(numbers, pa.string()), pa.binary())


def _json_strings(values: pa.Array) -> pa.Array:
    """Return each value as a JSON string, null as `null`."""
    escaped = pc.replace_substring(values, pattern=b"\\", replacement=b"\\\\")
    escaped = pc.replace_substring(escaped, pattern=b'"', replacement=b'\\"')
    if pc.any(pc.match_substring_regex(escaped, pattern="[\x01-\x1f]|\\x00")).as_py():
        for code in range(32):
            escaped = pc.replace_substring(
                escaped, pattern=bytes([code]), replacement=b"\\u%04X" % code
            )
    quoted = pc.binary_join_element_wise(b'"', escaped, b'"', b"")
    return pc.fill_null(quoted, b"null")


def _headers_json(headers: pa.Array) -> pa.Array | bytes:
    """Return each record's field `headers`, empty where it has none. Rare, so one by one."""
    if headers.null_count == len(headers):
        return b""
    return pa.array([_header_json(record) for record in headers.to_pylist()], pa.binary())


def _header_json(headers: list[tuple[str, bytes | None]] | None) -> bytes:
    if not headers:
        return b""
    flat = [
        item if item is None or isinstance(item, str) else item.decode("utf-8", "surrogateescape")
        for header in headers
        for item in header
    ]
    text = json.dumps(flat, ensure_ascii=False, separators=(",", ":"))
    return b',"headers":' + text.encode("utf-8", "surrogateescape")


# Reading


def _read_lines(path: Path, schema: pa.Schema) -> Iterator[pa.RecordBatch]:
    """Yield the file's lines as columns of `schema`, checked: positions there, offsets rising."""
    ends: dict[int, int] = {}
    with _open(path) as stream, _file_faults(path):
        try:
            reader = pyarrow.json.open_json(
                stream,
                read_options=pyarrow.json.ReadOptions(block_size=BLOCK_BYTES),
                parse_options=pyarrow.json.ParseOptions(
                    explicit_schema=schema, unexpected_field_behavior="ignore"
                ),
            )
        except pa.ArrowInvalid as fault:
            if "Empty JSON" in str(fault):
                return
            raise
        for block in reader:
            _check_positions(path, block, ends)
            yield block


@contextmanager
def _open(path: Path) -> Iterator[pa.NativeFile]:
    try:
        stream = pa.input_stream(path, compression="gzip" if path.suffix == ".gz" else None)
    except OSError as fault:
        raise UnreadableFileError(
            f"The file {path.name} cannot be opened: {fault.strerror or fault}.",
            "Check that it is there and may be read.",
        ) from fault
    with stream:
        yield stream


@contextmanager
def _file_faults(path: Path) -> Iterator[None]:
    """Turn Arrow's faults into sentences about the file."""
    try:
        yield
    except pa.ArrowInvalid as fault:
        raise UnreadableFileError(
            f"The file {path.name} is not a recorded topic: {_first_bad_line(path) or fault}.",
            _RECORD_AGAIN,
        ) from fault
    except OSError as fault:
        raise UnreadableFileError(
            f"The file {path.name} is truncated or is not compressed with gzip.",
            "Copy it again, or compress it anew with gzip.",
        ) from fault


def _first_bad_line(path: Path) -> str:
    """Say which line of the file is the first that is no record, and why; "" if none is found."""
    opened = gzip.open if path.suffix == ".gz" else Path.open
    try:
        with opened(path, "rb") as file:
            for number, line in enumerate(iter(lambda: file.readline(BLOCK_BYTES), b""), start=1):
                reason = _what_is_wrong(line)
                if reason:
                    return f"line {number} {reason}"
    except (OSError, EOFError):
        return ""
    return ""


def _what_is_wrong(line: bytes) -> str:
    if len(line) >= BLOCK_BYTES:
        return f"is longer than {BLOCK_BYTES >> 20} MB"
    if not line.strip():
        return ""
    try:
        record = json.loads(line.decode("utf-8", "surrogateescape"))
    except ValueError:
        return "is not JSON"
    if not isinstance(record, dict):
        return "is not a JSON object"
    for names, kind, wanted in (
        (("partition", "offset", "ts"), int, "a whole number"),
        (("tstype", "key", "payload"), str, "text"),
        (("headers",), list, "a list"),
    ):
        for name in names:
            value = record.get(name)
            if value is not None and (not isinstance(value, kind) or isinstance(value, bool)):
                return f"has a field “{name}” that is not {wanted}"
    return ""


def _check_positions(path: Path, block: pa.RecordBatch, ends: dict[int, int]) -> None:
    """Raise unless every record has a position and offsets rise; moves `ends` past the block."""
    if block["partition"].null_count or block["offset"].null_count:
        raise UnreadableFileError(
            f"The file {path.name} is not a recorded topic: "
            "a line has no field “partition” or “offset”.",
            _RECORD_AGAIN,
        )
    partitions, offsets = block["partition"].to_numpy(), block["offset"].to_numpy()
    for partition in np.unique(partitions).tolist():
        of_partition = offsets[partitions == partition]
        before = ends.get(partition, -1)
        if partition < 0 or (np.diff(of_partition, prepend=before) <= 0).any():
            raise UnreadableFileError(
                f"In the file {path.name} the offsets of partition {partition} do not rise.",
                "Record the topic in one run, each record once.",
            )
        ends[partition] = int(of_partition[-1])


def _timestamp_types(block: pa.RecordBatch) -> pa.Array:
    types = pc.if_else(
        pc.equal(block["tstype"], "logappend"),
        LOG_APPEND_TIME,
        pc.if_else(pc.equal(block["tstype"], "create"), CREATE_TIME, NO_TIMESTAMP_TYPE),
    )
    return pc.cast(
        pc.if_else(
            pc.is_valid(block["ts"]), pc.fill_null(types, NO_TIMESTAMP_TYPE), NO_TIMESTAMP_TYPE
        ),
        pa.int8(),
    )


def _headers(path: Path, flat: pa.ListArray) -> pa.MapArray:
    """Return name, value, … lists as maps; null where a record has no headers."""
    kind = RECORDS.field("headers").type
    if flat.null_count == len(flat):
        return pa.nulls(len(flat), kind)
    items, lengths = flat.flatten(), pc.fill_null(pc.list_value_length(flat), 0).to_numpy()
    names, values = items[::2], items[1::2]
    if (lengths % 2).any() or names.null_count:
        raise UnreadableFileError(
            f"In the file {path.name} the headers of a record are not names and values in turn.",
            _RECORD_AGAIN,
        )
    offsets = pa.array(np.concatenate([[0], np.cumsum(lengths // 2)]).astype(np.int32))
    return pa.MapArray.from_arrays(
        offsets, pc.cast(names, pa.string()), values, mask=pc.is_null(flat)
    ).cast(kind)


def _topic_of(path: Path) -> str:
    return path.name.removesuffix(".gz").removesuffix(".jsonl")


def _inside(spans: tuple[Span, ...], batch: pa.RecordBatch) -> NDArray[np.bool_]:
    """Mark the records that lie in a span."""
    partition, offset = batch["partition"].to_numpy(), batch["offset"].to_numpy()
    inside = np.zeros(len(partition), dtype=bool)
    for span in spans:
        inside |= (partition == span.partition) & (offset >= span.start) & (offset < span.end)
    return inside


# Planning


@dataclass(frozen=True)
class _Summary:
    info: TopicInfo
    log: tuple[Span, ...]


@dataclass(frozen=True)
class _Positions:
    """Where the records stand: by partition, and offset order inside it."""

    partition: NDArray[np.int32]
    offset: NDArray[np.int64]
    timestamp: NDArray[np.int64]

    def of(self, span: Span) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Return offsets and timestamps of one partition."""
        first, end = np.searchsorted(self.partition, [span.partition, span.partition + 1])
        return self.offset[first:end], self.timestamp[first:end]


def _version(path: Path) -> tuple[Path, int, int]:
    """Return what identifies the file's content: another version is read again."""
    status = path.stat()
    return path, status.st_mtime_ns, status.st_size


def _info(topic: str, path: Path) -> TopicInfo:
    try:
        return _summary(topic, *_version(path)).info
    except UnreadableFileError:
        return TopicInfo(topic, partitions=0, records=0)


@lru_cache(maxsize=256)
def _summary(topic: str, path: Path, _modified_ns: int, _size: int) -> _Summary:
    spans: dict[int, Span] = {}
    kinds: set[str | None] = set()
    for block in _read_lines(path, POSITIONS):
        partitions, offsets = block["partition"].to_numpy(), block["offset"].to_numpy()
        kinds.update(pc.unique(block["tstype"]).to_pylist())
        for partition in np.unique(partitions).tolist():
            of_partition = offsets[partitions == partition]
            start = spans[partition].start if partition in spans else int(of_partition[0])
            spans[partition] = Span(partition, start, int(of_partition[-1]) + 1)
    log = tuple(spans[partition] for partition in sorted(spans))
    kind = TIMESTAMP_KINDS.get(kinds.pop(), "") if len(kinds) == 1 else ""
    return _Summary(TopicInfo(topic, len(log), sum(span.size for span in log), kind), log)


def _positions(path: Path) -> _Positions:
    blocks = pa.Table.from_batches(_read_lines(path, POSITIONS), POSITIONS)
    partition = blocks["partition"].to_numpy()
    order = np.argsort(partition, kind="stable")
    timestamp = pc.fill_null(blocks["ts"], NO_TIMESTAMP).to_numpy()
    return _Positions(partition[order], blocks["offset"].to_numpy()[order], timestamp[order])


def _latest_spans(positions: _Positions, log: tuple[Span, ...], count: int) -> tuple[Span, ...]:
    """Return the ends of the partitions that hold the newest `count` in arrival order."""
    tails = []
    for span in log:
        offsets, timestamps = positions.of(span)
        newest = np.maximum.accumulate(timestamps)[-count:]
        tails.append((np.full(len(newest), span.partition), newest, offsets[-count:]))
    if not tails:
        return ()
    partition, newest, offset = (np.concatenate(columns) for columns in zip(*tails, strict=True))
    taken = np.lexsort((offset, partition, newest))[-count:]
    partition, offset = partition[taken], offset[taken]
    return tuple(
        Span(
            span.partition, int(offset[partition == span.partition].min(initial=span.end)), span.end
        )
        for span in log
    )


def _spans_between(
    positions: _Positions, log: tuple[Span, ...], start_ms: int, end_ms: int
) -> tuple[Span, ...]:
    """Return what lies between two times in each partition, as `offsetsForTimes` finds it.

    That is from the first record at `start_ms` or later to the first at `end_ms` or later.
    """
    spans = []
    for span in log:
        offsets, timestamps = positions.of(span)
        # The running maximum first reaches a time where the timestamps first do.
        reached = np.searchsorted(np.maximum.accumulate(timestamps), [start_ms, end_ms])
        start, end = np.append(offsets, span.end)[reached].tolist()
        spans.append(Span(span.partition, start, end))
    return tuple(spans)
