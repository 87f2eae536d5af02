"""`.proto` files, as a schema registry keeps them, to descriptors: by `protoc`, once each."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from dataclasses import dataclass
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Final

from google.protobuf.descriptor_pb2 import FileDescriptorSet
from google.protobuf.descriptor_pool import DescriptorPool

from lib.core.errors import SchemaError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from google.protobuf.descriptor import Descriptor
    from google.protobuf.descriptor_pb2 import DescriptorProto, FileDescriptorProto

    from lib.core.schemas import Schema

_MAIN: Final = "skewline-main.proto"
_SECONDS: Final = 30

_CONFLUENT: Final = {
    "confluent/meta.proto": """
syntax = "proto3";
package confluent;
import "google/protobuf/descriptor.proto";
message Meta {
  string doc = 1;
  map<string, string> params = 2;
  repeated string tags = 3;
  repeated Rule rules = 4;
}
message Rule { string name = 1; string doc = 2; string expr = 3; string sql = 4; }
extend google.protobuf.FileOptions { Meta file_meta = 1088; }
extend google.protobuf.MessageOptions { Meta message_meta = 1088; }
extend google.protobuf.FieldOptions { Meta field_meta = 1088; }
extend google.protobuf.EnumOptions { Meta enum_meta = 1088; }
extend google.protobuf.EnumValueOptions { Meta enum_value_meta = 1088; }
""",
    "confluent/type/decimal.proto": """
syntax = "proto3";
package confluent.type;
message Decimal { bytes value = 1; uint32 precision = 2; int32 scale = 3; }
""",
}
"""Files that Confluent's registry knows and does not list as references."""


@dataclass(frozen=True)
class CompiledFile:
    """A `.proto` file, compiled with all that it imports."""

    pool: DescriptorPool
    file: FileDescriptorProto

    def messages(self) -> Iterator[str]:
        """Yield the full names of the messages in the file, each before those inside it."""
        yield from _names(self.file.package, self.file.message_type)

    def message_at(self, indexes: tuple[int, ...]) -> str | None:
        """Return the full name of a message: the place of each message in the one around it."""
        name, inside = str(self.file.package), self.file.message_type
        for index in indexes:
            if not 0 <= index < len(inside):
                return None
            name = f"{name}.{inside[index].name}" if name else inside[index].name
            inside = inside[index].nested_type
        return name

    def descriptor(self, name: str) -> Descriptor:
        """Return the descriptor of a message."""
        return self.pool.FindMessageTypeByName(name)


def _names(around: str, messages: list[DescriptorProto]) -> Iterator[str]:
    for message in messages:
        name = f"{around}.{message.name}" if around else message.name
        yield name
        yield from _names(name, message.nested_type)


@lru_cache(maxsize=256)
def compiled_file(schema: Schema) -> CompiledFile:
    """Return a Protobuf schema, compiled.

    Raises
    ------
    SchemaError
        When it cannot be compiled; says what `protoc` says.
    """
    found = FileDescriptorSet.FromString(_compile(schema))
    pool = DescriptorPool()
    try:
        for file in found.file:
            pool.Add(file)
        return CompiledFile(pool, next(f for f in found.file if f.name == _MAIN))
    except (TypeError, StopIteration) as error:
        raise _error(str(error)) from error


def _compile(schema: Schema) -> bytes:
    with tempfile.TemporaryDirectory(prefix="skewline-proto-") as name:
        directory = Path(name)
        for path, text in {**_CONFLUENT, **_imports(schema), _MAIN: schema.text}.items():
            where = directory / path
            where.parent.mkdir(parents=True, exist_ok=True)
            where.write_text(text)
        output = directory / "descriptors"
        # In a process of its own: what it cannot compile cannot harm this one.
        command = [sys.executable, "-m", "grpc_tools.protoc", "--include_imports", "-I."]
        command += [f"-I{path}" for path in _google_types()]
        try:
            done = subprocess.run(  # noqa: S603 (the names of files are ours)
                [*command, "--descriptor_set_out=descriptors", _MAIN],
                capture_output=True,
                text=True,
                check=False,
                timeout=_SECONDS,
                cwd=name,
            )
        except subprocess.TimeoutExpired as error:
            raise _error(f"protoc took more than {_SECONDS} s") from error
        if done.returncode or not output.exists():
            raise _error(_first_error(done.stderr))
        return output.read_bytes()


def _imports(schema: Schema) -> dict[str, str]:
    """Return the files that a schema refers to, by the paths under which they are imported."""
    files: dict[str, str] = {}
    for path, needed in schema.references:
        where = PurePosixPath(path)
        if where.is_absolute() or ".." in where.parts:
            raise _error(f"it imports {path!r}")
        files |= {**_imports(needed), path: needed.text}
    return files


def _google_types() -> list[Path]:
    """Return the folder with `google/type/*.proto`, if it is installed."""
    found = find_spec("google.type")
    return [Path(p).parents[1] for p in found.submodule_search_locations or []] if found else []


def _first_error(said: str) -> str:
    """Return the first line about a file; others warn, or are of `protoc` itself."""
    lines = [line for line in said.splitlines() if " warning: " not in line] or ["it says nothing"]
    first = next((line for line in lines if ".proto:" in line.partition(" ")[0]), lines[0])
    return first.replace(f"{_MAIN}:", "line ", 1).removesuffix(".")


def _error(what: str) -> SchemaError:
    return SchemaError(
        f"The Protobuf schema cannot be used: {what}.", "Check the schema in the registry."
    )
