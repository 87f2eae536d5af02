"""Certificates and keys that cannot be used: what is wrong is said before anything is connected."""

from __future__ import annotations

import socket
import ssl
import threading
from typing import TYPE_CHECKING

import pytest

from lib.core.errors import SettingsError
from lib.sources.kafka import KafkaSettings
from lib.sources.kafka.tls import tls_context
from tests.support.certificates import Signed, authority, signed

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def ca(tmp_path: Path) -> Signed:
    return authority(tmp_path, "ca")


def context_of(**settings: object) -> ssl.SSLContext:
    given = {name: str(value) for name, value in settings.items()}
    return tls_context(KafkaSettings("127.0.0.1:9092", security_protocol="SSL", **given))


def refused(**settings: object) -> str:
    with pytest.raises(SettingsError) as caught:
        context_of(**settings)
    return str(caught.value)


def test_a_file_that_is_not_there_a_folder_or_no_pem_is_said(tmp_path):
    assert "is not there" in refused(ssl_cafile=tmp_path / "none.pem")
    assert "is a folder" in refused(ssl_cafile=tmp_path)
    for content, said in (
        (b"words", "is no PEM file."),
        (b"\xfe\xed\xfe\xed\0\0", "a Java keystore (JKS)"),
        (b"\x30\x82\x01\x0a", "in DER or PKCS #12 form"),
        (b"-----BEGIN CERTIFICATE-----\nno\n-----END CERTIFICATE-----", "no certificate that can"),
    ):
        (tmp_path / "file").write_bytes(content)
        assert said in refused(ssl_cafile=tmp_path / "file")


def test_a_certificate_that_has_expired_is_said(ca, tmp_path):
    old = signed(tmp_path, "old", ca, days=-1)

    said = refused(ssl_cafile=ca.certfile, ssl_certfile=old.certfile, ssl_keyfile=old.keyfile)

    assert "holds a certificate that expired on" in said


def test_a_key_that_does_not_open_or_fit_is_said_and_nobody_is_asked(ca, tmp_path, monkeypatch):
    # Given a terminal at which a question would wait
    monkeypatch.setattr("getpass.getpass", lambda *_: pytest.fail("asked"))
    own = signed(tmp_path, "own", ca, password="sesame")
    other = signed(tmp_path, "other", ca)
    certificate = {"ssl_cafile": ca.certfile, "ssl_certfile": own.certfile}

    assert "is encrypted, and there is no ssl_password" in refused(
        **certificate, ssl_keyfile=own.keyfile
    )
    assert "ssl_password does not open" in refused(
        **certificate, ssl_keyfile=own.keyfile, ssl_password="no"
    )
    assert "is not that of the certificate" in refused(**certificate, ssl_keyfile=other.keyfile)
    assert "holds no key" in refused(**certificate, ssl_keyfile=ca.certfile)
    assert context_of(**certificate, ssl_keyfile=own.keyfile, ssl_password="sesame")


def test_what_fits_is_used(ca, tmp_path):
    # Given a server that wants a certificate of the authority
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    broker = signed(tmp_path, "broker", ca)
    server.load_cert_chain(broker.certfile, broker.keyfile)
    server.load_verify_locations(ca.certfile)
    server.verify_mode = ssl.CERT_REQUIRED
    client = signed(tmp_path, "client", ca)
    context = context_of(
        ssl_ca=ca.certfile.read_text(),
        ssl_cert=client.certfile.read_text(),
        ssl_key=client.keyfile.read_text(),
    )

    # When the two meet
    ours, theirs = socket.socketpair()
    shown: list[object] = []

    def serve() -> None:
        with server.wrap_socket(theirs, server_side=True) as connection:
            shown.append(connection.getpeercert())
            connection.sendall(b"!")

    thread = threading.Thread(target=serve)
    thread.start()
    with context.wrap_socket(ours, server_hostname="127.0.0.1") as connection:
        assert connection.recv(1) == b"!"
    thread.join()

    # Then the server has seen it
    assert (("commonName", "client"),) in shown[0]["subject"]
