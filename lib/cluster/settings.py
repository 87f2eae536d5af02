"""Which cluster there is to run on; nothing here imports Dask."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from lib.core.errors import SettingsError

SECTION: Final = "cluster"
VARIABLE: Final = "SKEWLINE_CLUSTER"
"""Environment variable with the address; in the secrets, `address` under `[cluster]`."""

LOCAL: Final = "local"
"""In place of an address: a cluster of its own, on this machine."""

SET: Final = ""
"""What the command line says where the settings say the address."""

_SCHEMES: Final = ("tcp://", "tls://", "ucx://", "ws://", "wss://")


def cluster_address(secrets: Mapping[str, Any], environment: Mapping[str, str]) -> str | None:
    """Return the address of the scheduler, `LOCAL`, or None where no cluster is set.

    Raises
    ------
    SettingsError
        When what is set cannot be used.
    """
    section = secrets.get(SECTION, {})
    if not isinstance(section, Mapping):
        raise SettingsError(f"{SECTION} is no table.", f"Write [{SECTION}] with address in it.")
    if unknown := sorted(set(section) - {"address"}):
        raise SettingsError(
            f"[{SECTION}] has an unknown setting: {unknown[0]}.", "The settings are: address."
        )
    given = environment.get(VARIABLE) or section.get("address")
    return None if given is None else checked(given)


def checked(address: object) -> str:
    """Return an address of a scheduler, or `LOCAL`, if it is one.

    Raises
    ------
    SettingsError
        When it is none.
    """
    if isinstance(address, str) and (address == LOCAL or address.startswith(_SCHEMES)):
        return address
    raise SettingsError(
        f"{address!r} is no address of a Dask scheduler.",
        f"Write it as tcp://HOST:8786, or {LOCAL} for a cluster on this machine.",
    )
