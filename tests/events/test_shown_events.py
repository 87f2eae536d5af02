"""Events as a file: readable times beside epochs, units in names, every format the same."""

import json
from io import BytesIO, StringIO

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest

from lib.analysis.of_topic import analysis_of
from lib.core.columns import EVENT_TIME, MISSING_TIME
from lib.core.part import COLUMN, Part
from lib.events.shown_events import FORMATS, shown_events, written
from lib.loading.load import load
from lib.sources.base import Everything
from lib.sources.files.folder import OneFile
from lib.sources.files.parquet import ORIGIN
from tests.support.tables import events_table

MS = 1_540_726_486_041


@pytest.fixture
def table():
    events = events_table(
        [MS, MS + 1, MS + 2],
        [MS + 5, MISSING_TIME, MS - 3],
        client=["a", "=1+1", "@b"],
        sequence=[1, None, 3],
        extra={"offset": [7, 8, 9], "note": ["x", None, '-2+3"; \n']},
    )
    return shown_events(events)


def read(form, table):
    """Return what is written of a table, read by another library, as rows."""
    content = written(form, [table])
    match form:
        case "CSV":
            return pd.read_csv(BytesIO(content), dtype=object, keep_default_na=False)
        case "JSON Lines":
            return pd.DataFrame([json.loads(line) for line in content.decode().splitlines()])
        case _:
            return pq.read_table(BytesIO(content)).to_pandas()


def test_times_are_readable_beside_epochs_and_units_are_in_names(table):
    first = table.iloc[0]
    assert list(table)[:5] == [
        "event_time",
        "event_time_ms",
        "received_time",
        "received_time_ms",
        "delay_ms",
    ]
    assert first["event_time"] == "2018-10-28T11:34:46.041Z"
    assert (first["event_time_ms"], first["delay_ms"]) == (MS, 5)
    assert table["received_time"].isna().tolist() == [False, True, False]
    assert table["delay_ms"].isna().tolist() == [False, True, False]
    assert table["value.offset"].tolist() == [7, 8, 9]
    assert table["offset"].tolist() == [0, 1, 2]


@pytest.mark.parametrize("form", FORMATS)
def test_every_format_has_every_row_and_column(form, table):
    found = read(form, table)
    assert list(found) == list(table)
    assert [str(each) for each in found["event_time_ms"]] == [str(MS + n) for n in range(3)]
    assert [str(each) for each in found["partition"]] == ["0"] * 3


@pytest.mark.parametrize("form", FORMATS)
@pytest.mark.parametrize("part", [Part(), Part(("Errors > 3",))])
def test_pieces_of_a_table_are_written_as_the_table(form, part, table):
    whole = table.iloc[[0, 1, 2, 1, 0]]
    pieces = [whole.iloc[:2], whole.iloc[2:2], whole.iloc[2:]]
    assert written(form, pieces, part) == written(form, [whole], part)


def test_csv_has_no_formula_and_json_what_is_there(table):
    csv = pd.read_csv(StringIO(written("CSV", [table]).decode()), keep_default_na=False)
    assert csv["client"].tolist() == ["a", "'=1+1", "'@b"]
    assert csv["note"].tolist()[2].startswith("'-2+3")
    rows = [json.loads(line) for line in written("JSON Lines", [table]).decode().splitlines()]
    assert [row["client"] for row in rows] == ["a", "=1+1", "@b"]
    assert (rows[1]["received_time"], rows[1]["sequence"], rows[1]["note"]) == (None, None, None)


def test_parquet_says_which_filter_made_it(table):
    metadata = pq.read_schema(BytesIO(written("Parquet", [table], Part(("Errors > 3",))))).metadata
    assert json.loads(metadata[ORIGIN]) == {"where": ["Errors > 3"], "cut": False}


def test_times_that_are_no_dates_have_no_readable_form():
    events = events_table([0, 1, 2], [5, 2**62, 7]).assign(**{EVENT_TIME: np.arange(3)})
    table = shown_events(events)
    assert table["event_time"].isna().all()
    assert table["received_time"].isna().all()
    assert table["received_time_ms"].tolist() == [5, 2**62, 7]


def test_no_event_is_no_row():
    assert shown_events(events_table([], [])).empty


CUT = Part(("note = 'a: b. C'", "delay_ms > 0"), is_cut=True)


@pytest.mark.parametrize("form", FORMATS)
def test_a_file_of_a_part_says_which_and_tells_no_loss_of_what_was_left_out(form, tmp_path):
    # Given one client's 30 events, a second apart, of which a filter leaves the first and last ten
    ms, kept = MS + 1000 * np.arange(30), np.r_[0:10, 20:30]
    events = events_table(ms, ms + 5, client=["a"] * 30, sequence=range(1, 31))
    ending = FORMATS[form][0]

    def opened(table, part):
        path = tmp_path / f"x{len(table)}.{ending}"
        path.write_bytes(written(form, [shown_events(table)], part))
        return load(OneFile(path), path.stem, Everything())

    # When the file is opened, then nothing is made of the gap, and all say why
    found = opened(events.iloc[kept], CUT)
    assert len(found.events.table) == 20
    assert COLUMN not in found.events.table
    assert found.report.part.is_cut
    assert "the events where note = 'a: b. C' and delay_ms > 0: what" in found.report.part.note
    analysis = analysis_of(found)
    assert (analysis.findings, len(analysis.outages), analysis.sessions) == ([], 0, None)
    # And a part of whole clients tells all
    whole = opened(events, Part(("client = 'a'",)))
    assert whole.report.part == Part(("client = 'a'",))
    assert analysis_of(whole).sessions["Lost"].tolist() == [0]


def test_anothers_column_of_that_name_is_a_field(tmp_path):
    path = tmp_path / "x.csv"
    path.write_text(f"event_time_ms,client,{COLUMN}\n{MS},a,left wing\n{MS + 1},b,left wing\n")
    loaded = load(OneFile(path), "x", Everything())
    assert loaded.report.part is None
    assert COLUMN in loaded.events.table


def test_a_part_of_a_part_is_both():
    assert Part(("x > 1",)).within(CUT) == Part((*CUT.conditions, "x > 1"), is_cut=True)
    assert Part().within(None).text == ""
