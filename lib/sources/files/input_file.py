"""Opening files, plain or compressed, with limits on what one may hold."""

from __future__ import annotations

import io
import tempfile
import zipfile
import zlib
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

import pyarrow as pa

from lib.core.errors import UnreadableFileError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

COMPRESSIONS: Final = {".gz": "gzip", ".zst": "zstd", ".bz2": "bz2"}
"""Ending of a file's name → its compression."""

ARCHIVE: Final = ".zip"
"""Ending of the name of an archive, which may hold one file."""

_MAGIC: Final = {
    b"\x1f\x8b": "compressed with gzip",
    b"\x28\xb5\x2f\xfd": "compressed with zstd",
    b"PAR1": "Parquet",
    b"PK\x03\x04": "a zip archive or a workbook of Excel",
    b"BZh": "compressed with bzip2",
    b"\xfd7zXZ": "compressed with xz",
    b"\x04\x22\x4d\x18": "compressed with lz4",
    **dict.fromkeys((b"x\x01", b"x\x9c", b"x\xda"), "compressed with zlib"),
    b"Obj\x01": "an Avro file",
    b"ARROW1": "Arrow",
    b"ORC": "ORC",
    b"SQLite format 3": "a SQLite database",
    b"%PDF-": "a PDF",
}
_TAR_AT: Final = 257
"""Where tar archives have their magic number."""

_UNPACK: Final = "Unpack it, or compress it with gzip, zstd or bzip2."
_WRITE: Final = "Write its records as JSON Lines, CSV or Parquet."
_REMEDIES: Final = {
    **{f"compressed with {form}": _UNPACK for form in ("xz", "lz4", "zlib")},
    **dict.fromkeys(("ORC", "a SQLite database", "a PDF"), _WRITE),
    "a tar archive": "Give it the ending .tar, or unpack it.",
    "a zip archive or a workbook of Excel": "Give an archive the ending .zip; of a workbook, save "
    "the sheet as CSV.",
}
"""What is read under no ending → what to do."""


@dataclass(frozen=True)
class Limits:
    """How much a file may hold.

    Attributes
    ----------
    content_bytes
        Bytes of its content, decompressed.
    ratio
        Content over compressed size, checked beyond `free_bytes`. Telemetry as JSON compresses
        10 to 50 times, a zip bomb about 1,000 times.
    free_bytes
        Content that is never too much, whatever the ratio.
    """

    content_bytes: int = 8 << 30
    ratio: int = 300
    free_bytes: int = 64 << 20


@dataclass(frozen=True)
class InputFile:
    """A file to read: one in a folder, or one that was uploaded.

    Attributes
    ----------
    name
        Its name; the endings say what it holds and how it is compressed.
    size
        Bytes as it is stored.
    opened
        Opens what is stored, from its beginning, every time it is called.
    first_row
        How many rows the parts of its topic have that come before it.
    packed
        Whether what `opened` gives may be much more than `size`.
    encoding
        How its text is encoded, where that does not show in how it begins.
    """

    name: str
    size: int
    opened: Callable[[], pa.NativeFile]
    first_row: int = 0
    packed: bool = False
    encoding: str | None = None

    @property
    def is_as_stored(self) -> bool:
        """Whether its content is what is stored: then it can be read from anywhere."""
        return self.compression is None and not self.packed

    @property
    def compression(self) -> str | None:
        """How it is compressed, by its name."""
        return next((c for end, c in COMPRESSIONS.items() if self.name.lower().endswith(end)), None)

    @property
    def stem(self) -> str:
        """The name without the ending of the compression, in lower case."""
        name = self.name.lower()
        for ending in COMPRESSIONS:
            name = name.removesuffix(ending)
        return name


def on_disk(path: Path) -> InputFile:
    """Return a file of the file system.

    Raises
    ------
    UnreadableFileError
        When it is not there or may not be read.
    """
    try:
        status = path.stat()
    except OSError as fault:
        raise _cannot_open(path.name, fault) from fault
    return InputFile(path.name, status.st_size, lambda: pa.OSFile(str(path)))


def uploaded(name: str, content: bytes) -> InputFile:
    """Return a file whose content is in memory; it is not copied."""
    return InputFile(name, len(content), lambda: pa.BufferReader(content))


@contextmanager
def content_of(file: InputFile) -> Iterator[pa.NativeFile | io.RawIOBase]:
    """Open a file's content, decompressed, to be read once from its beginning to its end.

    Raises
    ------
    UnreadableFileError
        When the file cannot be opened, is truncated, is not what its name says, or holds more
        than allowed; the last three while it is being read too.
    """
    limits = Limits()
    if file.size > limits.content_bytes:
        raise _too_large(file, limits)
    with _raw(file) as raw, faults_of(file):
        if file.is_as_stored:
            yield raw
        elif file.compression is None:
            yield _Counting(raw, file, limits)
        else:
            with pa.CompressedInputStream(raw, file.compression) as stream:
                yield _Counting(stream, file, limits)


@contextmanager
def random_access(file: InputFile) -> Iterator[pa.NativeFile]:
    """Open a file's content to be read from anywhere; a compressed one is unpacked to a file.

    Raises
    ------
    UnreadableFileError
        As `content_of`.
    """
    if file.is_as_stored:
        with _raw(file) as raw:
            yield raw
        return
    with tempfile.TemporaryFile() as copy:
        with content_of(file) as stream, faults_of(file):
            while piece := stream.read(1 << 20):
                copy.write(piece)
        copy.seek(0)
        with pa.PythonFile(copy, mode="r") as opened:
            yield opened


def unzipped(file: InputFile) -> InputFile:
    """Return the one file that a zip archive holds; another file as it is.

    Raises
    ------
    UnreadableFileError
        When it is no archive, is encrypted, or holds none or several files.
    """
    if not file.name.lower().endswith(ARCHIVE):
        return file
    try:
        with _raw(file) as raw, zipfile.ZipFile(raw) as archive:
            members = [info for info in archive.infolist() if is_content(info.filename)]
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError) as fault:
        raise UnreadableFileError(
            f"The file {file.name} is no zip archive, or is damaged.", "Copy it again.", str(fault)
        ) from fault
    member = one_member(file, [info.filename for info in members])
    if members[0].flag_bits & 1:
        raise UnreadableFileError(
            f"The archive {file.name} is encrypted.", "Unpack it, and give the file itself."
        )

    def opened() -> pa.NativeFile:
        try:
            return pa.PythonFile(zipfile.ZipFile(file.opened()).open(member), mode="r")
        except (zipfile.BadZipFile, RuntimeError, NotImplementedError, ValueError) as fault:
            raise OSError(str(fault)) from fault

    name = member.rpartition("/")[2]
    return replace(file, name=name, opened=opened, packed=True)


def one_member(file: InputFile, members: Sequence[str]) -> str:
    """Return the one file that an archive holds, of the names of those that it holds.

    Raises
    ------
    UnreadableFileError
        When it holds none or several.
    """
    if len(members) != 1:
        raise UnreadableFileError(
            f"The archive {file.name} holds {len(members) or 'no'} files.",
            "Give an archive with one file, or the files themselves.",
        )
    return members[0]


def is_content(name: str) -> bool:
    """Return whether a member of an archive is a file that somebody put there."""
    hidden = any(part.startswith((".", "__MACOSX")) for part in name.split("/"))
    return not hidden and not name.endswith("/")


@contextmanager
def faults_of(file: InputFile) -> Iterator[None]:
    """Turn what goes wrong while a file is being read into a sentence."""
    try:
        yield
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError) as fault:
        raise UnreadableFileError(
            f"The file {file.name} is truncated or damaged.", "Copy it again.", str(fault)
        ) from fault
    except OSError as fault:
        if file.compression is None or "Truncated" in str(fault):
            raise UnreadableFileError(
                f"The file {file.name} is truncated or damaged.", "Copy it again.", str(fault)
            ) from fault
        raise UnreadableFileError(
            f"The file {file.name} is damaged or is not compressed with {file.compression}.",
            f"Copy it again, or compress it anew with {file.compression}.",
            str(fault),
        ) from fault


@contextmanager
def table_faults(file: InputFile, form: str) -> Iterator[None]:
    """Turn what goes wrong in a table's own format into a sentence."""
    try:
        with faults_of(file):
            yield
    except (pa.ArrowException, UnicodeDecodeError) as fault:
        raise UnreadableFileError(
            f"The file {file.name} cannot be read as {form}.",
            "Copy it again, or give it the ending of what it holds.",
            str(fault),
        ) from fault


def check_form(file: InputFile, beginning: bytes, expected: str) -> None:
    """Raise if a file's content begins as something else than its name says.

    Parameters
    ----------
    beginning
        The first bytes of the content, decompressed.
    expected
        What the name says, as a word in a sentence.
    """
    found = [form for magic, form in _MAGIC.items() if beginning.startswith(magic)]
    if beginning[_TAR_AT:].startswith(b"ustar"):
        found = ["a tar archive"]
    for form in found:
        if form != expected:
            raise UnreadableFileError(
                f"The file {file.name} is named as {expected} but is {form}.",
                _REMEDIES.get(form, "Give it the ending of what it holds."),
            )


class _Counting(io.RawIOBase):
    """A stream that refuses to give more than the limits allow."""

    def __init__(self, stream: pa.NativeFile, file: InputFile, limits: Limits) -> None:
        self._stream, self._file, self._limits = stream, file, limits
        self._given = 0

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        # Arrow's `read` never frees its bytes where the stream is damaged.
        piece: bytes = self._stream.read_buffer(None if size < 0 else size).to_pybytes()
        self._given += len(piece)
        limits = self._limits
        allowed = max(limits.free_bytes, limits.ratio * self._file.size)
        if self._given > min(limits.content_bytes, allowed):
            raise _too_large(self._file, limits)
        return piece


@contextmanager
def _raw(file: InputFile) -> Iterator[pa.NativeFile]:
    try:
        raw = file.opened()
    except OSError as fault:
        raise _cannot_open(file.name, fault) from fault
    with raw:
        yield raw


def _cannot_open(name: str, fault: OSError) -> UnreadableFileError:
    return UnreadableFileError(
        f"The file {name} cannot be opened.",
        "Check that it is there and may be read.",
        fault.strerror or str(fault),
    )


def _too_large(file: InputFile, limits: Limits) -> UnreadableFileError:
    return UnreadableFileError(
        f"The file {file.name} holds more than the {limits.content_bytes >> 20:,} MB allowed, or "
        f"more than {limits.ratio} times its compressed size.",
        "Split it, or keep only the records of interest.",
    )
