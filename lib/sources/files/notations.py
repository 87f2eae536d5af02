"""Objects in notations other than JSON, or in roundabout JSON, as plain JSON.

Python's, logfmt, attributes of DynamoDB and OpenTelemetry, fields of Elasticsearch.
"""

from __future__ import annotations

import ast
import json
import re
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import unquote_plus

import pyarrow as pa

from lib.core.binary_values import text_of_bytes

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    Notation = Callable[[bytes], bytes | None]
    """Returns a text as JSON; None if it is not in the notation."""

LONGEST: Final = 1 << 20
"""Python's reader takes many times the size of a text in memory."""

_BEGINS_IN_PYTHON: Final = re.compile(rb"\s*[\[(]?\s*\{\s*[bu]?'")
_NAME: Final = r"[A-Za-z_@$][\w.@$/-]*"
_QUOTED: Final = r'"(?:[^"\\]|\\.)*"'
_MARKED: Final = re.compile(rf'({_NAME})=({_QUOTED}|[^\s"{{\[=,;|&]*)')
_SPACED: Final = re.compile(rf'({_NAME})=({_QUOTED}|[^\s"{{\[=]*)')
_PAIRS: Final = tuple(
    (pair, re.compile(rf"{pair.pattern}(?:{parted}{pair.pattern})+"))
    for pair, parted in ((_MARKED, r"\s*[,;|&]\s*"), (_SPACED, r"\s+"))
)
"""A pair, and several of them, with a mark between them or spaces only."""

_KINDS: Final = frozenset(("S", "N", "B", "BOOL", "NULL", "M", "L", "SS", "NS", "BS"))
_AN_ATTRIBUTE: Final = re.compile(rb'\{\s*"(?:S|N|B|BOOL|NULL|M|L|SS|NS|BS)"\s*:')


def converted(blocks: Iterable[pa.BinaryArray], notation: Notation) -> Iterator[pa.BinaryArray]:
    """Yield texts as JSON; what is not in the notation as it stands."""
    for block in blocks:
        yield pa.array([notation(text) or text for text in block.to_pylist()], pa.binary())


# Python


def of_python(text: bytes) -> bytes | None:
    r"""Return what Python prints of a dictionary, or of a list of them, as JSON.

    Bytes become text as `text_of_bytes` has it, a `datetime` ISO 8601, and what is made of one
    value, such as `Decimal('1.5')`, that value.

    Examples
    --------
    >>> of_python(b"{'ok': True, 'at': datetime.datetime(2024, 1, 2, 3, 4), 'x': None}")
    b'{"ok": true, "at": "2024-01-02T03:04:00", "x": null}'
    """
    if not _BEGINS_IN_PYTHON.match(text) or len(text) > LONGEST:
        return None
    try:
        tree = ast.parse(text.decode().strip(), mode="eval")
        return json.dumps(_value(tree.body)).encode()
    except (ValueError, SyntaxError, TypeError, RecursionError, MemoryError, OverflowError):
        return None


def _value(node: ast.expr) -> Any:  # noqa: ANN401 (what JSON can hold)
    match node:
        case ast.Constant(value=bytes(content)):
            return text_of_bytes(content)
        case ast.Constant(value=found):
            return found
        case ast.Dict(keys=keys, values=values):
            return {_key(k): _value(v) for k, v in zip(keys, values, strict=True)}
        case ast.List(elts=each) | ast.Tuple(elts=each) | ast.Set(elts=each):
            return [_value(one) for one in each]
        case ast.UnaryOp(op=ast.USub(), operand=ast.Constant(value=int() | float() as number)):
            return -number
        case ast.Name(id="nan" | "inf"):
            return None
        case ast.Call():
            return _made(node)
    raise ValueError("no value")


def _key(node: ast.expr | None) -> str:
    if node is None:
        raise ValueError("no key")
    key = _value(node)
    return key if isinstance(key, str) else json.dumps(key)


def _made(call: ast.Call) -> Any:  # noqa: ANN401
    """Return a time as ISO 8601, and what another call is given."""
    name = ast.unparse(call.func)
    if name.rpartition(".")[2] == "datetime":
        zones = {key.arg: ast.unparse(key.value) for key in call.keywords}
        zone = zones.pop("tzinfo", None)
        if zones or zone not in (None, "datetime.timezone.utc", "datetime.UTC", "tzutc()", "UTC"):
            raise ValueError("a zone that is not known")
        moment = datetime(*map(_value, call.args), tzinfo=UTC).isoformat()  # type: ignore[misc]
        return moment if zone else moment.removesuffix("+00:00")
    if len(call.args) != 1 or call.keywords or isinstance(call.func, ast.Call):
        raise ValueError("no value")
    return _value(call.args[0])


# Pairs


def of_pairs(text: bytes) -> bytes | None:
    r"""Return pairs of names and values (logfmt, or the query of an address) as a JSON object.

    Between the pairs are spaces, or a mark; nothing else may be in the text.

    Examples
    --------
    >>> of_pairs(b'ts=1704164650000 client=dev-a msg="two words"')
    b'{"ts": 1704164650000, "client": "dev-a", "msg": "two words"}'
    """
    if b"=" not in text or len(text) > LONGEST:
        return None
    try:
        line = text.decode().strip()
    except UnicodeDecodeError:
        return None
    for pair, pairs in _PAIRS:
        if pairs.fullmatch(line):
            in_address = "&" in line and " " not in line
            found = {name: _plain(value, in_address) for name, value in pair.findall(line)}
            return json.dumps(found).encode()
    return None


def _plain(written: str, in_address: bool) -> object:
    """Return what is written behind a name: a number, a truth value, null for nothing, or text."""
    if in_address:
        written = unquote_plus(written)
    if not written or written == "null":
        return None
    try:
        value = json.loads(written)
    except (ValueError, RecursionError):
        return written[1:-1] if written[:1] == '"' else written
    return value if isinstance(value, int | str) or _is_decimal(written) else written


def _is_decimal(written: str) -> bool:
    return re.fullmatch(r"-?\d+\.\d+", written) is not None


# DynamoDB


def of_attributes(text: bytes) -> bytes | None:
    """Return an object that has the types of DynamoDB's attributes, without them.

    Examples
    --------
    >>> of_attributes(b'{"Item": {"ts": {"N": "1704164650000"}, "client": {"S": "dev-a"}}}')
    b'{"ts": 1704164650000, "client": "dev-a"}'
    """
    if not _AN_ATTRIBUTE.search(text):
        return None
    return _plainer(text, without_types)


def without_types(node: Any) -> Any:  # noqa: ANN401 (what JSON can hold)
    """Return a JSON value in which attributes of DynamoDB stand for themselves."""
    if not isinstance(node, dict) or not node:
        return node
    if all(map(_is_attribute, node.values())):
        return {name: _of_attribute(inner) for name, inner in node.items()}
    plain = {name: without_types(inner) for name, inner in node.items()}
    return plain["Item"] if [*plain] == ["Item"] and plain != node else plain


def _is_attribute(node: object) -> bool:
    return isinstance(node, dict) and len(node) == 1 and node.keys() <= _KINDS


def _of_attribute(node: dict[str, Any]) -> Any:  # noqa: ANN401
    ((kind, value),) = node.items()
    match kind:
        case "N":
            return json.loads(value)
        case "NULL":
            return None
        case "M":
            return {name: _of_attribute(inner) for name, inner in value.items()}
        case "L":
            return [_of_attribute(inner) for inner in value]
        case "NS":
            return [json.loads(each) for each in value]
    return value


# OpenTelemetry and Elasticsearch


_KEYS_AND_VALUES: Final = re.compile(rb'"attributes"\s*:\s*\[\s*\{\s*"(?:key|value)"\s*:')
_OF_A_HIT: Final = re.compile(rb'"fields"\s*:\s*\{')


def of_telemetry(text: bytes) -> bytes | None:
    """Return an object whose attributes are OpenTelemetry's keys and values with these as members.

    Examples
    --------
    >>> of_telemetry(b'{"attributes": [{"key": "host.name", "value": {"stringValue": "a"}}]}')
    b'{"attributes": {"host.name": "a"}}'
    """
    return _plainer(text, _with_members) if _KEYS_AND_VALUES.search(text) else None


def _with_members(node: Any) -> Any:  # noqa: ANN401 (what JSON can hold)
    if isinstance(node, list):
        return [_with_members(each) for each in node]
    if not isinstance(node, dict):
        return node
    return {
        name: {each["key"]: _of_any_value(each.get("value")) for each in inner}
        if name == "attributes" and _are_pairs(inner)
        else _with_members(inner)
        for name, inner in node.items()
    }


def _are_pairs(node: object) -> bool:
    return isinstance(node, list) and all(
        isinstance(each, dict) and "key" in each and each.keys() <= {"key", "value"}
        for each in node
    )


def _of_any_value(node: Any) -> Any:  # noqa: ANN401
    """Return a value without its type: whole numbers are written as text."""
    if not isinstance(node, dict) or len(node) != 1:
        return node
    ((kind, value),) = node.items()
    return int(value) if kind == "intValue" else value


def of_search_hit(text: bytes) -> bytes | None:
    """Return a hit of Elasticsearch with its fields as they are, not in arrays of one value each.

    Examples
    --------
    >>> of_search_hit(b'{"_index": "i", "fields": {"@timestamp": ["2024-01-02T03:04:10Z"]}}')
    b'{"_index": "i", "fields": {"@timestamp": "2024-01-02T03:04:10Z"}}'
    """
    return _plainer(text, _with_single_fields) if _OF_A_HIT.search(text) else None


def _with_single_fields(node: Any) -> Any:  # noqa: ANN401
    fields = node.get("fields")
    if "_index" not in node or not all(isinstance(each, list) for each in fields.values()):
        return node
    single = {name: each[0] if len(each) == 1 else each for name, each in fields.items()}
    return node | {"fields": single}


def _plainer(text: bytes, rewrite: Callable[[Any], Any]) -> bytes | None:
    """Return JSON rewritten; None where it is as before, or none."""
    try:
        found = json.loads(text)
        plain = rewrite(found)
        return None if plain == found else json.dumps(plain).encode()
    except (ValueError, RecursionError, TypeError, AttributeError):
        return None
