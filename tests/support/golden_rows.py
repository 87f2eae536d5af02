"""The five rows that the notebook prints of `sessions-10`: what every way of reading has to give.

They are written as the notebook prints them, names and all: nothing here follows the code.
"""

from __future__ import annotations

import json
from typing import Final

COLUMNS: Final = (
    "ClientID", "Data.Errors", "Data.Values", "EventID", "KafkaTimestamp",
    "Kind", "SessionID", "Timestamp", "EventTimestamp0", "ReceivedTimestamp0",
)  # fmt: skip

SESSION_OF_2: Final = "1de64fb8-55de-494c-885a-364dcf35f37d"
SESSION_OF_5: Final = "5cd8e458-208c-48d5-9bd5-f52303e14ec4"
SESSION_OF_8: Final = "b1ca39c2-7b90-4287-be81-4908e32d771c"
SESSION_OF_9: Final = "c320e635-32c0-4bd8-af3c-86b854048d03"

ROWS: Final[tuple[tuple[object, ...], ...]] = (
    (2, 0, 17, 1, 1540726486053, "m", SESSION_OF_2, 1540726486041, 0.0, 0.012),
    (2, 1, 34, 2, 1540726486072, "m", SESSION_OF_2, 1540726486063, 0.022, 0.031),
    (8, 0, 65, 1, 1540726486628, "m", SESSION_OF_8, 1540726486626, 0.585, 0.587),
    (9, 0, 79, 1, 1540726489990, "d", SESSION_OF_9, 1540726489989, 3.948, 3.949),
    (5, 0, 58, 1, 1540726490014, "m", SESSION_OF_5, 1540726490004, 3.963, 3.973),
)

ZERO_MS: Final = 1540726486041


def rows_of(*columns: str) -> list[list[object]]:
    """Return the rows with only these columns."""
    places = [COLUMNS.index(name) for name in columns]
    return [[row[place] for place in places] for row in ROWS]


def values() -> list[bytes]:
    """Return the values of the five records, as they are in the topic."""
    return [
        json.dumps(
            {
                "ClientID": client,
                "Data": {"Errors": errors, "Values": amount},
                "EventID": number,
                "Kind": kind,
                "SessionID": session,
                "Timestamp": event_ms,
            }
        ).encode()
        for client, errors, amount, number, _, kind, session, event_ms, *_ in ROWS
    ]
