"""What a viewer sees of an error, what the log gets, and how one gets out of it."""

import logging
import re
from dataclasses import replace

import pytest

from lib.analysis import of_topic
from lib.core.errors import UNFORESEEN, BrokerUnreachableError, SkewlineError
from lib.core.masking import NOTHING_MASKED
from lib.core.schemas import NoSchemas
from lib.sources.base import Everything, Reader
from lib.sources.files.folder import SAMPLES_FOLDER, samples
from lib.ui import sidebar
from lib.ui.failures import UnforeseenError
from lib.ui.loads import LoadKey, load_of, reload_of
from tests.support.app import REPOSITORY
from tests.support.opened import (
    OVERVIEW,
    PAGES,
    PATIENCE_S,
    AppTest,
    files_of,
    metrics,
    open_app,
    press,
    settled,
)

pytestmark = pytest.mark.usefixtures("app_isolation")

KEY = LoadKey("samples", "sessions-10", Everything(), (), 5_000_000)


class FailingSource:
    """The samples, whose reads fail with the given exceptions before they succeed."""

    name = "Samples"
    identity = "failing"
    schemas = NoSchemas()
    masking = NOTHING_MASKED
    reader = Reader("file")

    def __init__(self, *failures):
        self.failures = list(failures)

    def topics(self):
        return samples().topics()

    def plan(self, topic, wanted):
        return samples().plan(topic, wanted)

    def still_holds(self, before, now, positions):  # noqa: ARG002
        return True

    def read(self, plan, wants_headers):
        if self.failures:
            raise self.failures.pop(0)
        return samples().read(plan, wants_headers)


def ended(source, key=KEY):
    load = load_of(source, key)
    load.settle(30)
    return load


def lines_of_the_app(caplog):
    return [line for line in caplog.records if line.name.startswith("lib.ui")]


AWAY = BrokerUnreachableError("No broker answers.", "Start it.", "Connection refused (61)")


class TestLoads:
    @pytest.mark.parametrize("failure", [AWAY, ValueError("payload")], ids=["foreseen", "not"])
    def test_a_failed_load_is_started_anew_on_reload(self, failure):
        source = FailingSource(failure)
        assert isinstance(ended(source).error, SkewlineError)
        assert ended(source).loaded is None
        reload_of(source, KEY)
        assert ended(source).error is None
        assert len(ended(source).loaded.events.table) == 255

    @pytest.mark.parametrize("failure", [AWAY, ValueError("payload")], ids=["foreseen", "not"])
    def test_the_last_good_data_stays_until_a_reload_succeeds(self, failure):
        good = ended(FailingSource()).loaded
        # Where nobody foresaw it, the first reload tries to read all, too; the second does at once.
        source = FailingSource(*[failure] * (2 if failure is AWAY else 3))
        for _ in range(2):
            reload_of(source, KEY)
            assert isinstance(ended(source).error, SkewlineError)
            assert ended(source).loaded is good
        reload_of(source, KEY)
        assert ended(source).error is None
        assert ended(source).loaded is not good

    def test_after_what_nobody_foresaw_all_is_read_again(self):
        ended(FailingSource())
        source = FailingSource(ValueError("payload"))
        reload_of(source, KEY)
        assert ended(source).error is None
        assert ended(source).loaded.report.read.records == 255

    def test_what_nobody_foresaw_has_a_number_that_the_log_explains(self, caplog):
        error = ended(FailingSource(ZeroDivisionError("odd"))).error
        assert isinstance(error, UnforeseenError)
        [number] = re.findall(r"\d{6}", error.what)
        [line] = lines_of_the_app(caplog)
        assert (line.levelno, line.getMessage()) == (
            logging.ERROR,
            f"Error {number}, loading sessions-10",
        )
        assert line.exc_info[0] is ZeroDivisionError

    def test_what_was_foreseen_is_one_line_in_the_log(self, caplog):
        ended(FailingSource(AWAY), replace(KEY, topic="sessions-10"))
        [line] = lines_of_the_app(caplog)
        assert (line.levelno, line.exc_info) == (logging.WARNING, None)
        assert line.getMessage() == "Loading sessions-10 failed: No broker answers."


def run_with_a_failing_page(monkeypatch, page=OVERVIEW):
    """Open a page whose analyses fail as nothing should."""

    def fail(_):
        raise ZeroDivisionError("a secret/path")

    monkeypatch.setattr(of_topic, "analyse", fail)
    monkeypatch.setattr(of_topic, "assess_timestamps", fail)
    script = str(REPOSITORY / "streamlit_app.py")
    return loaded(AppTest.from_file(script, default_timeout=PATIENCE_S).switch_page(page).run())


def loaded(at):
    """Run the app until nothing is being read any more; the page may have failed."""
    while at.progress:
        at.run()
    return at


class TestPages:
    @pytest.mark.parametrize("page", PAGES)
    def test_what_nobody_foresaw_is_a_sentence_with_a_number(self, monkeypatch, caplog, page):
        at = run_with_a_failing_page(monkeypatch, page)
        [said] = at.error
        [number] = re.findall(r"\d{6}", said.proto.title)
        assert said.proto.title == f"{UNFORESEEN} (number {number})."
        assert "secret" not in said.value
        assert not at.exception
        [line] = [line for line in lines_of_the_app(caplog) if number in line.getMessage()]
        assert line.exc_info[0] is ZeroDivisionError

    def test_it_is_gone_when_its_cause_is(self, monkeypatch):
        at = run_with_a_failing_page(monkeypatch)
        monkeypatch.undo()
        press(at, "Try again")
        assert metrics(at)["Events"] == "255"

    def test_a_foreseen_error_has_the_librarys_words_below(self, monkeypatch):
        source = FailingSource(AWAY)
        monkeypatch.setattr(sidebar, "chosen_source", lambda _: source)
        at = open_app(topic="sessions-10")
        [said] = at.error
        assert said.proto.title == AWAY.what
        assert "`Connection refused (61)`" in [text.value for text in at.markdown]

    def test_a_mended_file_is_there_after_reload(self, monkeypatch, tmp_path):
        # Given a file that cannot be read
        folder = files_of(tmp_path / "files", monkeypatch)
        (folder / "trips.jsonl.gz").write_bytes(b"no gzip")
        at = open_app(source="Files", topic="trips")
        assert at.error

        # When it is mended, and read again
        good = (SAMPLES_FOLDER / "sessions-10.jsonl.gz").read_bytes()
        (folder / "trips.jsonl.gz").write_bytes(good)
        press(at, "Reload")

        # Then it is there, for everybody
        assert not at.error
        assert metrics(settled(at.run()))["Events"] == "255"
        assert metrics(open_app(source="Files", topic="trips"))["Events"] == "255"
