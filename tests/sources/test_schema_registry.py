"""The client of schema registries: against Apicurio's, and against a server that misbehaves."""

from __future__ import annotations

import json
import subprocess
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from ssl import PROTOCOL_TLS_SERVER, SSLContext
from uuid import uuid4

import fastavro
import pytest
import requests

from lib.core.errors import SchemaError, SettingsError
from lib.core.schemas import SchemaId
from lib.decoding.schemas import schema_decoder
from lib.sources.kafka import schema_registry
from lib.sources.kafka.schema_registry import (
    MOST_UNKNOWN,
    RegistrySettings,
    SchemaRegistry,
    fingerprint_of,
    registry_settings_from,
)
from tests.support.blocks import block
from tests.support.processes import PATIENCE_S, free_port
from tests.support.registry import register

LONG = '{"type":"record","name":"E","fields":[{"name":"a","type":"long"}]}'


def by_id(number: int) -> SchemaId:
    return SchemaId("schema id", number)


# Settings


def test_secrets_are_masked():
    settings = RegistrySettings("http://r", username="u", password="secret")

    assert "secret" not in repr(settings)
    assert "secret" not in repr(RegistrySettings("http://r", token="secret"))


def test_the_environment_completes_the_settings():
    environment = {"SCHEMA_REGISTRY_URL": "http://r", "SCHEMA_REGISTRY_TOKEN": "t"}

    assert registry_settings_from({}, environment) == RegistrySettings("http://r", token="t")
    assert registry_settings_from({"url": "http://s"}, environment).url == "http://s"
    assert registry_settings_from({}, {}) is None


@pytest.mark.parametrize(
    "secrets",
    [
        {"url": ""},
        {"url": "registry:8081"},
        {"url": "file:///etc/passwd"},
        {"url": "http://name:secret@registry"},
        {"url": 7},
        {"username": "u"},
        {"url": "http://r", "password": "secret"},
        {"url": "http://r", "token": "secret", "username": "u"},
        {"url": "http://r", "timeout_s": 0},
        {"url": "http://r", "timeout_s": "soon"},
        {"url": "http://r", "pasword": "secret"},
    ],
)
def test_settings_that_cannot_be_used_say_so(secrets):
    with pytest.raises(SettingsError) as error:
        registry_settings_from(secrets, {})

    assert "secret" not in str(error.value).replace("schema_registry", "")


# Apicurio's registry


@pytest.fixture
def subject() -> str:
    return f"subject-{uuid4()}"


@pytest.fixture
def source(registry) -> SchemaRegistry:
    return SchemaRegistry(RegistrySettings(registry.url, timeout_s=3 * PATIENCE_S))


def test_a_schema_is_found_by_its_id(registry, source, subject):
    schema = source.schema(by_id(register(registry.url, subject, LONG)))

    assert (schema.type, json.loads(schema.text)) == ("AVRO", json.loads(LONG))


def test_what_a_schema_refers_to_comes_with_it(registry, source, subject):
    register(registry.url, f"{subject}-inner", LONG)
    outer = '{"type":"record","name":"O","fields":[{"name":"e","type":"E"}]}'
    number = register(registry.url, subject, outer, references=[("E", f"{subject}-inner", 1)])
    records = block(b"\0" + number.to_bytes(4, "big") + b"\x0e")

    decoded = schema_decoder(records, source).decode(records)

    assert decoded.columns["e.a"].to_pylist() == [7]


def test_protobuf_with_an_import_is_read(registry, source, subject):
    register(registry.url, f"{subject}-part", PART, "PROTOBUF")
    whole = 'syntax = "proto3"; import "x/part.proto"; message Whole { x.Part part = 1; }'
    references = [("x/part.proto", f"{subject}-part", 1)]
    number = register(registry.url, subject, whole, "PROTOBUF", references)
    records = block(b"\0" + number.to_bytes(4, "big") + b"\0\x0a\x02\x08\x07")

    decoded = schema_decoder(records, source).decode(records)

    assert decoded.columns["part.a"].to_pylist() == [7]


PART = 'syntax = "proto3"; package x; message Part { int32 a = 1; }'


def test_apicurios_global_ids_are_found(registry, source, subject):
    number = register(registry.url, subject, LONG)
    found = requests.get(
        f"{registry.root}/apis/registry/v3/search/versions",
        params={"contentId": number},
        timeout=10,
    ).json()
    global_id = found["versions"][0]["globalId"]

    assert json.loads(source.schema(SchemaId("global id", global_id)).text) == json.loads(LONG)


def test_single_objects_are_read(registry, source, subject):
    name = f"S{uuid4().hex}"
    schema = {"type": "record", "name": name, "fields": [{"name": "a", "type": "long"}]}
    register(registry.url, subject, json.dumps(schema))
    canonical = fastavro.schema.to_parsing_canonical_form(schema)
    fingerprint = fastavro.schema.fingerprint(canonical, "CRC-64-AVRO")
    records = block(b"\xc3\x01" + bytes.fromhex(fingerprint) + b"\x0e")

    decoded = schema_decoder(records, source).decode(records)

    assert decoded.columns["a"].to_pylist() == [7]


@pytest.mark.parametrize(
    "wanted",
    [
        by_id(999_999_999),
        SchemaId("GUID", str(uuid4())),
        SchemaId("global id", 999_999_999),
        SchemaId("fingerprint", "0" * 16),
        SchemaId("Glue schema version", str(uuid4())),
    ],
)
def test_a_schema_that_is_not_there_says_why(source, wanted):
    with pytest.raises(SchemaError, match=r"does not give it|cannot be read"):
        source.schema(wanted)


# A server that notes what it is asked, and answers what it is told to


class Server:
    """A registry on loopback: `answers` by path, else 404; `asked` has the requests."""

    def __init__(self) -> None:
        self.answers: dict[str, tuple[int, bytes]] = {}
        self.asked: list[tuple[str, str | None]] = []
        self.url = ""

    def has(self, path: str, schema: str, **more: object) -> None:
        self.answers[path] = 200, json.dumps({"schema": schema, **more}).encode()


@contextmanager
def serving(context: SSLContext | None = None):
    server = Server()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            server.asked.append((self.path, self.headers.get("Authorization")))
            status, content = server.answers.get(self.path, (404, b'{"message":"not here"}'))
            self.send_response(status)
            if status == 302:
                self.send_header("Location", "/schemas/ids/1")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_):
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as http:
        scheme = "http"
        if context is not None:
            http.socket = context.wrap_socket(http.socket, server_side=True)
            scheme = "https"
        server.url = f"{scheme}://127.0.0.1:{http.server_address[1]}"
        thread = threading.Thread(target=http.serve_forever, daemon=True)
        thread.start()
        yield server
        http.shutdown()
        thread.join()


@pytest.fixture
def server():
    with serving() as running:
        yield running


def test_a_schema_is_fetched_once(server):
    server.has("/schemas/ids/1", LONG)
    source = SchemaRegistry(RegistrySettings(server.url))

    threads = [threading.Thread(target=source.schema, args=(by_id(1),)) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert [path for path, _ in server.asked] == ["/schemas/ids/1"]


@pytest.mark.parametrize(
    ("settings", "sent"),
    [
        ({"username": "ä", "password": "p"}, "Basic w6Q6cA=="),
        ({"token": "t"}, "Bearer t"),
        ({}, None),
    ],
)
def test_credentials_are_sent(server, settings, sent):
    server.has("/schemas/ids/1", LONG)

    SchemaRegistry(RegistrySettings(server.url, **settings)).schema(by_id(1))

    assert server.asked == [("/schemas/ids/1", sent)]


@pytest.mark.parametrize(
    ("status", "content", "said"),
    [
        (401, b"", "it refuses access"),
        (404, b'{"message":"Schema 1 not found."}', "Schema 1 not found"),
        (404, b"<html>", "no reason given"),
        (302, b"", "HTTP 302"),
        (200, b"<html>", "is url that of its API"),
        (200, b"[]", "holds no schema"),
        (200, b'{"schema":"x","schemaType":"XML"}', "'XML'"),
        (200, b"x" * 2000, "too large"),
        (503, b"", "HTTP 503"),
    ],
)
def test_an_answer_that_is_no_schema_says_why(server, monkeypatch, status, content, said):
    monkeypatch.setattr(schema_registry, "_LARGEST_ANSWER", 1000)
    server.answers["/schemas/ids/1"] = status, content

    with pytest.raises(SchemaError, match=said):
        SchemaRegistry(RegistrySettings(server.url, token="secret")).schema(by_id(1))

    assert len(server.asked) == 1


def test_a_missing_schema_is_asked_for_once(server):
    source = SchemaRegistry(RegistrySettings(server.url))

    for _ in range(3):
        with pytest.raises(SchemaError, match="not here"):
            source.schema(by_id(1))

    assert len(server.asked) == 1


def test_a_topic_of_something_else_does_not_ask_for_ever(server):
    source = SchemaRegistry(RegistrySettings(server.url))

    for number in range(2 * MOST_UNKNOWN):
        with pytest.raises(SchemaError):
            source.schema(by_id(number))

    assert len(server.asked) == MOST_UNKNOWN


def test_references_in_a_circle_end(server):
    circle = [{"name": "E", "subject": "s", "version": 1}]
    server.has("/schemas/ids/1", LONG, references=circle)
    server.has("/subjects/s/versions/1", LONG, references=circle)

    with pytest.raises(SchemaError, match="go on and on"):
        SchemaRegistry(RegistrySettings(server.url)).schema(by_id(1))


def test_a_guid_is_asked_for_as_confluent_has_it(server):
    guid = str(uuid4())
    server.has(f"/schemas/guids/{guid}", LONG)

    found = SchemaRegistry(RegistrySettings(server.url)).schema(SchemaId("GUID", guid))

    assert found.text == LONG


def test_a_registry_that_is_away_is_not_waited_for_again(monkeypatch):
    source = SchemaRegistry(RegistrySettings(f"http://127.0.0.1:{free_port()}"))

    with pytest.raises(SchemaError, match="does not answer"):
        source.schema(by_id(1))
    monkeypatch.setattr(source, "_get", None)
    with pytest.raises(SchemaError, match="does not answer"):
        source.schema(by_id(2))


def test_only_a_trusted_certificate_is_accepted(tmp_path):
    key, certificate = tmp_path / "key.pem", tmp_path / "certificate.pem"
    command = "openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=127.0.0.1"
    more = ["-addext", "subjectAltName=IP:127.0.0.1", "-keyout", str(key), "-out", str(certificate)]
    subprocess.run([*command.split(), *more], check=True, capture_output=True)
    context = SSLContext(PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)

    with serving(context) as server:
        server.has("/schemas/ids/1", LONG)
        trusting = RegistrySettings(server.url, ssl_cafile=str(certificate))

        assert SchemaRegistry(trusting).schema(by_id(1)).text == LONG
        with pytest.raises(SchemaError, match="SSLError"):
            SchemaRegistry(RegistrySettings(server.url)).schema(by_id(1))


def test_a_fingerprint_is_that_of_the_specification():
    """Its test data: that of "int" is 0x7275d51a3f395c8f; in a record the last byte is first."""
    assert fingerprint_of('"int"') == "8f5c393f1ad57572"
    assert fingerprint_of("{") == ""
