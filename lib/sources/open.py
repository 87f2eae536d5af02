"""From settings to sources: which there are here, and each of them opened.

Everywhere `secrets` is what `.streamlit/secrets.toml` holds, as nested mappings, and `environment`
the environment variables. Nothing here opens a connection or reads a file.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from lib.core.errors import NotAllowedError, SettingsError
from lib.core.masking import Masking
from lib.core.memory import bytes_in, usable_bytes
from lib.core.schemas import NoSchemas
from lib.sources.access import OPERATOR, providers_of, rules_of, signs_in, topics_for
from lib.sources.files.folder import FileTopics, samples
from lib.sources.guarded import EVERY_TOPIC, Guarded
from lib.sources.kafka import KafkaTopics
from lib.sources.kafka.schema_registry import (
    RegistrySettings,
    SchemaRegistry,
    registry_settings_from,
)
from lib.sources.kafka.settings import ENVIRONMENT, settings_from
from lib.sources.kafka.settings import SECTION as KAFKA_SECTION
from lib.sources.newest import DEFAULT_CAP
from lib.sources.settings import refuse, settings_of

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from lib.core.schemas import SchemaSource
    from lib.sources.access import Viewer
    from lib.sources.base import TopicSource
    from lib.sources.settings import Fault

KAFKA: Final = "kafka"
FILES: Final = "files"
SAMPLES: Final = "samples"
UPLOAD: Final = "upload"

MASKING: Final = "masking"
MASKING_VARIABLES: Final = {"fields": "SKEWLINE_MASK", "key": "SKEWLINE_MASK_KEY"}
"""Table of the secrets with the masked fields, and the environment variables for its keys."""

CLUSTERS: Final = "clusters"
"""Table of the secrets with further clusters, by name."""

FOLDER_VARIABLE: Final = "SKEWLINE_FILES"
"""Environment variable with the folder of files; in the secrets, `folder` under `[files]`."""

CAP_VARIABLE: Final = "SKEWLINE_MAX_EVENTS"
"""Environment variable with the number of events that one load keeps at most."""

MEMORY_VARIABLE: Final = "SKEWLINE_MEMORY"
"""Environment variable with what the app may hold in memory."""


def label_of(name: str) -> str:
    """Return what a source is called: a cluster by its own name."""
    return KINDS[name].label if name in KINDS else name


def is_cluster(name: str) -> bool:
    """Return whether a source is a Kafka cluster."""
    return name == KAFKA or name not in KINDS


SECRETS: Final = ".streamlit/secrets.toml"
"""Where secrets are, in the home folder and in the working folder, whose tables come first."""


def read_secrets(folders: Sequence[Path]) -> dict[str, Any]:
    """Return the secrets of some folders, as Streamlit reads them: later ones before earlier.

    Raises
    ------
    SettingsError
        When a file cannot be read.
    """
    found: dict[str, Any] = {}
    for path in (folder / SECRETS for folder in folders):
        try:
            found |= tomllib.loads(path.read_text(encoding="utf-8"))
        except (FileNotFoundError, NotADirectoryError):
            continue
        except (OSError, ValueError) as fault:
            kind = type(fault).__name__  # its text may hold a line of the file
            raise SettingsError(
                f"{SECRETS} cannot be read.", "Check that it is TOML.", kind
            ) from None
    return found


def available_sources(secrets: Mapping[str, Any], environment: Mapping[str, str]) -> list[str]:
    """Return the names of the sources to choose from, what was configured first."""
    names = [name for name, kind in KINDS.items() if kind.is_set_up(secrets, environment)]
    behind = names.index(KAFKA) + 1 if KAFKA in names else 0
    return [*names[:behind], *sorted(set(_clusters(secrets)) - _TAKEN), *names[behind:]]


def settings_faults(
    secrets: Mapping[str, Any], environment: Mapping[str, str]
) -> list[SettingsError]:
    """Return what is wrong with the settings, looked at as a whole; nothing is connected to."""
    checks: list[Callable[[], object]] = [
        partial(_opened, name, secrets, environment)
        for name in available_sources(secrets, environment)
        if name != UPLOAD
    ]
    checks += [
        partial(cap_on_events, environment),
        partial(memory_budget, environment),
        partial(_check_tables, secrets),
        partial(masking_of, secrets, environment),
        partial(rules_of, secrets),
        *([partial(providers_of, secrets)] if signs_in(secrets) else []),
    ]
    faults = []
    for check in checks:
        try:
            check()
        except SettingsError as fault:
            faults.append(fault)
    return faults


def open_source(
    name: str, secrets: Mapping[str, Any], environment: Mapping[str, str], viewer: Viewer
) -> TopicSource:
    """Return the source of a name, as a viewer may see it.

    An upload is not opened here: whoever has the file makes a
    `lib.sources.files.folder.UploadedTopic` of it, which `guarded` has to guard.

    Raises
    ------
    SettingsError
        When there is no such source here, or its settings cannot be used.
    NotAllowedError
        When it is not for this viewer.
    """
    return guarded(_opened(name, secrets, environment), name, secrets, environment, viewer)


def guarded(
    source: TopicSource,
    name: str,
    secrets: Mapping[str, Any],
    environment: Mapping[str, str],
    viewer: Viewer,
) -> TopicSource:
    """Return a source without the topics that a viewer may not read, and with masked fields.

    Raises
    ------
    SettingsError
        When the settings of either cannot be used: nothing is shown then.
    NotAllowedError
        When the source is not for this viewer.
    """
    masking, allowed = masking_of(secrets, environment), require_source(name, secrets, viewer)
    if not masking and allowed == EVERY_TOPIC:
        return source
    return Guarded(source, masking, allowed)


def require_source(name: str, secrets: Mapping[str, Any], viewer: Viewer) -> tuple[str, ...]:
    """Return patterns of the topics of a source that a viewer may read.

    Raises
    ------
    NotAllowedError
        When there are none.
    """
    allowed = topics_for(viewer, name, secrets)
    if not allowed:
        raise NotAllowedError(
            f"{label_of(name)} is not open to you.",
            "Choose another source, or ask whoever runs Skewline to allow it under [[access]].",
        )
    return allowed


def masking_of(secrets: Mapping[str, Any], environment: Mapping[str, str]) -> Masking:
    """Return which fields are masked: `[masking]` of the secrets, then the environment.

    Raises
    ------
    SettingsError
        When the settings cannot be used.
    """
    given = secrets.get(MASKING, {})
    if not isinstance(given, Mapping):
        raise SettingsError("masking is no table.", "Write [masking] with fields in it.")
    return settings_of(Masking, f"[{MASKING}]", given, environment, MASKING_VARIABLES)


def _opened(name: str, secrets: Mapping[str, Any], environment: Mapping[str, str]) -> TopicSource:
    source = None
    if name in KINDS:
        source = KINDS[name].opened(secrets, environment)
    elif name in _clusters(secrets) and name not in _TAKEN:
        # The environment is for the one cluster that has no name.
        source = _cluster(name, _clusters(secrets)[name], {}, f"[{CLUSTERS}.{name}]")
    if source is None:
        raise SettingsError(
            f"There is no source {name!r} here.",
            f"Choose one of {', '.join(available_sources(secrets, environment))}.",
        )
    return source


def schemas_for_files(
    secrets: Mapping[str, Any], environment: Mapping[str, str], viewer: Viewer
) -> SchemaSource:
    """Return where the schemas of records in files come from: the registry of the cluster `kafka`.

    It is for those who may read topics of the cluster: a file can be made up to ask for any schema.

    Raises
    ------
    SettingsError
        When its settings cannot be used.
    """
    if not topics_for(viewer, KAFKA, secrets):
        return NoSchemas()
    given = _kafka(secrets)
    of_registry = given.get("schema_registry", {}) if isinstance(given, Mapping) else {}
    return _schemas(of_registry, environment, KAFKA_SECTION)


def cap_on_events(environment: Mapping[str, str]) -> int:
    """Return how many events one load keeps at most.

    Raises
    ------
    SettingsError
        When what is set is no whole number above zero.
    """
    given = environment.get(CAP_VARIABLE, "")
    if not given:
        return DEFAULT_CAP
    if not given.isdecimal() or int(given) < 1:
        raise SettingsError(f"{CAP_VARIABLE} is {given!r}.", "Set it to a whole number above zero.")
    return int(given)


def memory_budget(environment: Mapping[str, str]) -> int:
    """Return how many bytes the app may hold: half of what there is to use, unless it is set.

    Raises
    ------
    SettingsError
        When what is set is no size.
    """
    given = environment.get(MEMORY_VARIABLE, "")
    if not given:
        return usable_bytes() // 2
    size = bytes_in(given)
    if not size:
        raise SettingsError(f"{MEMORY_VARIABLE} is {given!r}.", "Set it to a size, as 4GB.")
    return size


def preset_fields(secrets: Mapping[str, Any], topic: str) -> dict[str, Any]:
    """Return what `[fields."TOPIC"]` sets, by `lib.events.fields.CHOICES`; lists as tuples."""
    preset: Mapping[str, Any] = secrets.get("fields", {}).get(topic, {})
    return {n: tuple(v) if isinstance(v, list) else v for n, v in preset.items()}


def _has_kafka(secrets: Mapping[str, Any], environment: Mapping[str, str]) -> bool:
    return _kafka(secrets) is not None or bool(environment.get(ENVIRONMENT["bootstrap_servers"]))


def _open_kafka(secrets: Mapping[str, Any], environment: Mapping[str, str]) -> KafkaTopics:
    return _cluster("", _kafka(secrets) or {}, environment, KAFKA_SECTION)


def _open_files(secrets: Mapping[str, Any], environment: Mapping[str, str]) -> FileTopics | None:
    folder = _folder(secrets, environment)
    if not folder:
        return None
    schemas = schemas_for_files(secrets, environment, OPERATOR)  # whose folder it is
    return FileTopics(Path(folder), recursive=_recursive(secrets), schemas=schemas)


@dataclass(frozen=True)
class SourceKind:
    """A kind of source.

    Attributes
    ----------
    label
        What it is called.
    is_set_up
        Whether secrets and environment have its settings, so that it is offered.
    opened
        Returns the source of these settings; None where there is none, or it is opened elsewhere.
    """

    label: str
    is_set_up: Callable[[Mapping[str, Any], Mapping[str, str]], bool]
    opened: Callable[[Mapping[str, Any], Mapping[str, str]], TopicSource | None]


KINDS: Final[Mapping[str, SourceKind]] = {
    KAFKA: SourceKind("Kafka", _has_kafka, _open_kafka),
    FILES: SourceKind("Files", lambda *of: bool(_folder(*of)), _open_files),
    SAMPLES: SourceKind("Samples", lambda *_: True, lambda *_: samples()),
    UPLOAD: SourceKind("Upload", lambda *_: True, lambda *_: None),
}
"""Name of a source → what there is to know of it, in the order in which sources are offered.

Further clusters come behind the first, by their own names."""

_TAKEN: Final = frozenset({*KINDS, *(kind.label for kind in KINDS.values())})


def _cluster(name: str, given: object, environment: Mapping[str, str], section: str) -> KafkaTopics:
    if not isinstance(given, Mapping):
        raise SettingsError(f"{section} is no table.", "Make it a table of settings.")
    own = dict(given)
    schemas = _schemas(own.pop("schema_registry", {}), environment, section)
    return KafkaTopics(settings_from(own, environment, section), schemas, name)


def _schemas(given: object, environment: Mapping[str, str], section: str) -> SchemaSource:
    if not isinstance(given, Mapping):
        raise SettingsError(
            f"schema_registry in {section} is no table.", "Make it a table of its own."
        )
    registry = registry_settings_from(given, environment)
    return NoSchemas() if registry is None else _registry(registry)


def _check_tables(secrets: Mapping[str, Any]) -> None:
    faults: list[Fault] = [
        (f"A cluster is called {name!r}, as a source of Skewline is.", "Call it otherwise.")
        for name in sorted(set(_clusters(secrets)) & _TAKEN)
    ]
    files = secrets.get("files", {})
    if not isinstance(files, Mapping):
        faults.append(("files is no table.", "Write [files] with folder in it."))
        files = {}
    kinds = {"folder": (str, "text in quotes"), "recursive": (bool, "true or false, no quotes")}
    for key, value in files.items():
        kind, right = kinds.get(key, (object, ""))
        if key not in kinds:
            settings = f"The settings are: {', '.join(kinds)}."
            faults.append((f"[files] has an unknown setting: {key}.", settings))
        elif not isinstance(value, kind):
            faults.append((f"{key} in [files] is {value!r}.", f"Set {key} to {right}."))
    refuse(faults)


@lru_cache(maxsize=16)
def _registry(settings: RegistrySettings) -> SchemaRegistry:
    """Return the one client of a registry, which keeps the schemas that it has fetched."""
    return SchemaRegistry(settings)


def _kafka(secrets: Mapping[str, Any]) -> Mapping[str, Any] | None:
    found: Mapping[str, Any] | None = secrets.get("connections", {}).get("kafka")
    return found


def _clusters(secrets: Mapping[str, Any]) -> Mapping[str, Any]:
    found = secrets.get(CLUSTERS, {})
    return found if isinstance(found, Mapping) else {}


def _folder(secrets: Mapping[str, Any], environment: Mapping[str, str]) -> str:
    return str(secrets.get("files", {}).get("folder") or environment.get(FOLDER_VARIABLE, ""))


def _recursive(secrets: Mapping[str, Any]) -> bool:
    """Return whether folders inside the folder count too: `recursive` under `[files]`."""
    return bool(secrets.get("files", {}).get("recursive", False))
