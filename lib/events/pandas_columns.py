"""Arrow columns as the smallest pandas arrays that keep their values."""

from __future__ import annotations

from hashlib import blake2b
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from pandas.api.types import is_string_dtype, union_categoricals

from lib.decoding.merge import LARGEST_EXACT, concat

if TYPE_CHECKING:
    from pandas.api.extensions import ExtensionArray

    Column = ExtensionArray | np.ndarray[tuple[int], Any]

LONGEST_NAME: Final = 256
"""Characters that a client's or a session's name has at most."""

_INTEGER_TYPES: Final = (pa.int8(), pa.int16(), pa.int32(), pa.int64())


def compact(column: pa.ChunkedArray) -> Column:
    """Return a decoded column in the smallest pandas type.

    Whole numbers in the smallest integer type, nullable where there are nulls; text that repeats
    (on average twice or more) as category, other text as str;
    fractions as float64, null as NaN.
    """
    if pa.types.is_dictionary(column.type) or pa.types.is_string(column.type):
        found = category(column)
        if 2 * len(found.categories) <= len(found):
            return found
        column = column.cast(pa.string())
    if pa.types.is_integer(column.type):
        bounds = pc.min_max(column).as_py()
        low, high = bounds["min"] or 0, bounds["max"] or 0
        small = next(kind for kind in _INTEGER_TYPES if _holds(kind, low) and _holds(kind, high))
        column = column.cast(small)
        return _nullable(column) if column.null_count else column.to_numpy()
    if pa.types.is_boolean(column.type) and column.null_count:
        column = column.to_pandas(types_mapper={pa.bool_(): pd.BooleanDtype()}.get)
    else:
        column = column.to_pandas()
    values: Column = column.array
    return values


def category(column: pa.ChunkedArray) -> pd.Categorical[Any]:
    """Return `column` as a category whose categories are sorted and keep their type.

    Numbers that were written with a fraction are whole numbers where all of them are; NaN is null.
    """
    if pa.types.is_floating(column.type):
        column = _whole_if_all_are(column)
    if not pa.types.is_dictionary(column.type):
        column = column.dictionary_encode()
    encoded = column.combine_chunks()  # gives the chunks one dictionary
    words = pd.Index(encoded.dictionary.to_pandas())
    codes = encoded.indices.fill_null(-1).to_numpy()
    used = np.zeros(len(words) + 1, bool)
    used[codes] = True
    by_word = words.argsort()
    order = by_word[used[by_word]]
    renumbered = np.full(len(words) + 1, -1, np.int32)
    renumbered[order] = np.arange(len(order), dtype=np.int32)
    return pd.Categorical.from_codes(renumbered[codes], categories=words[order])


def names(column: pa.ChunkedArray) -> pd.Categorical[Any]:
    """Return `category` of a column that names clients or sessions, each in at most `LONGEST_NAME`.

    Of a longer name the beginning is kept, with a digest of all of it: so names stay apart, and
    each page can show them.
    """
    found = category(column)
    words = found.categories
    if not is_string_dtype(words) or words.empty or words.str.len().max() <= LONGEST_NAME:
        return found
    shorter = pd.Index([_shortened(name) for name in found.categories])
    order = shorter.argsort()
    place = np.empty(len(order) + 1, np.int32)
    place[order], place[-1] = np.arange(len(order), dtype=np.int32), -1
    return pd.Categorical.from_codes(place[found.codes], categories=shorter[order])


def _shortened(name: str) -> str:
    if len(name) <= LONGEST_NAME:
        return name
    digest = blake2b(name.encode(), digest_size=8).hexdigest()
    return f"{name[: LONGEST_NAME - len(digest) - 1]}…{digest}"


def _whole_if_all_are(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """Return numbers as int64 if each is whole, null for NaN, and 0 for -0."""
    numbers = column.to_numpy() + 0.0  # -0 + 0 is 0
    missing = np.isnan(numbers)
    there = numbers[~missing]
    whole = (np.abs(there) <= LARGEST_EXACT).all() and (there == np.trunc(there)).all()
    values = np.where(missing, 0, numbers).astype(np.int64) if whole else numbers
    return pa.chunked_array([pa.array(values, mask=missing)])


def integers(column: pa.ChunkedArray) -> pd.arrays.IntegerArray | None:
    """Return `column` as Int64, null for NaN; None where its values are no integers."""
    if pa.types.is_dictionary(column.type):
        column = column.cast(pa.string())
    if pa.types.is_boolean(column.type):
        return None
    if pa.types.is_floating(column.type):
        column = _whole_if_all_are(column)
    try:
        return _nullable(column.cast(pa.int64()))
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
        return None


def append(upper: pd.Series, lower: pd.Series) -> Column | None:
    """Return two columns below one another as `compact` would return them, without reading all.

    None where that takes a look at the values: where the two are of different kinds, or text.
    """
    one, other = upper.dtype, lower.dtype
    if isinstance(one, pd.CategoricalDtype) and isinstance(other, pd.CategoricalDtype):
        if one.categories.dtype != other.categories.dtype or one.categories.empty:
            return None
        codes = one.categories.get_indexer(other.categories)
        if (codes < 0).any():
            return union_categoricals([upper, lower], sort_categories=True)
        # As nearly always of few new rows: no code of the many changes.
        above, below = (part.cat.codes.to_numpy() for part in (upper, lower))
        both = np.concatenate((above, np.append(codes, -1)[below].astype(above.dtype)))
        return pd.Categorical.from_codes(both, dtype=one, validate=False)
    plain, other_plain = isinstance(one, np.dtype), isinstance(other, np.dtype)
    if one.kind != other.kind or one.kind not in "bif" or plain != other_plain:
        return None
    if plain:
        return np.concatenate([upper.to_numpy(), lower.to_numpy()])
    values: Column = pd.concat([upper, lower], ignore_index=True).array
    return values


def join(upper: pd.Series, lower: pd.Series) -> pa.ChunkedArray:
    """Return two columns below one another, as `lib.decoding.merge.concat` would have made them."""
    tables = [pa.table({"": _decoded(part)}) for part in (upper, lower)]
    return concat(tables)[""]


def _decoded(column: pd.Series) -> pa.Array:
    """Return a pandas column in the types of decoded ones."""
    array = pa.Array.from_pandas(column)
    if isinstance(array, pa.ChunkedArray):
        array = array.combine_chunks()
    kind = array.type
    if pa.types.is_dictionary(kind) and not _is_text(kind.value_type):
        array, kind = array.dictionary_decode(), kind.value_type
    if pa.types.is_dictionary(kind):
        words = array.dictionary.cast(pa.string())
        return pa.DictionaryArray.from_arrays(array.indices.cast(pa.int32()), words)
    if pa.types.is_integer(kind):
        return array.cast(pa.int64())
    return array.cast(pa.string()) if _is_text(kind) else array


def _is_text(kind: pa.DataType) -> bool:
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind))


def _nullable(column: pa.ChunkedArray) -> pd.arrays.IntegerArray:
    missing = column.is_null().to_numpy().astype(bool)
    return pd.arrays.IntegerArray(column.fill_null(0).to_numpy().copy(), missing)


def _holds(kind: pa.DataType, value: int) -> bool:
    limit: int = 1 << (kind.bit_width - 1)
    return -limit <= value < limit
