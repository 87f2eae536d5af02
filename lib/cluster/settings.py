"""Which cluster there is to run on; nothing here imports Dask."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from lib.core.errors import SettingsError

SECTION: Final = "cluster"
VARIABLE: Final = "SKEWLINE_CLUSTER"
"""Environment variable with the address; in the secrets, `address` under `[cluster]`."""

FROM_VARIABLE: Final = "SKEWLINE_CLUSTER_FROM"
"""Environment variable for `from_records` under `[cluster]`."""

LOCAL: Final = "local"
"""In place of an address: a cluster of its own, on this machine."""

SET: Final = ""
"""What the command line says where the settings say the address."""

_SCHEMES: Final = ("tcp://", "tls://", "ucx://", "ws://", "wss://")


_SETTINGS: Final = ("address", "from_records")


@dataclass(frozen=True)
class ClusterSettings:
    """Which cluster there is, and what the app offers to it.

    Attributes
    ----------
    address
        That of the scheduler, or `LOCAL`.
    from_records
        Records from which a load is offered to it; None: where memory or the cap on events does not
        hold them.
    """

    address: str
    from_records: int | None = None


def cluster_settings(
    secrets: Mapping[str, Any], environment: Mapping[str, str]
) -> ClusterSettings | None:
    """Return the settings of the cluster; None where none is set.

    Raises
    ------
    SettingsError
        When what is set cannot be used.
    """
    section = secrets.get(SECTION, {})
    if not isinstance(section, Mapping):
        raise SettingsError(f"{SECTION} is no table.", f"Write [{SECTION}] with address in it.")
    if unknown := sorted(set(section) - set(_SETTINGS)):
        raise SettingsError(
            f"[{SECTION}] has an unknown setting: {unknown[0]}.",
            f"The settings are: {', '.join(_SETTINGS)}.",
        )
    given = environment.get(VARIABLE) or section.get("address")
    from_records = _number(environment.get(FROM_VARIABLE) or section.get("from_records"))
    return None if given is None else ClusterSettings(checked(given), from_records)


def cluster_address(secrets: Mapping[str, Any], environment: Mapping[str, str]) -> str | None:
    """Return the address of `cluster_settings`; None where no cluster is set."""
    settings = cluster_settings(secrets, environment)
    return None if settings is None else settings.address


def _number(given: object) -> int | None:
    if given is None:
        return None
    if isinstance(given, bool) or not str(given).isdecimal():
        raise SettingsError(
            f"from_records in [{SECTION}], or {FROM_VARIABLE}, is {given!r}.",
            "Set it to a number of records, as 5000000.",
        )
    return int(str(given))


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
