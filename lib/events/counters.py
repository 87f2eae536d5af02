"""Which field counts the events of a client or session."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from lib.core.columns import MISSING_TIME, PARTITION, SEQUENCE
from lib.events.field_names import SEQUENCE_NAMES, best_named, is_named, tells_of_amount
from lib.events.pandas_columns import integers
from lib.events.sample import value_fields, values_of
from lib.events.time_columns import record_times

if TYPE_CHECKING:
    from collections.abc import Collection

    from numpy.typing import NDArray

_FEWEST_STEPS: Final = 10
_MOST: Final = 0.8
"""The share of the steps in which a number that is not called a counter goes up by one."""

_LONGER: Final = 0.75
"""How long a missing number takes at least, as a share of what one that is there takes."""

_REPEATED: Final = 0.01
"""The share of the steps in which a number may stay as it is although time goes on."""


def sequence_of(
    sample: pa.Table,
    of: str | None,
    taken: Collection[str | None],
    event_times: NDArray[np.int64] | None,
) -> str | None:
    """Return the field that counts events: by name, or because it behaves so.

    Parameters
    ----------
    sample
        Decoded records.
    of
        The field of the session or client whose events may be counted; None: the partition.
    taken
        Fields with another role.
    event_times
        Epoch ms, a record each; None where no field holds them.
    """
    able = [n for n in value_fields(sample) if n not in taken]
    names = [n for n in able if pa.types.is_integer(sample[n].type)]
    if SEQUENCE in sample.column_names and SEQUENCE not in taken:
        return SEQUENCE
    named = best_named(names, SEQUENCE, SEQUENCE_NAMES)
    if named is not None:
        return named
    called_so = [n for n in able if n not in names and is_named(n, SEQUENCE_NAMES)]
    written = [n for n in called_so if integers(sample[n]) is not None]  # as text, or 12.0
    if written:
        return best_named(written, SEQUENCE, SEQUENCE_NAMES)
    times = record_times(sample) if event_times is None else event_times
    codes = _codes_of(sample, of)
    steps = {n: _steps_of(sample[n], codes, times) for n in names if not tells_of_amount(n)}
    shares = {n: each.share_by_one for n, each in steps.items() if each.count_events}
    best = max(shares, key=lambda name: shares[name], default=None)
    return best if best is not None and shares[best] >= _MOST else None


@dataclass(frozen=True, eq=False)
class _Steps:
    """How a number and the time change from one record of a session to its next; int64, ms."""

    numbers: NDArray[np.int64]
    ms: NDArray[np.int64]

    @property
    def share_by_one(self) -> float:
        """The share of the steps in which the number grows by one; 0 of few steps."""
        enough = len(self.numbers) >= _FEWEST_STEPS
        return float((self.numbers == 1).mean()) if enough else 0.0

    @property
    def count_events(self) -> bool:
        """Whether numbers and time agree with a count of events.

        Where a number is missing its event took its time, too; a distance or an amount goes up by
        two as quickly as by one. And it stays the same only if the event comes again.
        """
        missing, by_one = self.numbers > 1, self.numbers == 1
        if not by_one.any() or ((self.numbers == 0) & (self.ms != 0)).mean() > _REPEATED:
            return False
        each = np.median(self.ms[missing] / self.numbers[missing]) if missing.any() else np.inf
        return bool(each > 0 and each >= _LONGER * np.median(self.ms[by_one]))


def _codes_of(sample: pa.Table, of: str | None) -> NDArray[np.int64]:
    """Return the code of each record's session or client; -1 where it has none."""
    group = values_of(sample[of if of is not None else PARTITION])
    if isinstance(group, pa.ChunkedArray):
        group = group.combine_chunks()
    codes: NDArray[np.int64] = pc.fill_null(group.dictionary_encode().indices, -1).to_numpy()
    return codes


def _steps_of(
    column: pa.ChunkedArray, codes: NDArray[np.int64], times: NDArray[np.int64]
) -> _Steps:
    timed = times != MISSING_TIME
    timed = timed if timed.any() else ~timed  # without any time numbers alone have to tell
    order = np.argsort(codes[timed], kind="stable")
    same = np.diff(codes[timed][order]) == 0
    numbers = pc.fill_null(column, 0).to_numpy().astype(np.int64)[timed]
    return _Steps(np.diff(numbers[order])[same], np.diff(times[timed][order])[same])
