"""How to reach a Kafka cluster: typed, validated where it is built, secrets masked."""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from typing import TYPE_CHECKING, Any, Final

from lib.core.errors import SettingsError

if TYPE_CHECKING:
    from collections.abc import Mapping

ENVIRONMENT: Final = {
    "bootstrap_servers": "KAFKA_BOOTSTRAP_SERVERS",
    "security_protocol": "KAFKA_SECURITY_PROTOCOL",
    "sasl_mechanism": "KAFKA_SASL_MECHANISM",
    "sasl_username": "KAFKA_SASL_USERNAME",
    "sasl_password": "KAFKA_SASL_PASSWORD",
    "ssl_cafile": "KAFKA_SSL_CAFILE",
    "reader": "SKEWLINE_KAFKA_READER",
}
"""Setting → the environment variable that gives it where secrets.toml does not."""

PROTOCOLS: Final = ("PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL")
READERS: Final = ("auto", "librdkafka", "kafka-python")
ISOLATION_LEVELS: Final = ("read_committed", "read_uncommitted")


@dataclass(frozen=True)
class KafkaSettings:
    """Everything that a reader needs to know about a cluster.

    Parameters
    ----------
    bootstrap_servers
        "host:port", several separated by commas.
    security_protocol, sasl_mechanism, sasl_username, sasl_password
        As in Kafka's own client configuration.
    ssl_cafile, ssl_certfile, ssl_keyfile, ssl_password
        Paths of PEM files, and the key's password.
    reader
        The client that reads records: "librdkafka" (fast) or "kafka-python" (everywhere); "auto"
        is librdkafka. Where librdkafka cannot be loaded, kafka-python reads in its stead.
    isolation_level
        "read_committed" leaves out records of aborted transactions and ends at the last stable
        offset; "read_uncommitted" reads them all.
    timeout_s
        Seconds to wait for a broker's answer before saying that it cannot be reached.
    patience_s
        Seconds without a byte after which a read ends with what it has; until then it connects
        again and goes on where it was.

    Raises
    ------
    SettingsError
        When a setting is missing, unknown or out of its range.
    """

    bootstrap_servers: str
    security_protocol: str = "PLAINTEXT"
    sasl_mechanism: str = ""
    sasl_username: str = ""
    sasl_password: str = field(default="", repr=False)
    ssl_cafile: str = ""
    ssl_certfile: str = ""
    ssl_keyfile: str = ""
    ssl_password: str = field(default="", repr=False)
    reader: str = "auto"
    isolation_level: str = "read_committed"
    timeout_s: float = 8.0
    patience_s: float = 30.0

    @property
    def silence_s(self) -> float:
        """Seconds without a byte after which a read connects again."""
        return min(self.timeout_s, self.patience_s)

    def __post_init__(self) -> None:
        if not self.bootstrap_servers.strip():
            raise SettingsError(
                "No Kafka broker is configured.",
                "Set bootstrap_servers under [connections.kafka] in .streamlit/secrets.toml, "
                "or the environment variable KAFKA_BOOTSTRAP_SERVERS.",
            )
        _one_of("security_protocol", self.security_protocol, PROTOCOLS)
        if self.reader == "confluent-kafka":
            raise SettingsError(
                "confluent-kafka is no reader any more.",
                "Set reader to librdkafka, which is the library inside it, or to kafka-python.",
            )
        _one_of("reader", self.reader, READERS)
        _one_of("isolation_level", self.isolation_level, ISOLATION_LEVELS)
        if self.security_protocol.startswith("SASL") and not self.sasl_mechanism:
            raise SettingsError(
                f"{self.security_protocol} is configured without a sasl_mechanism.",
                "Set sasl_mechanism, for example to SCRAM-SHA-512 or PLAIN.",
            )
        if self.timeout_s <= 0:
            raise SettingsError(
                f"timeout_s is {self.timeout_s}.", "Set it to a number of seconds above zero."
            )


def settings_from(secrets: Mapping[str, Any], environment: Mapping[str, str]) -> KafkaSettings:
    """Return the settings that `secrets` gives, completed from the environment.

    Parameters
    ----------
    secrets
        The keys of `KafkaSettings`, as under `[connections.kafka]`. They win.
    environment
        Environment variables; `ENVIRONMENT` has their names.

    Raises
    ------
    SettingsError
        When a key is unknown or a value cannot be used.
    """
    known = {f.name for f in fields(KafkaSettings)}
    unknown = sorted(set(secrets) - known)
    if unknown:
        raise SettingsError(
            f"[connections.kafka] has unknown settings: {', '.join(unknown)}.",
            f"The settings are: {', '.join(sorted(known))}.",
        )
    values: dict[str, Any] = {
        name: environment[variable]
        for name, variable in ENVIRONMENT.items()
        if environment.get(variable)
    }
    values |= secrets
    servers = values.get("bootstrap_servers", "")
    values["bootstrap_servers"] = servers if isinstance(servers, str) else ",".join(servers)
    try:
        values["timeout_s"] = float(values.get("timeout_s", KafkaSettings.timeout_s))
    except (TypeError, ValueError) as error:
        raise SettingsError(
            f"timeout_s is {values['timeout_s']!r}.", "Set it to a number of seconds."
        ) from error
    return KafkaSettings(**values)


def _one_of(name: str, value: str, allowed: tuple[str, ...]) -> None:
    if value not in allowed:
        raise SettingsError(
            f"{name} is {value!r} in the Kafka settings.", f"Use one of {', '.join(allowed)}."
        )
