"""The parameters of the URL: documented, owned by one module, and safe whatever a link says."""

import ast
import re
from base64 import b64encode
from itertools import groupby
from zlib import compress

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from lib.events.fields import DEFAULT_GAP_S
from lib.ui import parameters
from lib.ui.packing import MOST_BYTES, packed, unpacked
from lib.ui.parameters import PARAMETERS
from tests.support.app import REPOSITORY
from tests.support.opened import (
    COMPARISON,
    DELAY,
    OUTAGES,
    OVERVIEW,
    SESSIONS,
    WINDOWS,
    metrics,
    open_app,
)

OWNER = REPOSITORY / "lib/ui/parameters.py"
SCRIPTS = [*REPOSITORY.glob("lib/ui/**/*.py"), *REPOSITORY.glob("pages/*.py")]
# Parsed before any test: CPython 3.11 miscounts where another thread parses as well (gh-106905).
PARSED = [pytest.param(script, ast.parse(script.read_text()), id=script.name) for script in SCRIPTS]
CALLS_WITH_A_NAME = {"get", "pop", "setdefault"}


def names_written_in(tree):
    """Return the literals that a script gives as a key, or indexes the session or the URL with."""
    names = set()
    for node in ast.walk(tree):
        match node:
            case ast.Call():
                names |= {k.value for k in node.keywords if k.arg == "key"}
                if is_state(getattr(node.func, "value", None)):
                    names |= {*node.args[:1]}
            case ast.Subscript() if is_state(node.value):
                names.add(node.slice)
            case ast.Compare(left=left, comparators=[right]) if is_state(right):
                names.add(left)
    return {name.value for name in names if isinstance(name, ast.Constant)}


def is_state(node):
    return isinstance(node, ast.Attribute) and node.attr in ("session_state", "query_params")


def documented_rows():
    text = (REPOSITORY / "docs/links.md").read_text()
    return [line for line in text.splitlines() if line.startswith("| `")]


def row_of(alike):
    """Return the row of docs/links.md for parameters that differ in their names only."""
    first = alike[0]
    names = ", ".join(f"`{parameter.name}`" for parameter in alike)
    return f"| {names} | {first.means} | {default_of(first)} | {first.pages} |"


def default_of(parameter):
    if parameter.default_means:
        return parameter.default_means
    if isinstance(parameter.default, bool):
        return "on" if parameter.default else "off"
    return (
        f"`{parameter.default}`" if isinstance(parameter.default, str) else f"{parameter.default}"
    )


def test_the_documentation_says_of_every_parameter_what_the_app_says():
    alike = groupby(PARAMETERS, key=lambda one: (one.means, one.pages, default_of(one)))
    assert documented_rows() == [row_of(list(group)) for _, group in alike]


def test_the_session_gap_is_the_one_that_fields_have_by_default():
    assert parameters.GAP.default == DEFAULT_GAP_S


def test_names_of_parameters_and_of_other_keys_are_all_different():
    keys = [key for key in vars(parameters).values() if isinstance(key, str)]
    of_state = re.findall(r'^[A-Z_]+: Final = "(\w+)"$', OWNER.read_text(), flags=re.MULTILINE)
    names = [parameter.name for parameter in PARAMETERS] + of_state
    names.remove(parameters.ALL_PAGES)
    assert set(of_state) <= set(keys)
    assert len(names) == len(set(names))


@pytest.mark.parametrize(("script", "tree"), PARSED)
def test_only_one_module_writes_keys_and_parameters(script, tree):
    written = names_written_in(tree)
    if script != OWNER:
        assert written == set()


LITERAL_KEYS = ast.parse(
    'st.slider(key="a")\nst.session_state["b"] = 1\nst.session_state.get("c")\n'
    'print("d" in st.query_params)\n'
)


def test_a_literal_key_would_be_found():
    assert names_written_in(LITERAL_KEYS) == {"a", "b", "c", "d"}


@pytest.mark.usefixtures("viewer")
@pytest.mark.parametrize(
    ("page", "link"),
    [
        (OVERVIEW, {"range": "Latest", "latest": "1e400"}),
        (OVERVIEW, {"range": "Latest", "latest": "nan"}),
        (OVERVIEW, {"clock": ""}),
        (OVERVIEW, {"times": ["", ""]}),
        (OVERVIEW, {"window": ["nan", "nan"]}),
        (OVERVIEW, {"gap": "1e308", "session": "none"}),
        (COMPARISON, {"first_client": "9" * 30, "last_client": "3"}),
        (DELAY, {"watermark_delay": "1e300"}),
        (SESSIONS, {"bins": "1e400"}),
        (OUTAGES, {"sensitivity": "-inf"}),
        (WINDOWS, {"batch": "9" * 30}),
        (WINDOWS, {"delay": "soon", "session_gap": "0", "emission": "-1"}),
        (WINDOWS, {"window_kind": "Hopping", "parts": "1e400"}),
        (WINDOWS, {"lose": "nan", "break": "101"}),
    ],
    ids=str,
)
def test_a_value_that_cannot_be_used_counts_as_the_default(page, link):
    at = open_app(page, **link)
    assert not at.error
    if page == OVERVIEW:
        assert metrics(at)["Events"] == "255"


views = st.dictionaries(
    st.sampled_from([parameter.name for parameter in PARAMETERS]),
    st.lists(st.text(st.characters(codec="utf-8"), max_size=30), min_size=1, max_size=8),
)


@given(views)
def test_what_is_packed_unpacks_to_the_same_view(view):
    assert unpacked(packed(view)) == view
    assert re.fullmatch(r"[\w-]+", packed(view), flags=re.ASCII)


@given(views.filter(bool), st.data())
def test_a_packed_view_of_which_some_is_missing_is_not_taken_for_another(view, data):
    text = packed(view)
    assert unpacked(text[: data.draw(st.integers(0, len(text) - 1))]) is None


@given(st.text() | st.binary().map(lambda content: b64encode(content).decode()))
@example(b64encode(compress(b'{"where": "x"}')).decode())
@example(b64encode(compress(b"[" * MOST_BYTES)).decode())
@example(packed({"clients": ["a"] * 1_000}))
@example(b64encode(compress(b" " * MOST_BYTES + b"{}")).decode())
def test_whatever_a_link_has_packed_is_parameters_or_nothing(text):
    values = unpacked(text)
    assert values is None or all(isinstance(every, list) for every in values.values())
