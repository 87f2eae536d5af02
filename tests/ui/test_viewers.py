"""Two viewers of one server, who upload different files of one name and one length."""

import json

import pytest

from lib.ui.inputs import upload
from tests.support.opened import (
    DELAY,
    OUTAGES,
    OVERVIEW,
    captions,
    go_to,
    metrics,
    open_app,
    press,
    settled,
)

pytestmark = pytest.mark.usefixtures("app_isolation")

ZERO_MS = 1_540_726_486_041
NAME = "events.jsonl"


def recording(*, silent, ahead, ahead_ms):
    """Return a file of kcat's lines: ten minutes of three clients, an event a second each.

    One is silent for a minute and delivers afterwards, the clock of another is ahead.
    """
    lines = []
    for client in ("aa", "bb", "cc"):
        for second in range(600):
            happened = ZERO_MS + 1000 * second + 100 * (client == "bb")
            is_held = client == silent and 120 <= second < 180
            received = ZERO_MS + 180_000 + second if is_held else happened + 20 + second % 7
            event_time = happened + (ahead_ms if client == ahead else 0)
            value = {"Timestamp": event_time, "ClientID": client, "SessionID": f"s-{client}"}
            lines.append((received, json.dumps(value | {"EventID": second + 1})))
    kcat = [
        {"topic": "events", "partition": 0, "offset": offset, "tstype": "logappend"}
        | {"ts": received, "key": None, "payload": value}
        for offset, (received, value) in enumerate(sorted(lines))
    ]
    return "\n".join(json.dumps(line) for line in kcat).encode()


ONE = recording(silent="aa", ahead="cc", ahead_ms=30_000)
OTHER = recording(silent="bb", ahead="aa", ahead_ms=60_000)


def viewer(content, page=OVERVIEW):
    at = open_app(page, source="Upload")
    return settled(at.file_uploader[0].set_value((NAME, content, "application/json")).run())


def findings(at):
    return [text.value for text in at.markdown if text.value.startswith("Client ")]


def names_in(sentences):
    return {name for name in ("aa", "bb", "cc") if any(name in said for said in sentences)}


def test_the_two_files_differ_in_nothing_but_their_events():
    assert len(ONE) == len(OTHER)
    assert ONE != OTHER


def test_none_sees_the_others_findings():
    one, other = viewer(ONE), viewer(OTHER)
    assert names_in(findings(one)) == {"aa", "cc"}
    assert names_in(findings(other)) == {"aa", "bb"}
    assert names_in(findings(settled(one.run()))) == {"aa", "cc"}


def test_none_sees_the_others_events():
    one, other = viewer(ONE), viewer(OTHER)
    assert metrics(one)["Clock ahead"] == "600"
    assert [table.value.equals(other.dataframe[0].value) for table in one.dataframe[:1]] == [False]
    assert one.dataframe[0].value["Timestamp"].max() < other.dataframe[0].value["Timestamp"].max()


def test_none_sees_the_others_corrected_clocks():
    one, other = viewer(ONE), viewer(OTHER)
    for at in (one, other):
        settled(at.toggle(key="correct").set_value(True).run())
    for at, corrected in ((one, "cc"), (other, "aa")):
        [said] = at.info
        assert said.value.startswith(f"Event times of client {corrected} are corrected")
        assert metrics(at)["Clock ahead"] == "0"


@pytest.mark.parametrize(("page", "alt"), [(OUTAGES, "Outages"), (DELAY, "Each client's clock")])
def test_none_sees_the_others_tables(page, alt):
    one, other = (go_to(viewer(content), page) for content in (ONE, OTHER))
    shown = [
        next(table.value for table in at.dataframe if table.proto.alt.startswith(alt))
        for at in (one, other)
    ]
    assert not shown[0].equals(shown[1])


def test_a_viewer_who_uploads_another_file_sees_that_one():
    at = viewer(ONE)
    assert names_in(findings(at)) == {"aa", "cc"}
    settled(at.file_uploader[0].set_value((NAME, OTHER, "application/json")).run())
    assert names_in(findings(at)) == {"aa", "bb"}
    settled(at.file_uploader[0].set_value(("more.jsonl", ONE, "application/json")).run())
    assert names_in(findings(at)) == {"aa", "cc"}
    assert "1,800 records in 1 partition" in captions(at)


def test_a_file_is_hashed_and_listed_once_not_once_a_rerun(monkeypatch):
    made = []

    def counting(name, content, schemas):
        made.append(name)
        return upload_of(name, content, schemas=schemas)

    upload_of = upload.UploadedTopic
    monkeypatch.setattr(upload, "UploadedTopic", counting)
    at = viewer(ONE)
    press(at, "Reload")
    go_to(at, OUTAGES)
    assert made == [NAME]
