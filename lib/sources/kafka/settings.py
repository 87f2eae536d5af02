"""How to reach a Kafka cluster: typed, validated where it is built, secrets masked."""

from __future__ import annotations

import re
from collections.abc import Mapping  # noqa: TC003 (read at run time, by `lib.sources.settings`)
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from lib.sources.settings import refuse, settings_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lib.sources.settings import Fault

SECTION: Final = "[connections.kafka]"

ENVIRONMENT: Final = {
    "bootstrap_servers": "KAFKA_BOOTSTRAP_SERVERS",
    "security_protocol": "KAFKA_SECURITY_PROTOCOL",
    "sasl_mechanism": "KAFKA_SASL_MECHANISM",
    "sasl_username": "KAFKA_SASL_USERNAME",
    "sasl_password": "KAFKA_SASL_PASSWORD",
    "ssl_cafile": "KAFKA_SSL_CAFILE",
    "timeout_s": "KAFKA_TIMEOUT_S",
    "patience_s": "KAFKA_PATIENCE_S",
    "reader": "SKEWLINE_KAFKA_READER",
}
"""Setting → the environment variable that gives it where secrets.toml does not."""

PROTOCOLS: Final = ("PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL")
READERS: Final = ("auto", "librdkafka", "kafka-python")
ISOLATION_LEVELS: Final = ("read_committed", "read_uncommitted")

WITH_PASSWORD: Final = ("PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512")
OAUTHBEARER: Final = "OAUTHBEARER"
AWS_MSK_IAM: Final = "AWS_MSK_IAM"
KERBEROS: Final = "GSSAPI"
MECHANISMS: Final = (*WITH_PASSWORD, OAUTHBEARER, AWS_MSK_IAM, KERBEROS)

OURS: Final = frozenset(
    {
        *("bootstrap.servers", "metadata.broker.list", "security.protocol", "isolation.level"),
        *("sasl.mechanism", "sasl.mechanisms", "sasl.username", "sasl.password"),
        *("group.id", "group.instance.id", "enable.auto.commit", "auto.commit.enable"),
        *("enable.auto.offset.store", "auto.offset.reset", "enable.partition.eof"),
        *("allow.auto.create.topics", "plugin.library.paths", "sasl.kerberos.kinit.cmd"),
        *("ssl.engine.location", "ssl.providers"),
    }
)
"""Client settings that are not passed through: Skewline's own, and what would run a program."""

_ADDRESS: Final = re.compile(r"(?P<host>\[[0-9A-Fa-f:.%\w]+\]|[^\s:/\[\]]+):(?P<port>\d+)")
_TLS_FILES: Final = {"ssl_cafile": "ssl_ca", "ssl_certfile": "ssl_cert", "ssl_keyfile": "ssl_key"}


@dataclass(frozen=True)
class KafkaSettings:
    """Everything that a reader needs to know about a cluster.

    Parameters
    ----------
    bootstrap_servers
        "host:port", several separated by commas.
    security_protocol, sasl_mechanism, sasl_username, sasl_password
        As in Kafka's own client configuration; one of `PROTOCOLS`, one of `MECHANISMS`.
    ssl_cafile, ssl_certfile, ssl_keyfile, ssl_password
        Paths of PEM files, and the key's password.
    ssl_ca, ssl_cert, ssl_key
        The same as PEM text, instead of a file.
    ssl_check_hostname
        Whether the broker's certificate has to be for the host that was connected to.
    oauth_token_url, oauth_client_id, oauth_client_secret, oauth_scope
        Where OAUTHBEARER gets its token: OpenID Connect's client credentials.
    oauth_token_file
        A file that holds a token, instead; read again for each connection.
    oauth_extensions
        What is sent beside the token.
    aws_region
        The region of an MSK cluster, for AWS_MSK_IAM.
    kerberos_service
        The brokers' service name, for GSSAPI.
    client
        Further settings of librdkafka, by its own names, passed through.
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
        With a sentence for each setting that is missing, unknown, out of its range, or fits no
        other one.
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
    ssl_ca: str = field(default="", repr=False)
    ssl_cert: str = field(default="", repr=False)
    ssl_key: str = field(default="", repr=False)
    ssl_check_hostname: bool = True
    oauth_token_url: str = ""
    oauth_client_id: str = ""
    oauth_client_secret: str = field(default="", repr=False)
    oauth_scope: str = ""
    oauth_token_file: str = ""
    oauth_extensions: Mapping[str, str] = field(default_factory=dict, hash=False)
    aws_region: str = ""
    kerberos_service: str = "kafka"
    client: Mapping[str, Any] = field(default_factory=dict, hash=False, repr=False)
    reader: str = "auto"
    isolation_level: str = "read_committed"
    timeout_s: float = 8.0
    patience_s: float = 30.0

    @property
    def silence_s(self) -> float:
        """Seconds without a byte after which a read connects again."""
        return min(self.timeout_s, self.patience_s)

    @property
    def uses_tls(self) -> bool:
        """Whether connections are encrypted."""
        return self.security_protocol.endswith("SSL")

    @property
    def logs_in(self) -> bool:
        """Whether SASL says who reads."""
        return self.security_protocol.startswith("SASL")

    @property
    def addresses(self) -> list[str]:
        """Each of the addresses to begin with, "host:port"."""
        return [one.strip() for one in self.bootstrap_servers.split(",") if one.strip()]

    def __post_init__(self) -> None:
        refuse(
            [
                *_of_addresses(self),
                *_of_choices(self),
                *_of_log_in(self),
                *_of_certificates(self),
                *_of_numbers(self),
                *_of_pass_through(self),
            ]
        )


def settings_from(
    secrets: Mapping[str, Any], environment: Mapping[str, str], section: str = SECTION
) -> KafkaSettings:
    """Return the settings that `secrets` gives, completed from the environment.

    Parameters
    ----------
    secrets
        The keys of `KafkaSettings`, as under `[connections.kafka]`. They win.
    environment
        Environment variables; `ENVIRONMENT` has their names.
    section
        What the table is called.

    Raises
    ------
    SettingsError
        When a key is unknown or a value cannot be used.
    """
    given: dict[str, Any]
    given = {"bootstrap_servers": ""} if not environment.get("KAFKA_BOOTSTRAP_SERVERS") else {}
    given |= dict(secrets)
    servers = given.get("bootstrap_servers", "")
    if isinstance(servers, list | tuple) and all(isinstance(one, str) for one in servers):
        given["bootstrap_servers"] = ",".join(servers)
    return settings_of(KafkaSettings, section, given, environment, ENVIRONMENT)


def _of_addresses(settings: KafkaSettings) -> Iterator[Fault]:
    if not settings.addresses:
        yield (
            "No Kafka broker is configured.",
            (
                "Set bootstrap_servers under [connections.kafka] in .streamlit/secrets.toml, "
                "or the environment variable KAFKA_BOOTSTRAP_SERVERS."
            ),
        )
    for address in settings.addresses:
        found = _ADDRESS.fullmatch(address)
        if "://" in address:
            scheme, _, rest = address.partition("://")
            yield (
                f"The address {address!r} of bootstrap_servers is written as a URL.",
                f"Write it without {scheme}://: host:port, for example {rest.split('/')[0]}.",
            )
        elif found is None and ":" not in address:
            yield (
                f"The address {address!r} of bootstrap_servers has no port.",
                "Write host:port, for example localhost:9092.",
            )
        elif found is None or not 0 < int(found["port"]) < 65_536:
            yield (
                f"The address {address!r} of bootstrap_servers is no host and port.",
                "Write host:port with a port from 1 to 65535, several separated by commas.",
            )


def _of_choices(settings: KafkaSettings) -> Iterator[Fault]:
    if settings.reader == "confluent-kafka":
        yield (
            "confluent-kafka is no reader any more.",
            "Set reader to librdkafka, which is the library inside it, or to kafka-python.",
        )
    for name, allowed in (
        ("security_protocol", PROTOCOLS),
        ("reader", (*READERS, "confluent-kafka")),
        ("isolation_level", ISOLATION_LEVELS),
    ):
        value = getattr(settings, name)
        if value not in allowed:
            right = ", ".join(one for one in allowed if one != "confluent-kafka")
            yield f"{name} is {value!r} in the Kafka settings.", f"Set {name} to one of {right}."


def _of_log_in(settings: KafkaSettings) -> Iterator[Fault]:
    protocol, mechanism = settings.security_protocol, settings.sasl_mechanism
    if not settings.logs_in:
        if mechanism and protocol in PROTOCOLS:
            yield (
                f"sasl_mechanism is set, but security_protocol {protocol} logs nobody in.",
                "Set security_protocol to SASL_SSL or SASL_PLAINTEXT, or leave sasl_mechanism out.",
            )
        return
    if not mechanism:
        yield (
            f"{protocol} is configured without a sasl_mechanism.",
            "Set sasl_mechanism, for example to SCRAM-SHA-512 or PLAIN.",
        )
    elif mechanism not in MECHANISMS:
        yield (
            f"sasl_mechanism is {mechanism!r} in the Kafka settings.",
            f"Set sasl_mechanism to one of {', '.join(MECHANISMS)}.",
        )
    elif mechanism in WITH_PASSWORD:
        for name in ("sasl_username", "sasl_password"):
            if not getattr(settings, name):
                yield f"{mechanism} is configured without a {name}.", f"Set {name}."
    elif mechanism == OAUTHBEARER:
        yield from _of_oauth(settings)
    elif mechanism == AWS_MSK_IAM:
        yield from _of_msk(settings)


def _of_msk(settings: KafkaSettings) -> Iterator[Fault]:
    if not settings.aws_region:
        yield "AWS_MSK_IAM is configured without an aws_region.", "Set aws_region."
    if not settings.uses_tls:
        yield "AWS_MSK_IAM needs TLS.", "Set security_protocol to SASL_SSL."


def _of_oauth(settings: KafkaSettings) -> Iterator[Fault]:
    url = settings.oauth_token_url
    if bool(url) == bool(settings.oauth_token_file):
        yield (
            "OAUTHBEARER needs either an oauth_token_url or an oauth_token_file.",
            "Set one of them.",
        )
    if url and not re.match(r"https?://[^\s/@]+", url):
        yield "oauth_token_url is no address that begins with https://.", "Set it to a full URL."
    if url and not (settings.oauth_client_id and settings.oauth_client_secret):
        yield (
            "oauth_token_url is set without oauth_client_id or oauth_client_secret.",
            "Set both of them.",
        )


def _of_certificates(settings: KafkaSettings) -> Iterator[Fault]:
    names = [*_TLS_FILES, *_TLS_FILES.values()]
    given = [name for name in names if getattr(settings, name)]
    if given and not settings.uses_tls and settings.security_protocol in PROTOCOLS:
        yield (
            f"{given[0]} is set, but security_protocol {settings.security_protocol} uses no TLS.",
            f"Set security_protocol to SSL or SASL_SSL, or leave {given[0]} out.",
        )
    for file, text in _TLS_FILES.items():
        if getattr(settings, file) and getattr(settings, text):
            yield f"Both {file} and {text} are set.", f"Set {file} or {text}."
        if getattr(settings, text) and "-----BEGIN" not in getattr(settings, text):
            yield f"{text} is no PEM text.", f"Put the text into {text}, a path into {file}."
    if (settings.ssl_keyfile or settings.ssl_key) and not (
        settings.ssl_certfile or settings.ssl_cert
    ):
        yield (
            "A key is set without its certificate.",
            "Set ssl_certfile or ssl_cert, too.",
        )


def _of_numbers(settings: KafkaSettings) -> Iterator[Fault]:
    for name in ("timeout_s", "patience_s"):
        value = getattr(settings, name)
        if not 0 < value < float("inf"):
            yield f"{name} is {value}.", f"Set {name} to a number of seconds above zero."


def _of_pass_through(settings: KafkaSettings) -> Iterator[Fault]:
    for name, value in settings.client.items():
        if name in OURS:
            yield (
                f"{name} is not passed through to the Kafka client.",
                f"Leave {name} out of the client table.",
            )
        elif not isinstance(value, str | int | float | bool):
            yield (
                f"{name} in the client table is neither text nor a number.",
                f"Set {name} to text, a number, true or false.",
            )
