"""A real schema registry on loopback: Apicurio's, with Confluent's API, its schemas in memory.

Examples
--------
>>> with running_registry() as registry:
...     register(registry.url, "events-value", '"long"')
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import tarfile
import tempfile
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import requests

from tests.support.processes import PATIENCE_S, free_port, running

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

_ARCHIVES = Path(__file__).parents[1] / "registry" / "lib"
_OLDEST_JAVA = 21
_JVM_OPTIONS = ("-Xmx384m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1")


class RegistryMissingError(RuntimeError):
    """Java or Apicurio Registry is not on this machine; the text says what to install."""


@dataclass(frozen=True)
class Registry:
    """A running registry: the address of its Confluent API."""

    url: str

    @property
    def root(self) -> str:
        """The address of the server."""
        return self.url.partition("/apis/")[0]


@contextmanager
def running_registry() -> Iterator[Registry]:
    """Run a new, empty registry for the length of the block.

    Raises
    ------
    RegistryMissingError
        If Java or Apicurio Registry is not on this machine.
    ServerStartError
        If it does not start; its log's tail is in the text.
    """
    java = _find_java()
    archive = next(_ARCHIVES.glob("apicurio-registry-app-*.tar.gz"), None)
    if archive is None:
        raise RegistryMissingError(
            "Apicurio Registry is not in tests/registry/lib: install Maven, run `make registry`."
        )
    port = free_port()
    root = f"http://127.0.0.1:{port}"
    with tempfile.TemporaryDirectory(prefix="skewline-registry-") as name:
        directory = Path(name)
        with tarfile.open(archive) as content:
            content.extractall(directory, filter="data")
        settings = {
            "quarkus.http.host": "127.0.0.1",
            "quarkus.http.port": port,
            "quarkus.management.host": "127.0.0.1",
            "quarkus.management.port": free_port(),
        }
        command = [java, *_JVM_OPTIONS, *(f"-D{name}={value}" for name, value in settings.items())]
        with running(
            [*command, "-jar", str(directory / "quarkus-run.jar")],
            ready=lambda: _answers(f"{root}/apis/ccompat/v7/subjects"),
            log=directory / "registry.log",
            timeout_s=180,
        ):
            yield Registry(f"{root}/apis/ccompat/v7")


def register(
    url: str,
    subject: str,
    schema: str,
    kind: str = "AVRO",
    references: Sequence[tuple[str, str, int]] = (),
) -> int:
    """Register a schema and return its id.

    Parameters
    ----------
    url
        Address of the registry's Confluent API.
    references
        Name, subject and version of each schema that it refers to.
    """
    names = ("name", "subject", "version")
    answer = requests.post(
        f"{url}/subjects/{subject}/versions",
        json={
            "schema": schema,
            "schemaType": kind,
            "references": [dict(zip(names, one, strict=True)) for one in references],
        },
        headers={"Content-Type": "application/vnd.schemaregistry.v1+json"},
        timeout=PATIENCE_S,
    )
    answer.raise_for_status()
    return int(answer.json()["id"])


def _answers(url: str) -> bool:
    try:
        return requests.get(url, timeout=5).ok
    except requests.RequestException:
        return False


def _find_java() -> str:
    """Return the path of a Java that the registry runs on: JAVA_HOME's, the path's, any other."""
    home = os.environ.get("JAVA_HOME")
    found = [shutil.which("java", path=f"{home}/bin" if home else None)]
    found += [str(path) for path in sorted(Path("/usr/lib/jvm").glob("*/bin/java"))]
    for java in filter(None, found):
        said = subprocess.run([java, "-version"], capture_output=True, text=True, check=False)
        version = re.search(r'version "(\d+)', said.stderr)
        if version and int(version[1]) >= _OLDEST_JAVA:
            return java
    raise RegistryMissingError(
        f"There is no JDK of version {_OLDEST_JAVA} or newer: install one for the registry."
    )
