"""What each reader of JSON is given and gives."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pyarrow as pa

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


@dataclass(frozen=True)
class Unread:
    """Values of a block that no reader has taken yet.

    Attributes
    ----------
    rows
        Their positions in the block, rising.
    bytes
        An Arrow array of bytes, without nulls.
    """

    rows: NDArray[np.int64]
    bytes: pa.Array

    def __len__(self) -> int:
        return len(self.rows)

    def where(self, keep: NDArray[np.bool_]) -> Unread:
        """Return those that a mask keeps; without a copy where that is all or none of them."""
        if keep.all() or not keep.any():
            return self[: keep.sum()]
        return Unread(self.rows[keep], self.bytes.filter(pa.array(keep)))

    def __getitem__(self, piece: slice) -> Unread:
        return Unread(self.rows[piece], self.bytes[piece])


@dataclass(frozen=True)
class RecordPart:
    """Some records of a block, read: their positions in it, and their fields."""

    rows: NDArray[np.int64]
    fields: pa.Table


PartReader = Callable[[Unread], tuple[list[RecordPart], Unread]]
"""Takes values that it surely reads as `json.loads` does; returns them read, and the rest."""
