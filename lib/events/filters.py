"""Filters of events: a subset of SQL's WHERE, parsed by sqlglot, compiled to columns.

A condition is either true, false or unknown, as SQL has it: what is compared with a value that an
event lacks is unknown, and so is its NOT; only events of which it is true are left. Nothing is run
that a condition says: its parsed form is walked, and all that is not known here is refused.
"""

from __future__ import annotations

import operator
import re
from dataclasses import dataclass, field, replace
from difflib import get_close_matches
from enum import StrEnum
from functools import reduce
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import sqlglot
from sqlglot import exp
from sqlglot.errors import SqlglotError

from lib.core.columns import (
    CLIENT,
    EVENT_TIME,
    MISSING_TIME,
    OFFSET,
    PARTITION,
    RECEIVED_TIME,
    RECORD_TIME,
    SENT_TIME,
    SEQUENCE,
    SESSION,
)
from lib.core.errors import FilterError, SettingsError
from lib.core.moments import moment_ms

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import pandas as pd
    from numpy.typing import NDArray

    from lib.events.fields import Fields

LONGEST: Final = 1_000
"""Characters of one condition; links stay far below."""

DELAY: Final = "delay_ms"
"""A column that conditions have beside those of the events table: received − event time."""

OTHER_NAMES: Final = {
    "event_time": EVENT_TIME,
    "received_time": RECEIVED_TIME,
    "sent_time": SENT_TIME,
    "record_time": RECORD_TIME,
    "client": CLIENT,
    "session": SESSION,
    "sequence": SEQUENCE,
    "partition": PARTITION,
    "offset": OFFSET,
}
"""What conditions may call the table's columns beside their own names, as links do."""

EXAMPLES: Final = (
    "Errors > 3, client IN ('a', 'b'), note LIKE '%lost%', delay_ms BETWEEN 0 AND 500, "
    "event_time >= '2018-10-28T11:35', x IS NULL, with AND, OR, NOT"
)
POSSIBLE: Final = f"Write it as in SQL's WHERE: {EXAMPLES}; or a text in single quotes."

_STATEMENT: Final = "SELECT * FROM events WHERE\n{}\n"
"""Is parsed, and never run. Without parentheses of its own, which a condition could close."""

_READ: Final = frozenset(
    {"this", "expression", "expressions", "low", "high", "symmetric", "is_string"}
    | {"table", "db", "catalog", "quoted"}
)
"""Parts of a parsed condition that are read here, `negate` of LIKE too; others are refused."""

_NUMBER: Final = re.compile(r"[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]+)?")

_TIMES: Final = frozenset({EVENT_TIME, RECEIVED_TIME, SENT_TIME, RECORD_TIME})

_COMPARISONS: Final[dict[type, Callable[..., Any]]] = {
    exp.EQ: pc.equal,
    exp.NEQ: pc.not_equal,
    exp.GT: pc.greater,
    exp.GTE: pc.greater_equal,
    exp.LT: pc.less,
    exp.LTE: pc.less_equal,
}
_ARITHMETIC: Final[dict[type, Callable[..., Any]]] = {
    exp.Add: pc.add_checked,
    exp.Sub: pc.subtract_checked,
    exp.Mul: pc.multiply_checked,
}


_FALSE: Final = pa.scalar(value=False)

_EVERY: Final = ""
"""What is looked at where a text is looked for anywhere."""


class _Kind(StrEnum):
    """What a value is, as sentences say it."""

    NUMBER = "numbers"
    TIME = "times"
    TEXT = "text"
    TRUTH = "true or false"
    NOTHING = "nothing"


@dataclass(frozen=True)
class _Value:
    """A column or a literal: how it was written, what it is, and its values."""

    said: str
    kind: _Kind
    data: Any
    """An Arrow array, or of a literal a scalar."""

    @property
    def is_literal(self) -> bool:
        return isinstance(self.data, pa.Scalar)


def filtered(events: pd.DataFrame, conditions: Sequence[str], fields: Fields) -> NDArray[np.bool_]:
    """Return which events fulfil every condition.

    Parameters
    ----------
    events
        An events table.
    conditions
        Each as in SQL's WHERE; see docs/filters.md.
    fields
        Which fields of the topic are what: they can be called by their own names, too.

    Raises
    ------
    FilterError
        When one cannot be understood, or does not fit the columns.
    """
    columns = _Columns(events, fields)
    masks = [_mask(condition, columns) for condition in conditions]
    return reduce(operator.and_, masks, np.ones(len(events), bool))


def columns_of(
    events: pd.DataFrame, conditions: Sequence[str], fields: Fields
) -> frozenset[str] | None:
    """Return the columns that conditions look at; None where a text is looked for in all of them.

    Raises as `filtered`, whose arguments these are.
    """
    columns = _Columns(events, fields)
    for condition in conditions:
        _mask(condition, columns)
    return None if _EVERY in columns.looked_at else frozenset(columns.looked_at)


def equal_to(column: str, value: object) -> str:
    """Return the condition that a column has a value."""
    is_number = isinstance(value, (int, float, np.number)) and not isinstance(value, bool)
    literal = str(value) if is_number else exp.Literal.string(str(value)).sql()
    return f"{exp.to_identifier(column, quoted=not column.isidentifier()).sql()} = {literal}"


def filterable_names(events: pd.DataFrame) -> list[str]:
    """Return what conditions can name: the columns of an events table, and the delay."""
    return [*map(str, events.columns), DELAY]


def leaves_gaps(events: pd.DataFrame, kept: NDArray[np.bool_]) -> bool:
    """Return whether a filter leaves some events of a client or session and not the others.

    Then what is left has gaps that are the filter's, and no silence or loss may be told of it.
    """
    return any(cuts(events[column], kept) for column in (CLIENT, SESSION))


def cuts(column: pd.Series[Any], kept: NDArray[np.bool_]) -> bool:
    """Return whether a filter leaves some events of a name and not the others."""
    names = column.cat
    codes, count = names.codes.to_numpy(), len(names.categories)
    left, every = (np.bincount(each + 1, minlength=count + 1) for each in (codes[kept], codes))
    return bool(((left > 0) & (left < every)).any())


@dataclass(frozen=True)
class _Columns:
    """The columns of an events table by the names that conditions give them."""

    events: pd.DataFrame
    fields: Fields
    looked_at: set[str] = field(default_factory=set)

    def named(self, name: str) -> _Value:
        """Return the column of a name."""
        if name.lower() == DELAY and DELAY not in self.events:
            return _Value(name, _Kind.NUMBER, self._delay())
        column = self._found(name)
        if column is None:
            raise self._unknown(name)
        self.looked_at.add(column)
        data = _arrow(self.events[column])
        if column in _TIMES:
            data = _known_times(data)
        return _Value(name, _Kind.TIME if column in _TIMES else _kind_of(data), data)

    def texts(self) -> list[pa.Array]:
        """Return the columns that hold text."""
        self.looked_at.add(_EVERY)
        arrays = (_arrow(self.events[name]) for name in self.events if name not in _TIMES)
        return [array for array in arrays if _kind_of(array) is _Kind.TEXT]

    def _found(self, name: str) -> str | None:
        if name in self.events:
            return name
        roles = {CLIENT: self.fields.client, SESSION: self.fields.session}
        roles[SEQUENCE] = self.fields.sequence
        for column, source in roles.items():
            if source == name and column in self.events:
                return column
        other = OTHER_NAMES.get(name.lower())
        if other in self.events:
            return other
        wanted = name.lower()
        for fits in (wanted.__eq__, lambda column: column.endswith(f".{wanted}")):
            alike = [str(each) for each in self.events if fits(str(each).lower())]
            if alike:
                return alike[0] if len(alike) == 1 else None
        return None

    def _unknown(self, name: str) -> FilterError:
        for role in ("event_time", "sent_time", "received_time"):
            if name in getattr(self.fields, role).sources:
                return FilterError(
                    f"The field “{name}” is read as a time here.",
                    f"Write {role}, with epoch ms or a text such as '2018-10-28T11:35'.",
                )
        names = filterable_names(self.events)
        endings = {each.lower().rpartition(".")[2]: each for each in names}
        close = get_close_matches(name.lower(), endings, 1)
        close = [endings[each] for each in close] or names[:20]
        return FilterError(
            f"There is no field “{name}”.",
            f"There is {', '.join(close)}; a text is written in single quotes: '{name}'.",
        )

    def _delay(self) -> pa.Array:
        event, received = (
            _known_times(_arrow(self.events[name])) for name in (EVENT_TIME, RECEIVED_TIME)
        )
        return pc.subtract(received, event)


def _mask(text: str, columns: _Columns) -> NDArray[np.bool_]:
    try:
        found = _condition(_parsed(text), columns)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError, pa.ArrowTypeError) as fault:
        raise FilterError(f"“{text}” cannot be computed.", POSSIBLE, str(fault)) from fault
    except RecursionError:
        raise FilterError("A condition is nested too deeply.", POSSIBLE) from None
    if isinstance(found, pa.Scalar):
        return np.full(len(columns.events), bool(found.as_py()))
    if isinstance(found, pa.ChunkedArray):
        found = found.combine_chunks()
    mask: NDArray[np.bool_] = pc.fill_null(found, _FALSE).to_numpy(zero_copy_only=False)
    return mask


def _parsed(text: str) -> exp.Expr:
    """Return what stands behind WHERE; all else that a statement may have is refused."""
    if len(text) > LONGEST:
        raise FilterError(f"A condition has more than {LONGEST:,} characters.", "Write several.")
    try:
        statement = sqlglot.parse_one(_STATEMENT.format(text))
    except SqlglotError:
        raise FilterError(f"“{text}” is no condition.", POSSIBLE) from None
    args = statement.args if isinstance(statement, exp.Select) else {}
    others = {name for name, value in args.items() if value} - {"expressions", "from_", "where"}
    source, where = args.get("from_"), args.get("where")
    if others or where is None or source is None or source.sql() != "FROM events":
        raise FilterError(f"“{text}” is more than a condition.", POSSIBLE)
    condition: exp.Expr = where.this
    for node in condition.walk():
        read = _READ | {"negate"} if isinstance(node, (exp.Like, exp.ILike)) else _READ
        if any(value for name, value in node.args.items() if name not in read):
            raise FilterError(f"“{node.sql()}” is not known here.", POSSIBLE)
    return condition


def _condition(node: exp.Expr, columns: _Columns) -> Any:  # noqa: ANN401 (Arrow is untyped)
    """Return where a condition is true, false or, as null, unknown."""
    match node:
        case exp.Paren():
            return _condition(node.this, columns)
        case exp.And() | exp.Or():
            join = pc.and_kleene if isinstance(node, exp.And) else pc.or_kleene
            return join(_condition(node.this, columns), _condition(node.expression, columns))
        case exp.Not():
            return pc.invert(_condition(node.this, columns))
        case exp.Like() | exp.ILike() | exp.Escape():
            return _like(node, columns)
        case exp.Is():
            return _is(node, columns)
        case exp.Literal() if node.is_string:
            return _anywhere(node.this, columns)
    return _comparison(node, columns)


def _comparison(node: exp.Expr, columns: _Columns) -> Any:  # noqa: ANN401
    value = _value(node.this if isinstance(node, exp.Predicate) else node, columns)
    if type(node) in _COMPARISONS:
        return _compared(type(node), value, _value(node.expression, columns))
    if isinstance(node, exp.Between) and not node.args.get("symmetric"):
        low, high = (_value(node.args[end], columns) for end in ("low", "high"))
        return pc.and_kleene(_compared(exp.GTE, value, low), _compared(exp.LTE, value, high))
    if isinstance(node, exp.In) and node.expressions:
        listed = (_value(each, columns) for each in node.expressions)
        return reduce(pc.or_kleene, (_compared(exp.EQ, value, each) for each in listed))
    if isinstance(node, exp.Predicate):
        raise FilterError(f"“{node.sql()}” is not known here.", POSSIBLE)
    if value.kind is not _Kind.TRUTH:
        raise FilterError(f"“{value.said}” alone is no condition.", POSSIBLE)
    return value.data


def _value(node: exp.Expr, columns: _Columns) -> _Value:
    said = node.sql()
    match node:
        case exp.Paren():
            return _value(node.this, columns)
        case exp.Column():
            return columns.named(".".join(part.name for part in node.parts))
        case exp.Literal() if node.is_string:
            return _Value(said, _Kind.TEXT, pa.scalar(node.this))
        case exp.Literal():
            return _Value(node.this, _Kind.NUMBER, _number(node.this))
        case exp.Boolean():
            return _Value(said, _Kind.TRUTH, pa.scalar(bool(node.this)))
        case exp.Null():
            raise FilterError("Nothing is equal to NULL.", "Write IS NULL or IS NOT NULL.")
        case exp.Neg():
            return _computed(said, pc.negate_checked, [_value(node.this, columns)])
    if type(node) in _ARITHMETIC:
        sides = [_value(side, columns) for side in (node.this, node.expression)]
        return _computed(said, _ARITHMETIC[type(node)], sides)
    raise FilterError(f"“{said}” is not known here.", POSSIBLE)


def _computed(said: str, compute: Callable[..., Any], values: Sequence[_Value]) -> _Value:
    for value in values:
        if value.kind not in (_Kind.NUMBER, _Kind.TIME):
            raise FilterError(f"“{value.said}” is no number to compute with.", POSSIBLE)
    return _Value(said, _Kind.NUMBER, compute(*(_wide(value.data) for value in values)))


def _wide(data: Any) -> Any:  # noqa: ANN401
    """Return numbers in a type that has room for what is computed."""
    if pa.types.is_dictionary(data.type):
        data = data.cast(data.type.value_type)
    return data.cast(pa.int64() if pa.types.is_integer(data.type) else pa.float64())


def _compared(comparison: type, left: _Value, right: _Value) -> Any:  # noqa: ANN401
    if _Kind.NOTHING in (left.kind, right.kind):
        there = left if right.is_literal else right
        return pa.nulls(len(there.data), pa.bool_())
    left, right = _fitting(left, right, comparison), _fitting(right, left, comparison)
    left, right = _comparable(left, right), _comparable(right, left)
    compare = _COMPARISONS[comparison]
    if right.is_literal:
        return _each(left.data, lambda values: compare(values, right.data))
    if left.is_literal:
        return _each(right.data, lambda values: compare(left.data, values))
    return compare(*(_plain(side.data) for side in (left, right)))


def _comparable(value: _Value, other: _Value) -> _Value:
    """Return whole numbers as doubles beside fractions: of its own Arrow refuses beyond 2^53."""
    kind, beside = (_plain_type(each.data) for each in (value, other))
    if not (pa.types.is_integer(kind) and pa.types.is_floating(beside)):
        return value
    numbers = value.data if value.is_literal else _plain(value.data)
    return replace(value, data=pc.cast(numbers, pa.float64(), safe=False))


def _plain_type(data: Any) -> pa.DataType:  # noqa: ANN401
    return data.type.value_type if pa.types.is_dictionary(data.type) else data.type


def _fitting(value: _Value, other: _Value, comparison: type) -> _Value:
    """Return a value as what it is compared with; a literal may be written in another kind."""
    if value.kind == other.kind or {value.kind, other.kind} == {_Kind.NUMBER, _Kind.TIME}:
        return value
    if not value.is_literal:
        if other.is_literal:
            return value  # the literal is turned into what the column holds
        raise FilterError(
            f"“{value.said}” holds {value.kind}, “{other.said}” {other.kind}.",
            "Compare what is of one kind.",
        )
    if other.kind is _Kind.TIME and value.kind is _Kind.TEXT:
        return _Value(value.said, _Kind.TIME, _moment(value.data.as_py()))
    if other.kind is _Kind.NUMBER and value.kind is _Kind.TEXT:
        return _Value(value.said, _Kind.NUMBER, _number(value.data.as_py(), other))
    if other.kind is _Kind.TEXT and value.kind is _Kind.NUMBER and comparison in (exp.EQ, exp.NEQ):
        _number(value.said)  # which a sum of numbers is not
        return _Value(value.said, _Kind.TEXT, pa.scalar(value.said))
    raise FilterError(
        f"“{other.said}” holds {other.kind}, with which {value.said} cannot be compared so.",
        f"Write {_written(other.kind)}.",
    )


def _written(kind: _Kind) -> str:
    return {
        _Kind.TEXT: "a text in single quotes",
        _Kind.TRUTH: "true or false, without quotes",
        _Kind.TIME: "epoch ms, or a text such as '2018-10-28T11:35'",
    }.get(kind, "a number")


def _number(text: str, column: _Value | None = None) -> pa.Scalar:
    if not _NUMBER.fullmatch(text):
        of = "" if column is None else f", which “{column.said}” holds"
        raise FilterError(f"“{text}” is no number{of}.", "Write a number.")
    if text.lstrip("+-").isdigit() and abs(int(text)) < 1 << 63:
        return pa.scalar(int(text), pa.int64())
    number = float(text)
    if number.is_integer() and abs(number) < 1 << 63:  # 1.7e18: exact beside whole numbers
        return pa.scalar(int(number), pa.int64())
    return pa.scalar(number, pa.float64())


def _moment(text: str) -> pa.Scalar:
    try:
        return pa.scalar(moment_ms(text), pa.int64())
    except SettingsError as fault:
        raise FilterError(fault.what, fault.remedy) from None


def _like(node: exp.Expr, columns: _Columns) -> Any:  # noqa: ANN401
    escape = ""
    if isinstance(node, exp.Escape):
        node, escape = node.this, node.expression.name
        if len(escape) != 1 or not isinstance(node, (exp.Like, exp.ILike)):
            raise FilterError("ESCAPE goes with LIKE and one character.", POSSIBLE)
    value, pattern = _value(node.this, columns), node.expression
    if not (isinstance(pattern, exp.Literal) and pattern.is_string):
        raise FilterError("LIKE takes a text.", "Write it as note LIKE '%lost%'.")
    if value.kind is _Kind.NOTHING:
        return pa.nulls(len(value.data), pa.bool_())
    if value.kind is not _Kind.TEXT:
        raise FilterError(
            f"“{value.said}” holds {value.kind}, and LIKE is for text.",
            "Compare it with =, < or >.",
        )
    ignores_case = isinstance(node, exp.ILike)
    if escape or "\\" in pattern.this:  # to `match_like` a backslash is the escape
        match, wanted = pc.match_substring_regex, _regex(pattern.this, escape)
    else:
        match, wanted = pc.match_like, pattern.this
    found = _each(value.data, lambda texts: match(texts, wanted, ignore_case=ignores_case))
    return pc.invert(found) if node.args.get("negate") else found


def _regex(pattern: str, escape: str) -> str:
    """Return a pattern of LIKE as a regular expression of RE2."""
    found, characters = [], iter(pattern)
    for character in characters:
        if character == escape:
            literal = next(characters, "")
            if literal not in {"%", "_", escape}:
                raise FilterError(f"“{escape}{literal}” escapes nothing.", f"Write {escape}%.")
            found.append(re.escape(literal))
        else:
            found.append({"%": ".*", "_": "."}.get(character) or re.escape(character))
    return rf"(?s)\A{''.join(found)}\z"


def _is(node: exp.Is, columns: _Columns) -> Any:  # noqa: ANN401
    value, what = _value(node.this, columns), node.expression
    if isinstance(what, exp.Null):
        return pc.is_null(_plain(value.data), nan_is_null=True)
    if isinstance(what, exp.Boolean) and value.kind is _Kind.TRUTH:
        return pc.fill_null(pc.equal(_plain(value.data), bool(what.this)), _FALSE)
    raise FilterError("IS goes with NULL, or of truths with TRUE and FALSE.", POSSIBLE)


def _anywhere(text: str, columns: _Columns) -> Any:  # noqa: ANN401
    """Return which events have a text in any of their texts, in whatever case."""

    def has(texts: pa.Array) -> pa.Array:
        return pc.match_substring(texts, text, ignore_case=True)

    found = (pc.fill_null(_each(array, has), _FALSE) for array in columns.texts())
    return reduce(pc.or_, found, _FALSE)


def _each(data: Any, ask: Callable[[Any], Any]) -> Any:  # noqa: ANN401
    """Return what is asked of each value, of values that repeat once."""
    if isinstance(data, pa.DictionaryArray):
        return ask(data.dictionary).take(data.indices)
    return ask(data)


def _plain(data: Any) -> Any:  # noqa: ANN401
    return data.dictionary_decode() if isinstance(data, pa.DictionaryArray) else data


def _arrow(column: pd.Series) -> pa.Array:
    array = pa.Array.from_pandas(column)
    return array.combine_chunks() if isinstance(array, pa.ChunkedArray) else array


def _known_times(times: pa.Array) -> pa.Array:
    return pc.if_else(pc.equal(times, MISSING_TIME), pa.scalar(None, pa.int64()), times)


def _kind_of(array: pa.Array) -> _Kind:
    kind = _plain_type(array)
    if pa.types.is_boolean(kind):
        return _Kind.TRUTH
    if pa.types.is_null(kind):
        return _Kind.NOTHING
    return (
        _Kind.TEXT if pa.types.is_string(kind) or pa.types.is_large_string(kind) else _Kind.NUMBER
    )
