"""How clients are called in links, files and lists, and which one a name is of."""

from __future__ import annotations

import pandas as pd


def written(client: object) -> str:
    """Return how a client is written in a link or a file: a whole number without decimals."""
    if isinstance(client, float) and client.is_integer():
        return str(int(client))
    return str(client)


def called(client: object) -> str:
    """Return what a client is called in a sentence: as `written`.

    In quotation marks where it is empty, or has a blank at an end: nobody would see it.
    """
    name = written(client)
    return name if name and name == name.strip(" ") else f"“{name}”"


def client_at(clients: pd.Index, text: str) -> int | None:
    """Return the place of the client that `written` writes as `text`; None if there is none."""
    wanted: object = text
    if pd.api.types.is_bool_dtype(clients.dtype):
        wanted = {"True": True, "False": False}.get(text)
    elif pd.api.types.is_numeric_dtype(clients.dtype):
        try:
            wanted = clients.dtype.type(text)
        except (ValueError, OverflowError):
            return None
    place = int(clients.get_indexer(pd.Index([wanted]))[0])
    return place if place >= 0 else None
