"""What holds of the controls, charts and tables of every page, each opened once."""

import json
import re
from functools import cache

import pandas as pd
import pytest

from lib.replay.registry import ENGINES
from lib.ui.parts.tour import STEPS
from tests.support.opened import PAGES, WINDOWS, open_app

pytestmark = pytest.mark.usefixtures("app_isolation")

CONTROLS = ("slider", "number_input", "text_input", "selectbox", "multiselect", "toggle")
SELF_EXPLAINING = {
    "Partition",
    "Offset",
    "Second source",
    "Second topic",
    "Open a group of clients",
}


@cache
def opened(page):
    """A page of a sample, with a record and another topic chosen; kept for the tests below."""
    return open_app(
        page,
        source="Samples",
        topic="sessions-100",
        record="1:5",
        other_source="Samples",
        other_topic="sessions-10",
    )


def elements(block):
    """Return what is on a page, from above."""
    for child in block.children.values():
        yield from elements(child) if hasattr(child, "children") else [child]


def panels(spec):
    return spec.get("vconcat", [spec])


def axis_titles(panel, channel):
    """Return the titles of an axis, of all layers of a panel that have one."""
    layers = [panel, *panel.get("layer", [])]
    axes = [layer.get("encoding", {}).get(channel, {}) for layer in layers]
    return [axis["title"] for axis in axes if axis.get("title")]


@pytest.mark.parametrize("page", PAGES)
def test_every_control_says_what_it_does(page):
    found = [box for kind in CONTROLS for box in getattr(opened(page), kind)]
    assert {box.label for box in found if not box.help} <= SELF_EXPLAINING


def test_what_is_set_in_an_engine_says_what_it_does_and_names_the_default():
    helps = {box.label.split(" · ")[0]: box.help for box in opened(WINDOWS).text_input}
    for parameter in (ENGINES[0].delay, *ENGINES[0].parameters[:1]):
        assert parameter.help in helps[parameter.title]
        assert f"default: {parameter.engine_default}." in helps[parameter.title]
    every = [each.help for engine in ENGINES for each in (engine.delay, *engine.parameters)]
    assert all(len(said.split()) > 10 for said in every)  # more than the option's name


@pytest.mark.parametrize("page", PAGES)
def test_every_chart_has_titles_axes_and_a_name_that_states_what_it_found(page):
    for drawn in opened(page).get("vega_lite_chart"):
        spec = json.loads(drawn.proto.spec)
        assert all(panel["title"]["text"] for panel in panels(spec)), drawn.proto.alt
        assert axis_titles(panels(spec)[-1], "x")
        assert re.search(r"\d", drawn.proto.alt)


@pytest.mark.parametrize("page", PAGES)
def test_every_panel_of_a_chart_says_what_lies_under_the_pointer(page):
    for drawn in opened(page).get("vega_lite_chart"):
        for panel in panels(json.loads(drawn.proto.spec)):
            layers = [panel, *panel.get("layer", [])]
            lines = [layer.get("encoding", {}).get("tooltip", []) for layer in layers]
            assert [line["title"] for tooltip in lines for line in tooltip], panel["title"]


@pytest.mark.parametrize("page", PAGES)
def test_every_chart_says_how_it_is_read(page):
    kinds = [element.type for element in elements(opened(page).main)]
    for place, kind in enumerate(kinds):
        if kind == "vega_lite_chart":
            behind = kinds[place:]
            ends = behind.index("subheader") if "subheader" in behind else len(behind)
            assert "caption" in behind[:ends]


@pytest.mark.parametrize("page", PAGES)
def test_tables_have_separators_no_boxes_to_tick_and_nothing_where_nothing_is(page):
    for table in opened(page).dataframe:
        config = json.loads(table.proto.columns or "{}")
        for name, column in table.value.items():
            assert column.dtype != bool, name
            assert not {"None", "nan", "NaT"} & set(column.astype(str)[column.notna()]), name
            if pd.api.types.is_numeric_dtype(column.dtype):
                form = config[name]["type_config"]["format"]
                assert form.startswith("%,") or name in ("ClientID", "EventID"), name


def test_the_tour_names_what_is_there():
    at = opened(PAGES[0])
    named = set(re.findall(r"\*\*(.+?)\*\*", STEPS))
    assert named - {button.label for button in at.button} == {"Windows"}  # a page of the menu
