"""Charts as JSON: every value of their tables, and no setting of the process."""

import altair as alt
import numpy as np
import pandas as pd

from lib.charts.embedded import columns_of, embedded, png_of, svg_of
from lib.charts.picture import Picture


def test_columns_are_what_json_has():
    frame = pd.DataFrame(
        {
            "time": pd.to_datetime(pd.Series([1_540_726_486_041, None]), unit="ms", utc=True),
            "client": pd.Categorical(["b", None], categories=["a", "b"]),
            "delay": [0.5, np.nan],
            "events": np.array([3, 4], np.int32),
            "text": pd.Series(["x", None], dtype=object),
        }
    )
    assert columns_of(frame) == {
        "time": [1_540_726_486_041, None],
        "client": {"names": ["a", "b"], "codes": [1, -1]},
        "delay": [0.5, None],
        "events": [3, 4],
        "text": ["x", None],
    }


def test_a_table_that_two_panels_draw_is_there_once():
    frame = pd.DataFrame({"x": range(6_000)})  # more than Altair takes by itself
    panel = alt.Chart(frame).mark_point().encode(x="x:Q")
    drawn = embedded(alt.vconcat(panel, panel.mark_tick()), width=300)
    assert list(drawn.tables) == ["table0"]
    assert len(drawn.tables["table0"]["x"]) == 6_000
    assert [each["width"] for each in drawn.spec["vconcat"]] == [300, 300]
    assert "datasets" not in drawn.spec


def test_a_picture_has_every_mark_and_its_texts():
    frame = pd.DataFrame({"x": [1, 2, 3], "client": pd.Categorical(["a", "<b>", "a"])})
    drawn = alt.Chart(frame).mark_circle().encode(x="x:Q", color="client:N").properties(title="T")
    picture = Picture(drawn, "Three events; the longest delay is 5 s", "A circle is an event.")
    svg = svg_of(picture).decode()
    assert svg.count('aria-roledescription="circle"') == 3
    for text in ("T", "Three events; the longest delay is 5 s", "A circle is an event."):
        assert f">{text}<" in svg
    assert "<b>" not in svg
    assert png_of(picture).startswith(b"\x89PNG")


def test_layers_have_the_width_of_the_whole():
    layer = alt.Chart(pd.DataFrame({"x": [1]})).mark_point().encode(x="x:Q")
    drawn = embedded(alt.layer(layer, layer.mark_rule()), width=300)
    assert drawn.spec["width"] == 300
    assert all("width" not in each for each in drawn.spec["layer"])
