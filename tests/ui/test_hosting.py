"""What an image holds runs by itself, says that it is well, and can be embedded."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from fnmatch import fnmatch

import pytest
import yaml
from playwright.sync_api import expect

from tests.support.app import REPOSITORY, running_app

DOCKERFILE = (REPOSITORY / "Dockerfile").read_text()
COMPOSE = yaml.safe_load((REPOSITORY / "compose.yaml").read_text())


@pytest.fixture(scope="module")
def image(tmp_path_factory):
    """A folder with what `COPY . .` copies: what .dockerignore lets through."""
    folder = tmp_path_factory.mktemp("image") / "app"
    for line in (REPOSITORY / ".dockerignore").read_text().split():
        if line.startswith("!"):
            of, to = REPOSITORY / line[1:], folder / line[1:]
            to.parent.mkdir(parents=True, exist_ok=True)
            if of.is_dir():
                shutil.copytree(of, to)  # with machine code, which the image makes for itself
            else:
                shutil.copy(of, to)
    return folder


@pytest.fixture(scope="module")
def app(image, tmp_path_factory):
    with running_app(tmp_path_factory.mktemp("log"), script=image / "streamlit_app.py") as url:
        yield url


def test_what_is_copied_runs_and_its_health_check_knows_it(app, image):
    [check] = re.findall(r"^HEALTHCHECK.* CMD (\[.*\])$", DOCKERFILE, flags=re.MULTILINE)
    _, *arguments = json.loads(check)
    here = [text.replace("http://127.0.0.1:8501", app) for text in arguments]
    assert subprocess.run([sys.executable, *here], check=False).returncode == 0
    away = [text.replace("8501", "9") for text in arguments]
    assert subprocess.run([sys.executable, *away], capture_output=True, check=False).returncode
    # And the simulator of the compose file, without the rest of the repository
    command = COMPOSE["services"]["simulator"]["command"].split()
    command = [sys.executable, *command[1:], "--help"]
    env = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    assert not subprocess.run(command, cwd=image, env=env, capture_output=True, check=True).stderr


def test_no_secret_gets_into_an_image():
    kept = [
        line[1:] for line in (REPOSITORY / ".dockerignore").read_text().split() if line[0] == "!"
    ]
    assert not [one for one in kept if fnmatch(".streamlit/secrets.toml", f"{one}*")]
    assert re.search(r"^USER \d+$", DOCKERFILE, flags=re.MULTILINE)


def test_the_compose_file_sets_what_there_is():
    variables = (REPOSITORY / "docs/configuration.md").read_text()
    app = COMPOSE["services"]["app"]
    assert all(f"`{name}`" in variables for name in app["environment"])
    assert app["environment"]["KAFKA_BOOTSTRAP_SERVERS"].startswith("kafka:")
    assert COMPOSE["services"].keys() == {"kafka", "registry", "simulator", "app"}


def test_an_embedded_view_is_the_page_alone_and_its_link_stays(app, page):
    page.goto(f"{app}/comparison?embed=true&source=Samples&topic=sessions-10&times=Since+zero")
    expect(page.get_by_test_id("stVegaLiteChart").first).to_be_visible()
    expect(page.get_by_test_id("stApp")).to_have_attribute("data-test-script-state", "notRunning")
    expect(page.get_by_test_id("stSidebar")).not_to_be_in_viewport()
    assert "embed=true" in page.url
    assert "topic=sessions-10" in page.url
