"""The fixtures that other tests stand on."""

import os
import sys
from pathlib import Path
from urllib.request import urlopen

import pytest
from streamlit.testing.v1 import AppTest

from tests.support.app import REPOSITORY, running_app
from tests.support.opened import GLOSSARY, PAGES
from tests.support.processes import ServerStartError, running

SHOW_SETTINGS = """
import os
import streamlit as st

st.write("broker", os.environ.get("KAFKA_BOOTSTRAP_SERVERS"))
st.write("user", os.environ.get("KAFKA_USERNAME"))
st.write("secrets", len(st.secrets))
"""

SHOW_CACHED_RUN = """
import streamlit as st

@st.cache_data
def first_run():
    return st.session_state["run"]

st.markdown(first_run())
"""

SHOW_PASSWORD = """
import streamlit as st

st.markdown(st.secrets["connections"]["kafka"]["password"])
"""


def test_server_that_ends_while_starting_shows_its_log(tmp_path):
    command = [sys.executable, "-c", "raise SystemExit('the disk is full')"]
    with (
        pytest.raises(ServerStartError, match=r"status 1 while starting.*\n.*the disk is full"),
        running(command, ready=lambda: False, log=tmp_path / "log"),
    ):
        pass


def test_server_that_is_never_ready_is_given_up(tmp_path):
    command = [sys.executable, "-c", "import time; time.sleep(600)"]
    with (
        pytest.raises(ServerStartError, match="not ready within 0 s"),
        running(command, ready=lambda: False, log=tmp_path / "log", timeout_s=0),
    ):
        pass


def test_server_ends_with_its_block_even_when_that_fails(tmp_path):
    pid_file = tmp_path / "pid"
    write_pid = f"import os, pathlib; pathlib.Path({str(pid_file)!r}).write_text(str(os.getpid()))"
    command = [sys.executable, "-c", f"{write_pid}; import time; time.sleep(600)"]
    with (
        pytest.raises(ZeroDivisionError),
        running(command, ready=lambda: bool(read_if_there(pid_file)), log=tmp_path / "log"),
    ):
        _ = 1 / 0
    with pytest.raises(ProcessLookupError):
        os.kill(int(pid_file.read_text()), 0)


A_TEST_WITH_A_SERVER = """
import sys, time
from pathlib import Path
from tests.support.processes import running

def test_that_takes_long(tmp_path):
    pid = Path({pid_file!r})
    serve = f"import os, pathlib; pathlib.Path({{str(pid)!r}}).write_text(str(os.getpid()));"
    command = [sys.executable, "-c", serve + "import time; time.sleep(600)"]
    with running(command, ready=lambda: pid.exists() and pid.read_text(), log=tmp_path / "log"):
        Path({started_file!r}).touch()
        time.sleep(600)
"""


def test_servers_end_with_a_test_run_that_is_terminated(tmp_path):
    # Given a test run with a server
    pid_file, started_file = tmp_path / "pid", tmp_path / "started"
    script = tmp_path / "test_long.py"
    script.write_text(
        A_TEST_WITH_A_SERVER.format(pid_file=str(pid_file), started_file=str(started_file))
    )
    command = [sys.executable, "-m", "pytest", "-p", "tests.conftest", "--rootdir", str(tmp_path)]
    with running(
        [*command, str(script)], ready=started_file.exists, log=tmp_path / "log", cwd=REPOSITORY
    ) as run:
        # When it is terminated
        run.terminate()
        run.wait(60)

    # Then the server is gone
    with pytest.raises(ProcessLookupError):
        os.kill(int(pid_file.read_text()), 0)


def read_if_there(path: Path) -> str:
    return path.read_text() if path.exists() else ""


def test_browser_shows_an_app_that_sees_its_settings_and_no_others(tmp_path, monkeypatch, page):
    monkeypatch.setenv("KAFKA_USERNAME", "the developer's own")
    script = tmp_path / "script.py"
    script.write_text(SHOW_SETTINGS)
    settings = {"KAFKA_BOOTSTRAP_SERVERS": "127.0.0.1:9"}
    with running_app(tmp_path, settings, script=script) as url:
        page.goto(url)
        for line in ("broker 127.0.0.1:9", "user None", "secrets 0"):
            page.get_by_text(line).wait_for()


def test_a_failure_beside_an_app_shows_its_log(tmp_path):
    script = tmp_path / "script.py"
    script.write_text("import nothing_of_that_name")
    with pytest.raises(ZeroDivisionError) as failed, running_app(tmp_path, script=script):
        _ = 1 / 0
    assert "The app's log ends with:\n" in failed.value.__notes__[0]


def test_apps_of_one_test_run_side_by_side(tmp_path):
    script = tmp_path / "script.py"
    script.write_text(SHOW_SETTINGS)
    with (
        running_app(tmp_path, script=script) as one,
        running_app(tmp_path, script=script) as other,
    ):
        answers = [urlopen(f"{url}/_stcore/health").read() for url in (one, other)]
    assert answers == [b"ok", b"ok"]


def test_broker_and_browser_work_in_one_test(make_topic, page):
    page.set_content(f"<p>{make_topic()}</p>")
    assert page.get_by_text("test-").count() == 1


@pytest.mark.usefixtures("app_isolation")
@pytest.mark.parametrize("run", ["first", "second"])
def test_app_tests_share_no_cache(run):
    app = AppTest.from_string(SHOW_CACHED_RUN)
    app.session_state["run"] = run
    assert app.run().markdown[0].value == run


@pytest.mark.parametrize("password", ["one", "two"])
def test_app_tests_see_only_the_secrets_that_the_test_writes(app_isolation, password):
    app_isolation.write_text(f'[connections.kafka]\npassword = "{password}"\n')
    assert AppTest.from_string(SHOW_PASSWORD).run().markdown[0].value == password


def test_every_page_is_among_those_that_all_tests_of_pages_walk_through():
    pages = {REPOSITORY / page for page in (*PAGES, GLOSSARY)}
    assert pages == {*(REPOSITORY / "pages").glob("*.py")}
