"""What a page sends is bounded, whatever the topic holds."""

import re

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from streamlit.testing.v1 import local_script_runner

from tests.support.opened import DELAY, OUTAGES, PAGES, captions, files_of, go_to, metrics, open_app

pytestmark = pytest.mark.usefixtures("app_isolation")

MOST_BYTES = 2_000_000
ZERO_MS = 1_540_726_486_041
CLIENTS = 50_000


@pytest.fixture
def sent(monkeypatch):
    """The messages of the last run, as a browser would get them."""
    messages = []
    parse = local_script_runner.parse_tree_from_messages

    def taken(of_run):
        messages[:] = of_run
        return parse(of_run)

    monkeypatch.setattr(local_script_runner, "parse_tree_from_messages", taken)
    return messages


@pytest.fixture
def folder(tmp_path, monkeypatch):
    return files_of(tmp_path / "files", monkeypatch)


def write(path, client, number, delay, name=lambda client: f"client-{client:06d}"):
    """Write events, ten seconds apart for each client, in the order in which they arrived."""
    happened = ZERO_MS + 10_000 * number + 100 * (client % 600)
    order = np.argsort(happened + delay, kind="stable")
    names = [name(each) for each in client[order].tolist()]
    columns = {
        "Timestamp": happened[order],
        "KafkaTimestamp": (happened + delay)[order],
        "ClientID": names,
        "SessionID": names,
        "EventID": number[order] + 1,
    }
    pq.write_table(pa.table(columns), path)


def write_many_clients(path):
    """Of each client two events; a third of them had a bad network, and some were cut off."""
    client, number = np.divmod(np.arange(2 * CLIENTS), 2)
    waits = np.random.default_rng(1).integers(0, 60_000, 2 * CLIENTS)
    write(path, client, number, 20 + waits % 7 + waits * (client % 3 == 0))


def test_no_page_sends_more_than_2_mb_of_many_clients(folder, sent):
    # Given a topic of 50,000 clients, and thousands of outages, clocks and late events
    write_many_clients(folder / "many.parquet")
    at, told = open_app(source="Files", topic="many"), []
    assert metrics(at)["Clients"] == f"{CLIENTS:,}"
    for page in PAGES:
        # When each page is opened
        go_to(at, page)
        # Then it sends little, and says what it leaves out
        assert sum(message.ByteSize() for message in sent) < MOST_BYTES, page
        told.append(captions(at))
    assert (
        f"The first 1,000 of {CLIENTS:,}, the furthest off first; all in the download."
        in (told[PAGES.index(DELAY)])
    )
    outages = told[PAGES.index(OUTAGES)]
    assert re.search(r"The first 1,000 of \d+,\d+, those that touch the most events", outages)
    assert f"The first 1,000 of {CLIENTS:,}; all in the download." in outages
    # And a client that no list has can be chosen
    last = f"client-{CLIENTS - 1:06d}"
    assert last not in at.multiselect(key="clients").options
    assert metrics(open_app(source="Files", topic="many", clients=last))["Events"] == "2"
    # What no client is called is said, and shows nothing
    at = open_app(source="Files", topic="many", clients="nobody")
    assert "No client is called “nobody”." in captions(at)
    assert at.info[0].proto.title == "No event is left by the clients."


def test_no_page_sends_more_than_2_mb_of_long_names(folder, sent):
    clients = np.arange(4_900)  # as many as points are drawn: each with its name
    late = np.where(clients % 7 == 0, 20_000, 30)
    write(
        folder / "long.parquet",
        clients,
        clients,
        late,
        lambda client: f"{client:05d}{'🛰' * 1_000}",
    )
    at = open_app(source="Files", topic="long")
    for page in PAGES:
        go_to(at, page)
        assert sum(message.ByteSize() for message in sent) < MOST_BYTES, page
