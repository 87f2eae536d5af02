"""Who may look at what: the rules under `[[access]]`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any, Final

from lib.core.errors import SettingsError
from lib.sources.settings import refuse, settings_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lib.sources.settings import Fault

SECTION: Final = "[[access]]"
ACCESS: Final = "access"
AUTH: Final = "auth"
"""Tables of the secrets: the rules, and Streamlit's own log-in."""

GROUPS_CLAIM: Final = "groups"


@dataclass(frozen=True)
class Viewer:
    """Who looks: what the provider said when they signed in; nothing of whoever has not.

    Attributes
    ----------
    claims
        Those of the ID token.
    is_operator
        Whether it is who runs Skewline, for whom no rule counts.
    """

    claims: Mapping[str, Any]
    is_operator: bool = False

    @property
    def email(self) -> str:
        """The address, in lower case; "" where the provider has not verified it."""
        verified = self.claims.get("email_verified", True)
        is_verified = verified is True or str(verified).lower() == "true"
        return str(self.claims.get("email") or "").lower() if is_verified else ""


OPERATOR: Final = Viewer({}, is_operator=True)
"""Who runs the report or tests the settings: with the secrets at hand, no rule would keep them."""

SOMEBODY: Final = Viewer({})
"""Who has not signed in."""


@dataclass(frozen=True)
class Rule:
    """Who may look at what.

    Parameters
    ----------
    people, domains, groups
        Email addresses, what is behind their @, and groups: one that fits is enough. Without any,
        the rule is for everybody; where there is a sign-in, everybody who has signed in.
    groups_claim
        The claim of the ID token that has the groups.
    sources
        Patterns of the names of sources: `kafka`, clusters, `files`, `samples`, `upload`.
    topics
        Patterns of the names of topics.
    """

    people: tuple[str, ...] = ()
    domains: tuple[str, ...] = ()
    groups: tuple[str, ...] = ()
    groups_claim: str = GROUPS_CLAIM
    sources: tuple[str, ...] = ("*",)
    topics: tuple[str, ...] = ("*",)

    @property
    def names_somebody(self) -> bool:
        """Whether it is for some only."""
        return bool(self.people or self.domains or self.groups)

    def is_for(self, viewer: Viewer) -> bool:
        """Return whether a viewer is meant."""
        if not self.names_somebody:
            return True
        return (
            (bool(viewer.email) and viewer.email in map(str.lower, self.people))
            or _domain(viewer.email) in map(str.lower, self.domains)
            or not _groups(viewer, self.groups_claim).isdisjoint(self.groups)
        )


def _domain(email: str) -> str:
    return email.rpartition("@")[2] or "-"


def _groups(viewer: Viewer, claim: str) -> frozenset[str]:
    found = viewer.claims.get(claim) or ()
    return frozenset([found] if isinstance(found, str) else map(str, found))


def signs_in(secrets: Mapping[str, Any]) -> bool:
    """Return whether viewers have to sign in: whether Streamlit's log-in is configured."""
    return AUTH in secrets


def providers_of(secrets: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the names of the providers to sign in with; none where the only one has no name.

    Raises
    ------
    SettingsError
        When the settings of the log-in lack something.
    """
    auth = secrets.get(AUTH, {})
    if not isinstance(auth, Mapping):
        raise SettingsError("auth is no table.", "Write [auth] with the log-in's settings in it.")
    named = {n: t for n, t in auth.items() if isinstance(t, Mapping) and n != "client_kwargs"}
    of_provider = ("client_id", "client_secret", "server_metadata_url")
    tables = [("", auth, ("redirect_uri", "cookie_secret"))] + [
        (name, table, of_provider) for name, table in (named or {"": auth}).items()
    ]
    refuse(
        (f"[{AUTH}{name and '.' + name}] has no {key}.", f"Set {key}.")
        for name, table, keys in tables
        for key in keys
        if not table.get(key)
    )
    refuse(
        (f"The provider {n} has an underscore.", "Call it otherwise.") for n in named if "_" in n
    )
    return tuple(named)


def rules_of(secrets: Mapping[str, Any]) -> tuple[Rule, ...]:
    """Return the rules; without sign-in or rules, one that allows everything to everybody.

    Raises
    ------
    SettingsError
        When they cannot be used.
    """
    given = secrets.get(ACCESS)
    if given is None:
        return () if signs_in(secrets) else (Rule(),)
    if not isinstance(given, list) or not all(isinstance(rule, Mapping) for rule in given):
        raise SettingsError("access is no list of tables.", f"Write each rule under {SECTION}.")
    for name in sorted({name for rule in given for name, value in rule.items() if value == []}):
        raise SettingsError(f"{name} under {SECTION} is empty.", "Leave it out, or the whole rule.")
    rules = tuple(settings_of(Rule, SECTION, rule, {}, {}) for rule in given)
    refuse(_faults(rules, secrets))
    return rules


def _faults(rules: tuple[Rule, ...], secrets: Mapping[str, Any]) -> Iterator[Fault]:
    if any(rule.names_somebody for rule in rules) and not signs_in(secrets):
        yield (
            f"{SECTION} names people, domains or groups, but nobody signs in.",
            "Add Streamlit's [auth], or leave people, domains and groups out.",
        )
    if any("@" in domain for rule in rules for domain in rule.domains):
        yield f"A domain under {SECTION} has an @.", 'Write it as "example.com".'


def may_enter(viewer: Viewer, secrets: Mapping[str, Any]) -> bool:
    """Return whether there is anything that a viewer may look at.

    Raises
    ------
    SettingsError
        When the rules cannot be used.
    """
    return viewer.is_operator or any(rule.is_for(viewer) for rule in rules_of(secrets))


def topics_for(viewer: Viewer, source: str, secrets: Mapping[str, Any]) -> tuple[str, ...]:
    """Return patterns of the topics of a source that a viewer may read; none: not even the source.

    Raises
    ------
    SettingsError
        When the rules cannot be used.
    """
    if viewer.is_operator:
        return ("*",)
    patterns = {
        topic
        for rule in rules_of(secrets)
        if rule.is_for(viewer) and any(fnmatchcase(source, one) for one in rule.sources)
        for topic in rule.topics
    }
    return ("*",) if "*" in patterns else tuple(sorted(patterns))
