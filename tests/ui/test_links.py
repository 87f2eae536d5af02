"""Every parameter of the URL is documented."""

import ast
import re

from lib.ui import engine_settings, url
from tests.support.app import REPOSITORY

SCRIPTS = [*REPOSITORY.glob("lib/ui/*.py"), *REPOSITORY.glob("pages/*.py")]


def bound_keys():
    """Return the keys of all widgets that Streamlit binds to the URL, by themselves or a helper."""
    calls = [
        node
        for script in SCRIPTS
        for node in ast.walk(ast.parse(script.read_text()))
        if isinstance(node, ast.Call)
    ]
    keys = set()
    for call in calls:
        given = {keyword.arg: keyword.value for keyword in call.keywords}
        is_of_streamlit = isinstance(call.func, ast.Attribute)
        key = given.get("key")
        if isinstance(key, ast.Constant) and ("bind" in given or not is_of_streamlit):
            keys.add(key.value)
    return keys


def documented():
    """Return the names in the first column of the table of docs/links.md."""
    text = (REPOSITORY / "docs/links.md").read_text()
    rows = [line.split("|")[1] for line in text.splitlines() if line.startswith("| `")]
    return {name for row in rows for name in re.findall(r"`(\w+)`", row)}


def test_the_collected_keys_are_those_of_the_sidebar_and_the_pages():
    assert {"window", "times", "from", "bins", "height"} <= bound_keys()
    assert "comparison" not in bound_keys()  # a chart, not bound


def test_every_parameter_of_the_url_is_documented_and_no_other():
    assert documented() == bound_keys() | {*url.BY_HAND} | engine_settings.url_parameters()
