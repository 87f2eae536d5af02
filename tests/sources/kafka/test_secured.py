"""A secured cluster: what is right reads, and what is wrong is said, at once and after one try."""

from __future__ import annotations

import base64
import json
import threading
import time
from contextlib import ExitStack, closing
from dataclasses import dataclass, replace
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import TYPE_CHECKING

import pytest
from kafka import KafkaAdminClient
from kafka.admin import (
    ACL,
    ACLOperation,
    ACLPermissionType,
    ResourcePattern,
    ResourceType,
    UserScramCredentialUpsertion,
)

from lib.core.errors import SkewlineError
from lib.loading.load import load
from lib.sources.base import Everything
from lib.sources.kafka import KafkaSettings, KafkaTopics
from lib.sources.kafka.tokens import token_of
from tests.conftest import skip_or_fail
from tests.support import broker as kafka
from tests.support.certificates import Signed, authority, signed
from tests.support.proxy import running_proxy

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

QUICK_S = 3.0
LISTENERS = {"TLS": "SSL", "MUTUAL": "SSL", "LOGIN": "SASL_PLAINTEXT", "BOTH": "SASL_SSL"}
FOREIGN = {"EXPIRED": "SSL", "ELSEWHERE": "SSL"}
PLAIN = "org.apache.kafka.common.security.plain.PlainLoginModule required"
SCRAM = "org.apache.kafka.common.security.scram.ScramLoginModule required;"
OAUTH = "org.apache.kafka.common.security.oauthbearer.OAuthBearerLoginModule required"


@dataclass(frozen=True)
class Secured:
    broker: kafka.Broker
    folder: Path
    ca: Signed
    other_ca: Signed
    client: Signed
    foreign_client: Signed

    def at(self, listener: str, **settings: object) -> KafkaTopics:
        protocol = {**LISTENERS, **FOREIGN}[listener]
        given = {"security_protocol": protocol, **LOG_IN[protocol]}
        if protocol.endswith("SSL"):
            given["ssl_cafile"] = str(self.ca.certfile)
        given |= settings
        address = given.pop("bootstrap_servers", self.broker.listeners[listener])
        return KafkaTopics(KafkaSettings(address, **given))


ANN = {"sasl_mechanism": "SCRAM-SHA-512", "sasl_username": "ann", "sasl_password": "of ann"}
LOG_IN = {"SSL": {}, "PLAINTEXT": {}, "SASL_PLAINTEXT": ANN, "SASL_SSL": ANN}


@pytest.fixture(scope="module")
def secured(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Secured]:
    folder = tmp_path_factory.mktemp("certificates")
    ca, other = authority(folder, "ca"), authority(folder, "other-ca")
    client = signed(folder, "client", ca)
    foreign = signed(folder, "foreign-client", other)
    settings = {
        "ssl.truststore.type": "PEM",
        "ssl.truststore.location": str(ca.certfile),
        "ssl.keystore.type": "PEM",
        "authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
        "super.users": "User:ANONYMOUS;User:CN=client;User:admin",
        "listener.name.mutual.ssl.client.auth": "required",
    }
    keystores = {
        "TLS": signed(folder, "broker", ca),
        "EXPIRED": signed(folder, "expired", ca, days=-2),
        "ELSEWHERE": signed(folder, "elsewhere", ca, host="kafka.example.com"),
    }
    for name in {**LISTENERS, **FOREIGN}:
        store = folder / f"{name}.store.pem"
        store.write_text(keystores.get(name, keystores["TLS"]).both)
        settings[f"listener.name.{name.lower()}.ssl.keystore.location"] = str(store)
        settings[f"listener.name.{name.lower()}.ssl.keystore.type"] = "PEM"
    for name in ("login", "both"):
        of = f"listener.name.{name}"
        settings[f"{of}.sasl.enabled.mechanisms"] = "PLAIN,SCRAM-SHA-512,OAUTHBEARER"
        settings[f"{of}.plain.sasl.jaas.config"] = f'{PLAIN} user_ann="of ann" user_eve="of eve";'
        settings[f"{of}.scram-sha-512.sasl.jaas.config"] = SCRAM
        settings[f"{of}.oauthbearer.sasl.jaas.config"] = (
            f'{OAUTH} unsecuredLoginStringClaim_sub="broker";'
        )
    with ExitStack() as stack:
        try:
            stored = stack.enter_context(kafka.stored_broker({**LISTENERS, **FOREIGN}, settings))
        except kafka.KafkaMissingError as missing:
            skip_or_fail(str(missing))
        broker = stack.enter_context(stored.running())
        _fill(broker.bootstrap_servers)
        yield Secured(broker, folder, ca, other, client, foreign)


def _fill(address: str) -> None:
    for topic in ("events", "hidden", "unread"):
        kafka.create_topic(address, topic)
        value = b'{"Timestamp": 1545230000000, "ClientID": 1, "SessionID": "s"}'
        kafka.produce(address, topic, [kafka.Record(value)])
    rights = [
        ("ann", "events", ACLOperation.DESCRIBE),
        ("ann", "events", ACLOperation.READ),
        ("ann", "unread", ACLOperation.DESCRIBE),
    ]
    with closing(KafkaAdminClient(bootstrap_servers=address)) as admin:
        admin.alter_user_scram_credentials(
            [UserScramCredentialUpsertion("ann", "SCRAM-SHA-512", b"of ann", iterations=4096)]
        )
        admin.create_acls(
            [
                ACL(
                    f"User:{user}", "*", right, ACLPermissionType.ALLOW,
                    ResourcePattern(ResourceType.TOPIC, topic),
                )
                for user, topic, right in rights
            ]
        )  # fmt: skip


READERS = ["kafka-python", "librdkafka"]


@pytest.mark.parametrize("reader", READERS)
@pytest.mark.parametrize(
    ("listener", "settings"),
    [
        ("TLS", {}),
        ("ELSEWHERE", {"ssl_check_hostname": False}),
        ("LOGIN", {}),
        ("LOGIN", {"sasl_mechanism": "PLAIN"}),
        ("BOTH", {}),
        ("BOTH", {"sasl_mechanism": "PLAIN", "client": {"socket.keepalive.enable": True}}),
    ],
)
def test_a_cluster_is_read_as_it_is_secured(secured, listener, settings, reader):
    source = secured.at(listener, reader=reader, **settings)

    assert load(source, "events", Everything()).report.total_records == 1


@pytest.mark.parametrize("reader", READERS)
@pytest.mark.parametrize("form", ["files", "encrypted", "text", "one file"])
def test_mutual_tls_takes_files_and_texts(secured, tmp_path, form, reader):
    client = secured.client
    if form == "encrypted":
        client = signed(tmp_path, "client", secured.ca, password="sesame")
    given = {
        "files": {"ssl_certfile": client.certfile, "ssl_keyfile": client.keyfile},
        "encrypted": {
            "ssl_certfile": client.certfile,
            "ssl_keyfile": client.keyfile,
            "ssl_password": "sesame",
        },
        "text": {
            "ssl_ca": secured.ca.certfile.read_text(),
            "ssl_cafile": "",
            "ssl_cert": client.certfile.read_text(),
            "ssl_key": client.keyfile.read_text(),
        },
        "one file": {"ssl_certfile": tmp_path / "both.pem"},
    }[form]
    (tmp_path / "both.pem").write_text(client.both)
    source = secured.at(
        "MUTUAL", reader=reader, **{name: str(value) for name, value in given.items()}
    )

    assert load(source, "events", Everything()).report.total_records == 1


WRONG = {
    "password": ("LOGIN", {"sasl_password": "no"}, "refused the log-in of user 'ann'"),
    "password of PLAIN": (
        "LOGIN",
        {"sasl_mechanism": "PLAIN", "sasl_password": "no"},
        "refused the log-in of user 'ann' by PLAIN",
    ),
    "user": ("BOTH", {"sasl_username": "nobody"}, "refused the log-in of user 'nobody'"),
    "disabled mechanism": (
        "LOGIN",
        {"sasl_mechanism": "SCRAM-SHA-256"},
        "has not enabled the mechanism SCRAM-SHA-256",
    ),
    "unknown CA": ("TLS", {"ssl_cafile": "{other_ca}"}, "of an authority that is not trusted"),
    "no CA": ("TLS", {"ssl_cafile": ""}, "of an authority that is not trusted"),
    "expired certificate": ("EXPIRED", {}, "a certificate that has expired"),
    "host name": ("ELSEWHERE", {}, "a certificate that is for another host name"),
    "no client certificate": ("MUTUAL", {}, "asks for a client certificate"),
    "foreign client certificate": (
        "MUTUAL",
        {"ssl_certfile": "{foreign_cert}", "ssl_keyfile": "{foreign_key}"},
        "does not accept the certificate",
    ),
    "TLS to a port without": (
        "LOGIN",
        {"security_protocol": "SASL_SSL", "ssl_cafile": "{ca}"},
        "does not speak TLS at that port",
    ),
    "no TLS to a port with": (
        "TLS",
        {"security_protocol": "PLAINTEXT", "ssl_cafile": ""},
        "TLS",
    ),
    "log-in without TLS to a port with": (
        "BOTH",
        {"security_protocol": "SASL_PLAINTEXT", "ssl_cafile": ""},
        "TLS",
    ),
    "no log-in to a port with": (
        "LOGIN",
        {"security_protocol": "PLAINTEXT", **dict.fromkeys(ANN, "")},
        "may want TLS or a log-in",
    ),
    "log-in to a port without": (
        "TLS",
        {"security_protocol": "SASL_SSL", **ANN},
        "asks for no log-in at that port",
    ),
    "port": ("LOGIN", {"bootstrap_servers": "127.0.0.1:1"}, "nothing listens there"),
    "host": ("LOGIN", {"bootstrap_servers": "kafka.invalid:9092"}, "its host name is not known"),
}


@pytest.mark.parametrize("wrong", WRONG)
def test_a_wrong_setting_has_its_own_sentence_at_once_and_one_try(secured, wrong):
    # Given a listener behind something that counts connections
    listener, settings, sentence = WRONG[wrong]
    files = {
        "{other_ca}": secured.other_ca.certfile,
        "{ca}": secured.ca.certfile,
        "{foreign_cert}": secured.foreign_client.certfile,
        "{foreign_key}": secured.foreign_client.keyfile,
    }
    settings = {k: str(files.get(v, v)) for k, v in settings.items()}
    with running_proxy(secured.broker.listeners[listener]) as proxy:
        settings = {"bootstrap_servers": f"127.0.0.1:{proxy.port}", **settings}
        source = secured.at(listener, **settings)

        # When the topics are asked for
        began = time.monotonic()
        with pytest.raises(SkewlineError) as caught:
            source.topics()

    # Then it is said what is wrong, with the words of who said so
    assert sentence in caught.value.what + caught.value.remedy
    assert caught.value.said
    assert "of ann" not in str(caught.value) + caught.value.said
    assert time.monotonic() - began < QUICK_S
    # And nobody has tried to log in again and again
    if "log-in of" in sentence or "certificate" in sentence or "mechanism" in sentence:
        assert proxy.accepted == 1


def test_a_right_that_is_missing_is_named(secured):
    source = secured.at("LOGIN")

    # Rights on one topic are enough to see it and to read it
    assert [info.name for info in source.topics()] == ["events", "unread"]
    for reader in READERS:
        source = secured.at("LOGIN", reader=reader)
        with pytest.raises(SkewlineError, match="'ann' lacks the right Read on the topic 'unread'"):
            load(source, "unread", Everything())
        with pytest.raises(
            SkewlineError, match="'ann' lacks the right Describe on the topic 'hidden'"
        ):
            load(source, "hidden", Everything())


@pytest.fixture
def token_server() -> Iterator[HTTPServer]:
    """Serve client credentials at /token: client "skewline" with the secret "of skewline"."""
    with HTTPServer(("127.0.0.1", 0), _Tokens) as server:
        server.asked = 0
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def unsecured_token(user: str, seconds: int = 300) -> str:
    now = int(time.time())
    parts = ({"alg": "none"}, {"sub": user, "iat": now - 5, "exp": now + seconds})
    return ".".join(
        [
            *(base64.urlsafe_b64encode(json.dumps(p).encode()).decode().rstrip("=") for p in parts),
            "",
        ]
    )


class _Tokens(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        self.server.asked += 1
        self.rfile.read(int(self.headers["Content-Length"]))
        known = base64.b64encode(b"skewline:of skewline").decode()
        if self.headers["Authorization"] == f"Basic {known}":
            status, answer = 200, {"access_token": unsecured_token("ann"), "expires_in": 300}
        else:
            status, answer = 401, {"error": "invalid_client"}
        body = json.dumps(answer).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


BEARER = {"sasl_mechanism": "OAUTHBEARER", "sasl_username": "", "sasl_password": ""}


@pytest.mark.parametrize("reader", READERS)
def test_a_token_of_a_server_or_a_file_logs_in(secured, token_server, tmp_path, reader):
    url = f"http://127.0.0.1:{token_server.server_port}/token"
    client = {"oauth_client_id": "skewline", "oauth_client_secret": "of skewline"}
    of_server = secured.at("LOGIN", reader=reader, **BEARER, oauth_token_url=url, **client)
    (tmp_path / "token").write_text(unsecured_token("ann") + "\n")
    of_file = secured.at("LOGIN", reader=reader, **BEARER, oauth_token_file=str(tmp_path / "token"))

    for source in (of_server, of_file):
        assert load(source, "events", Everything()).report.total_records == 1
    assert token_server.asked == 1


def test_a_token_that_cannot_be_had_is_said_before_anything_is_connected(
    secured, token_server, tmp_path
):
    url = f"http://127.0.0.1:{token_server.server_port}/token"
    wrong = {"oauth_client_id": "skewline", "oauth_client_secret": "no"}
    (tmp_path / "expired").write_text(unsecured_token("ann", -60))
    given = {
        "gives client 'skewline' no token (HTTP 401)": {"oauth_token_url": url, **wrong},
        "does not answer": {"oauth_token_url": "http://127.0.0.1:1/token", **wrong},
        "has expired": {"oauth_token_file": str(tmp_path / "expired")},
        "cannot be read": {"oauth_token_file": str(tmp_path / "not-there")},
    }
    for sentence, settings in given.items():
        with pytest.raises(SkewlineError) as caught:
            secured.at("LOGIN", **BEARER, **settings).topics()
        assert sentence in caught.value.what


def test_a_log_in_to_msk_is_signed(monkeypatch):
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIAEXAMPLE")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "example")
    settings = KafkaSettings(
        "b-1.example.kafka.eu-west-1.amazonaws.com:9098",
        security_protocol="SASL_SSL",
        sasl_mechanism="AWS_MSK_IAM",
        aws_region="eu-west-1",
    )

    token = token_of(settings)

    signed_url = base64.urlsafe_b64decode(token.value + "===").decode()
    assert signed_url.startswith("https://kafka.eu-west-1.amazonaws.com/?Action=kafka-cluster")
    assert token.expires_s > time.time() + 600


def test_every_setting_may_change_without_another_identity_but_who_reads(secured):
    one = secured.at("LOGIN")
    other = KafkaTopics(replace(one.settings, sasl_username="eve"))

    assert one.identity != other.identity
