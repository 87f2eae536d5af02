"""Where a topic is, said without a credential: every process opens it with its own settings."""

from __future__ import annotations

import os
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lib.core.errors import SettingsError
from lib.sources.access import OPERATOR
from lib.sources.files.folder import OneFile
from lib.sources.open import guarded, open_source, read_secrets, schemas_for_files

if TYPE_CHECKING:
    from collections.abc import Mapping

    from lib.sources.base import TopicSource


@dataclass(frozen=True)
class Origin:
    """Where a topic is, as every worker opens it with its own settings.

    Attributes
    ----------
    name, path
        The name of the source; of a file, its path instead.
    identity
        A digest of `TopicSource.identity` here: workers whose settings lead elsewhere refuse.
    """

    name: str
    path: str | None
    identity: str

    @classmethod
    def of(cls, source: TopicSource, name: str, path: str | None = None) -> Origin:
        """Return where a source is that is opened here."""
        return cls(name, path, _digest(source))

    def opened(self) -> TopicSource:
        """Return the source, opened in this process.

        Raises
        ------
        SettingsError
            When the settings of this process lead to another one.
        """
        secrets = read_secrets([Path.home(), Path.cwd()])
        if self.path is None:
            source = self._opened_by_name(secrets)
        else:
            schemas = schemas_for_files(secrets, os.environ, OPERATOR)
            file = OneFile(Path(self.path), schemas=schemas)
            source = guarded(file, "file", secrets, os.environ, OPERATOR)
        if _digest(source) != self.identity:
            raise SettingsError(
                f"A worker's settings of {self.name} are not those here, or mask otherwise.",
                "Give every worker the same settings; masking needs a key.",
            )
        return source

    def _opened_by_name(self, secrets: Mapping[str, Any]) -> TopicSource:
        try:
            return open_source(self.name, secrets, os.environ, OPERATOR)
        except SettingsError as fault:
            raise SettingsError(
                f"A worker cannot open {self.name}. {fault.what}",
                "Give every worker the settings that this machine has.",
            ) from None


def _digest(source: TopicSource) -> str:
    return blake2b(source.identity.encode(), digest_size=16).hexdigest()
