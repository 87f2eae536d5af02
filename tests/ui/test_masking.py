"""A value of a masked field is found nowhere: on no page, in no output, not in the log."""

from __future__ import annotations

import io
import json
import logging

import fastavro
import pandas as pd
import pyarrow.parquet as pq
import pytest

from lib.report.__main__ import main
from tests.support.opened import PAGES, RECORDS, files_of, metrics, open_app, settled

pytestmark = pytest.mark.usefixtures("app_isolation")

PLANTED = "planted-hunter2"
FIELDS = "email,card_*,@key"
START = 1_704_164_650_000


def events():
    """Return events of three clients, known by their address alone, one of them late."""
    return [
        {
            "email": f"{PLANTED}-{n % 3}@example.com",
            "session": f"s{n % 3}",
            "seq": n // 3,
            "time": START + 1_000 * n,
            "received": START + 1_000 * n + (90_000 if n % 50 == 49 else 300 + n * 7919 % 900),
            "payment": json.dumps({"card_number": f"{PLANTED}-{n}", "total": 12}),
            "note": f"login email={PLANTED}",
        }
        for n in range(300)
    ]


def json_file(folder):
    nested = [
        e | {"cards": [{"card_owner": PLANTED}], "card_no": n} for n, e in enumerate(events())
    ]
    lines = [*map(json.dumps, nested), f'{{"email": "{PLANTED}", broken', f'"{PLANTED}"']
    (folder / "t.jsonl").write_text("\n".join(lines))


def kcat_file(folder):
    lines = [
        json.dumps(
            {
                "topic": "t", "partition": 0, "offset": n, "tstype": "create",
                "ts": event["received"], "broker": 0, "headers": ["email", PLANTED],
                "key": PLANTED, "payload": json.dumps(event) if n else f"{PLANTED} no JSON",
            }
        )
        for n, event in enumerate(events())
    ]  # fmt: skip
    (folder / "t.jsonl").write_text("\n".join(lines))


def csv_file(folder):
    text = pd.DataFrame(events()).to_csv(index=False).encode()
    (folder / "t.csv").write_bytes(text + PLANTED.encode() + b"\xff,1,2,3,4,5,6\n")


def avro_file(folder):
    kinds = {name: "string" if isinstance(v, str) else "long" for name, v in events()[0].items()}
    schema = {
        "type": "record",
        "name": "E",
        "fields": [{"name": name, "type": kind} for name, kind in kinds.items()],
    }
    written = io.BytesIO()
    fastavro.writer(written, schema, events())
    (folder / "t.avro").write_bytes(written.getvalue())


WRITERS = {"JSON": json_file, "kcat": kcat_file, "CSV": csv_file, "Avro": avro_file}


@pytest.fixture(params=WRITERS)
def topic(request, tmp_path, monkeypatch, caplog):
    folder = files_of(tmp_path / "files", monkeypatch)
    WRITERS[request.param](folder)
    monkeypatch.setenv("SKEWLINE_MASK", FIELDS)
    monkeypatch.setenv("HOME", str(tmp_path))  # the command line's secrets
    caplog.set_level(logging.DEBUG)
    return "t"


def everything_sent(at):
    """Return all that the app has sent to the browser, charts' and tables' data too."""
    return b"".join(
        element.proto.SerializeToString()
        for element in at._tree
        if hasattr(getattr(element, "proto", None), "SerializeToString")
    )


def test_on_no_page_and_not_in_the_log(topic, caplog):
    at = open_app(source="Files", topic=topic, client="email", received_time="received")
    assert metrics(at)["Clients"] == "3"
    for page in PAGES:
        sent = everything_sent(settled(at.switch_page(page).run()))
        assert len(sent) > 1_000
        assert b"masked-" in sent or page == PAGES[-1]
        assert PLANTED.encode() not in sent, page
    assert PLANTED not in caplog.text


@pytest.mark.parametrize("offset", [0, 7, 300, 301])
def test_not_in_a_record_as_it_stands_in_the_log(topic, offset):
    # Given a record of each kind: good ones, and rejected ones or none at the end
    at = open_app(RECORDS, source="Files", topic=topic, record=f"0:{offset}")
    assert PLANTED.encode() not in everything_sent(at)


def test_in_no_output_of_the_report(topic, tmp_path, capsys, caplog):
    outputs = {name: tmp_path / f"r.{name}" for name in ("html", "json", "windows", "dropped")}
    asked = [text for name, path in outputs.items() for text in (f"--{name}", str(path))]
    asked += ["--events", str(tmp_path / "r.parquet"), "--verbose"]
    main(
        [
            "--source",
            "files",
            "--topic",
            topic,
            "--fields",
            "client=email",
            "received_time=received",
            *asked,
        ]
    )
    told = json.loads(outputs["json"].read_text())
    assert told["events"] >= 299
    assert told["clients"] == 3
    for path in outputs.values():
        assert PLANTED not in path.read_text(), path.suffix
    kept = pq.read_table(tmp_path / "r.parquet").to_pylist()
    assert str(kept).count("masked-") >= 299
    assert PLANTED not in str(kept)
    said = capsys.readouterr()
    assert PLANTED not in said.out + said.err + caplog.text


def test_a_masked_client_is_a_client_like_any_other(tmp_path, monkeypatch):
    # Given a topic read once as it is, once with its clients masked
    json_file(files_of(tmp_path / "files", monkeypatch))
    as_it_is = metrics(
        open_app(source="Files", topic="t", client="email", received_time="received")
    )
    monkeypatch.setenv("SKEWLINE_MASK", "email")

    masked = open_app(source="Files", topic="t", client="email", received_time="received")

    # Then every figure is the same
    timed = ("Rate", "Last read")
    shown = metrics(masked).items()
    assert dict(shown) | dict.fromkeys(timed) == as_it_is | dict.fromkeys(timed)
    assert any("email. How rejected records begin is withheld" in i.value for i in masked.info)
