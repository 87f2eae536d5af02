"""A cluster on this machine for the tests of `lib.cluster`, and topics to read there."""

from __future__ import annotations

import json
import os

import pytest

from lib.cluster import topic
from lib.cluster.connection import connected
from lib.cluster.settings import FROM_VARIABLE, LOCAL, VARIABLE
from lib.report.__main__ import main
from lib.simulate.__main__ import main as write_topic
from tests.cluster.same import FAULTS

OFFSETS = 1_000
"""Of a block in the app, so that the sample is in several."""


@pytest.fixture(scope="package", autouse=True)
def no_secrets(tmp_path_factory):
    """Keep everything from the secrets of the person who runs the tests."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HOME", str(tmp_path_factory.mktemp("home")))
        yield


@pytest.fixture(scope="package")
def client():
    with connected(LOCAL, workers=2) as client:
        yield client


def read_files_of(folder):
    """Make a folder a worker's source of files."""
    os.environ["SKEWLINE_FILES"] = folder


@pytest.fixture
def cluster(client, monkeypatch):
    """Set the cluster for the app, and offer it every topic of a hundred records."""
    monkeypatch.setenv(VARIABLE, client.scheduler.address)
    monkeypatch.setenv(FROM_VARIABLE, "100")
    monkeypatch.setitem(topic.hold.__kwdefaults__, "offsets", OFFSETS)
    return client


@pytest.fixture
def both(tmp_path, monkeypatch):
    """Report without a cluster and on one, in blocks of some offsets; return both documents.

    With `and_page`, the pages of both have to be the same, too, but for when they were made.
    """

    def run(*arguments, address, offsets, and_page=False):
        monkeypatch.setitem(topic.hold.__kwdefaults__, "offsets", offsets)
        documents, pages = [], []
        for number, more in enumerate(((), ("--cluster", address))):
            path, page = tmp_path / f"{number}.json", tmp_path / f"{number}.html"
            html = ["--html", str(page)] if and_page else []
            assert main([*map(str, arguments), *more, *html, "--json", str(path)]) == 0
            documents.append(json.loads(path.read_text()))
            if and_page:
                pages.append(page.read_text().replace(documents[-1]["made"]["at"], ""))
        assert len({*pages}) <= 1, "pages differ"  # a comparison of long texts would take minutes
        return documents

    return run


@pytest.fixture(scope="package")
def files(tmp_path_factory):
    """Topics of four partitions, keyed by client and not."""
    folder = tmp_path_factory.mktemp("topics")
    for name, keys in (("keyed", "--keys"), ("unkeyed", "--no-keys")):
        path = str(folder / f"{name}.jsonl")
        write_topic(["--out", path, "--partitions", "4", keys, *FAULTS])
    return folder
