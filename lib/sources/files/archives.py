"""Files in tar archives, read as a stream: nothing is unpacked to the disk."""

from __future__ import annotations

import tarfile
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Final

from lib.core.errors import UnreadableFileError
from lib.sources.files.encodings import as_stream
from lib.sources.files.input_file import COMPRESSIONS, content_of, is_content, one_member

if TYPE_CHECKING:
    from collections.abc import Iterator

    import pyarrow as pa

    from lib.sources.files.input_file import InputFile

_TAR, _TGZ = ".tar", ".tgz"
TARS: Final = (_TAR, *(_TAR + end for end in COMPRESSIONS), _TGZ)
"""Endings of the names of tar archives, which may hold one file each."""

_PIECE: Final = 1 << 20


def untarred(file: InputFile) -> InputFile:
    """Return the one file that a tar archive holds; another file as it is.

    Raises
    ------
    UnreadableFileError
        When it is no archive, is damaged, holds more than is allowed, or none or several files.
    """
    if not file.name.lower().endswith(TARS):
        return file
    is_short = file.name.lower().endswith(_TGZ)
    packed = replace(file, name=f"{file.name[: -len(_TGZ)]}{_TAR}.gz") if is_short else file
    try:
        with content_of(packed) as stream, tarfile.open(fileobj=stream, mode="r|") as archive:
            names = [member.name for member in archive if _is_file(member)]
    except tarfile.TarError as fault:
        raise UnreadableFileError(
            f"The file {file.name} is no tar archive, or is damaged.", "Copy it again.", str(fault)
        ) from fault
    name = one_member(file, names)
    opened = partial(_opened, packed, name)
    return replace(file, name=name.rpartition("/")[2], opened=opened, packed=True)


def _is_file(member: tarfile.TarInfo) -> bool:
    return member.isfile() and is_content(member.name.removeprefix("./"))


def _opened(file: InputFile, name: str) -> pa.NativeFile:
    return as_stream(_pieces(file, name))


def _pieces(file: InputFile, name: str) -> Iterator[bytes]:
    try:
        with content_of(file) as stream, tarfile.open(fileobj=stream, mode="r|") as archive:
            member = next(member for member in archive if member.name == name)
            content = archive.extractfile(member)
            while content is not None and (piece := content.read(_PIECE)):
                yield piece
    except (tarfile.TarError, StopIteration) as fault:
        raise OSError(str(fault)) from fault
