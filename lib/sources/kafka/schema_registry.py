"""A schema registry with Confluent's HTTP API: its own, Apicurio's `ccompat`, Karapace, Redpanda's.

Each schema is fetched once, with what it refers to. A registry that does not answer is asked again
only after a while, so that a topic does not wait for it once a block.
"""

from __future__ import annotations

import json
import threading
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote, urlsplit

import requests
from fastavro.schema import fingerprint, to_parsing_canonical_form

from lib.core.errors import SchemaError, SettingsError
from lib.core.schemas import Schema, SchemaId
from lib.sources.settings import from_environment, settings_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from lib.core.schemas import SchemaType

ENVIRONMENT: Final = {
    "url": "SCHEMA_REGISTRY_URL",
    "username": "SCHEMA_REGISTRY_USERNAME",
    "password": "SCHEMA_REGISTRY_PASSWORD",
    "token": "SCHEMA_REGISTRY_TOKEN",
    "ssl_cafile": "SCHEMA_REGISTRY_SSL_CAFILE",
}
"""Setting → the environment variable that gives it where secrets.toml does not."""

MOST_UNKNOWN: Final = 200
"""Ids that a registry did not have, after which it is asked for no more.

So many are no schemas that were deleted, but values that are something else.
"""

ASK_AGAIN_S: Final = 30.0
"""Seconds after which a registry that did not answer is asked again."""

_LATER: Final = (429, 500, 502, 503, 504)
"""Answers of a registry that is there and cannot answer now."""

_LARGEST_ANSWER: Final = 16 << 20
_DEEPEST: Final = 32
"""References of references at most."""

_TYPES: Final[Mapping[str, SchemaType]] = {"AVRO": "AVRO", "PROTOBUF": "PROTOBUF", "JSON": "JSON"}
_ACCEPT: Final = "application/vnd.schemaregistry.v1+json, application/json"
_SECTION: Final = "[connections.kafka.schema_registry]"


@dataclass(frozen=True)
class RegistrySettings:
    """Everything that is needed to reach a schema registry.

    Parameters
    ----------
    url
        Its address, with the path of Confluent's API where it has one, for example
        "https://registry.example.com:8081" or "http://localhost:8080/apis/ccompat/v7".
    username, password
        For basic authentication.
    token
        For bearer authentication, instead.
    ssl_cafile
        Path of a PEM file with the certificates that are trusted.
    timeout_s
        Seconds to wait for an answer.

    Raises
    ------
    SettingsError
        When a setting is missing or cannot be used.
    """

    url: str
    username: str = ""
    password: str = field(default="", repr=False)
    token: str = field(default="", repr=False)
    ssl_cafile: str = ""
    timeout_s: float = 8.0

    def __post_init__(self) -> None:
        parts = urlsplit(self.url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise SettingsError(
                f"The url of {_SECTION} is no address that begins with http:// or https://.",
                'Set it, for example, to "http://localhost:8081".',
            )
        if parts.username or parts.password:
            raise SettingsError(
                f"The url of {_SECTION} holds a user name or password.",
                "Set username and password beside it, which are never shown.",
            )
        if self.token and (self.username or self.password):
            raise SettingsError(
                f"{_SECTION} has both a token and a username or password.", "Set one of them."
            )
        if self.password and not self.username:
            raise SettingsError(f"{_SECTION} has a password but no username.", "Set username, too.")
        if self.timeout_s <= 0:
            raise SettingsError(
                f"timeout_s of {_SECTION} is {self.timeout_s}.",
                "Set it to a number of seconds above zero.",
            )


def registry_settings_from(
    secrets: Mapping[str, Any], environment: Mapping[str, str]
) -> RegistrySettings | None:
    """Return the settings that `secrets` gives, completed from the environment; None without any.

    Parameters
    ----------
    secrets
        The keys of `RegistrySettings`, as under `[connections.kafka.schema_registry]`. They win.
    environment
        Environment variables; `ENVIRONMENT` has their names.

    Raises
    ------
    SettingsError
        When a key is unknown or a value cannot be used.
    """
    if not secrets and not from_environment(environment, ENVIRONMENT):
        return None
    url = {} if environment.get(ENVIRONMENT["url"]) else {"url": ""}
    return settings_of(RegistrySettings, _SECTION, {**url, **secrets}, environment, ENVIRONMENT)


class SchemaRegistry:
    """A `lib.core.schemas.SchemaSource` over HTTP. Building it opens no connection."""

    def __init__(self, settings: RegistrySettings) -> None:
        self.settings = settings
        self._lock = threading.RLock()
        self._found: dict[SchemaId, Schema] = {}
        self._failed: dict[SchemaId, SchemaError] = {}
        self._silent: tuple[float, SchemaError] | None = None

    def schema(self, wanted: SchemaId) -> Schema:
        """Return a schema, from the registry where it has not been asked for before.

        Raises
        ------
        SchemaError
            When the registry does not have it, refuses it or does not answer.
        """
        with self._lock:
            if wanted in self._found:
                return self._found[wanted]
            if wanted in self._failed:
                raise self._failed[wanted]
            if len(self._failed) >= MOST_UNKNOWN:
                raise self._missing("it was not asked for: too many others are missing")
            if self._silent and time.monotonic() - self._silent[0] < ASK_AGAIN_S:
                raise self._silent[1]
            try:
                self._found[wanted] = found = self._fetched(wanted)
            except requests.RequestException as error:
                self._silent = time.monotonic(), self._unreachable(error)
                raise self._silent[1] from error
            except SchemaError as error:
                self._failed[wanted] = error
                raise
            return found

    # Ways to a schema

    def _fetched(self, wanted: SchemaId) -> Schema:
        match wanted.kind:
            case "schema id":
                return self._whole(self._get(f"schemas/ids/{wanted.value}"))
            case "GUID":
                return self._whole(self._get(f"schemas/guids/{wanted.value}"))
            case "global id":
                return self._by_global_id(wanted)
            case "fingerprint":
                return self._by_fingerprint(wanted)
            case _:
                raise SchemaError(
                    "AWS Glue's schema registry cannot be read.",
                    "Use a registry with Confluent's API, or export the topic as JSON.",
                )

    def _by_global_id(self, wanted: SchemaId) -> Schema:
        """Ask Apicurio's own API which content has a global id; Confluent's has it by that."""
        base, apis, _ = self.settings.url.partition("/apis/")
        if not apis:
            raise self._missing("only Apicurio has global ids: set url to its /apis/ccompat/v7")
        found = self._get("search/versions", f"{base}/apis/registry/v3", globalId=str(wanted.value))
        versions = found.get("versions") if isinstance(found, dict) else None
        if not versions:
            raise self._missing("there is no such global id")
        return self.schema(SchemaId("schema id", versions[0]["contentId"]))

    def _by_fingerprint(self, wanted: SchemaId) -> Schema:
        """Look through all Avro schemas of the registry, since it knows no fingerprints."""
        every = self._get("schemas")
        for answer in every if isinstance(every, list) else []:
            if isinstance(answer, dict) and answer.get("schemaType", "AVRO") == "AVRO":
                schema = self._whole(answer)
                self._found[SchemaId("fingerprint", fingerprint_of(schema.text))] = schema
        found = self._found.get(wanted)
        if found is None:
            raise self._missing("it has no Avro schema with this fingerprint")
        return found

    # Answers

    def _whole(self, answer: object, depth: int = 0) -> Schema:
        """Return the schema that an answer has, with those that it refers to."""
        if not isinstance(answer, dict) or not isinstance(answer.get("schema"), str):
            raise self._missing("the answer holds no schema")
        kind: SchemaType | None = _TYPES.get(answer.get("schemaType") or "AVRO")
        if kind is None:
            raise self._missing(f"its type is {answer['schemaType']!r}, which cannot be read")
        if kind == "JSON":  # what it refers to is not needed to read JSON
            return Schema(kind, answer["schema"])
        if depth > _DEEPEST:
            raise self._missing("its references go on and on")
        references = tuple(self._reference(one, depth) for one in answer.get("references") or [])
        return Schema(kind, answer["schema"], references)

    def _reference(self, one: Mapping[str, Any], depth: int) -> tuple[str, Schema]:
        subject, version = quote(str(one["subject"]), safe=""), quote(str(one["version"]), safe="")
        answer = self._get(f"subjects/{subject}/versions/{version}")
        return str(one["name"]), self._whole(answer, depth + 1)

    def _get(self, path: str, base: str = "", **query: str) -> object:
        """Return what the registry answers, from JSON."""
        settings = self.settings
        url = f"{(base or settings.url).rstrip('/')}/{path}"
        headers = {"Accept": _ACCEPT}
        if settings.token:
            headers["Authorization"] = f"Bearer {settings.token}"
        with requests.get(
            url,
            params=query,
            headers=headers,
            auth=_Basic(settings),
            verify=settings.ssl_cafile or True,
            timeout=settings.timeout_s,
            allow_redirects=False,
            stream=True,
        ) as response:
            content = response.raw.read(_LARGEST_ANSWER + 1, decode_content=True)
            if response.status_code in _LATER:
                raise requests.HTTPError(f"HTTP {response.status_code}")
            if response.status_code != requests.codes.ok:
                raise self._missing(_said(response.status_code, content))
        if len(content) > _LARGEST_ANSWER:
            raise self._missing("the answer is too large")
        try:
            return json.loads(content)
        except ValueError as error:
            raise self._missing("the answer is not JSON: is url that of its API?") from error

    def _missing(self, why: str) -> SchemaError:
        return SchemaError(
            f"The schema registry at {self.settings.url} does not give it: {why}.",
            f"Check url and credentials in {_SECTION}, and whether the schema was deleted.",
        )

    def _unreachable(self, error: Exception) -> SchemaError:
        return SchemaError(
            f"The schema registry at {self.settings.url} does not answer: {_words(error)}.",
            f"Check that it is up and that url and ssl_cafile in {_SECTION} are right.",
        )


def _words(error: Exception) -> str:
    return str(error) if isinstance(error, requests.HTTPError) else type(error).__name__


class _Basic(requests.auth.AuthBase):
    """Basic authentication where it is configured; never what a .netrc file of the machine has."""

    def __init__(self, settings: RegistrySettings) -> None:
        self._settings = settings

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        if self._settings.username:
            name, password = self._settings.username, self._settings.password
            requests.auth.HTTPBasicAuth(name.encode(), password.encode())(request)
        return request


def _said(status: int, content: bytes) -> str:
    """Return what a registry says when it does not give a schema."""
    if status in (requests.codes.unauthorized, requests.codes.forbidden):
        return f"it refuses access (HTTP {status})"
    try:
        message = json.loads(content)["message"]
    except (ValueError, TypeError, LookupError):
        message = ""
    return f"{str(message)[:200].rstrip('.') or 'no reason given'} (HTTP {status})"


def fingerprint_of(schema: str) -> str:
    """Return the CRC-64 of an Avro schema's canonical form; "" for one that refers to others.

    16 hexadecimal digits, the first byte first (Avro's specification, "Schema fingerprints").
    """
    try:
        canonical = to_parsing_canonical_form(json.loads(schema))
    except (ValueError, LookupError, TypeError):
        return ""
    return str(fingerprint(canonical, "CRC-64-AVRO"))
