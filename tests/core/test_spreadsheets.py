"""No cell of a table is taken for a formula."""

import csv
import io

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lib.core.spreadsheets import csv_of, safe_cell, safe_cells

FORMULAS = ["=1+1", "+1+1|cmd", "-2+3+cmd|' /C calc'!A0", "@SUM(1)", "\t=1", "\r=1", "\n=1", "＝1"]


@pytest.mark.parametrize("text", FORMULAS)
@pytest.mark.parametrize("kind", ["object", "str", "category"])
def test_a_text_that_begins_as_a_formula_gets_an_apostrophe(text, kind):
    table = pd.DataFrame({"a": pd.Series([text, "plain", None], dtype=kind)})
    [_, first, plain, none] = csv.reader(io.StringIO(csv_of(table), newline=""))
    assert first == [f"'{text}"]
    assert (plain, none) == (["plain"], [""])


def test_names_of_columns_are_texts_too():
    assert csv_of(pd.DataFrame({"=a": [1]})) == "'=a\r\n1\r\n"


def test_numbers_and_times_stay_as_they_are():
    times = pd.to_datetime([-1], unit="ms", utc=True)
    table = pd.DataFrame({"a": [-5], "b": [-0.5], "t": times, "c": pd.Categorical([-7])})
    assert csv_of(table) == table.to_csv(index=False, lineterminator="\r\n")


@pytest.mark.parametrize("text", ["-5", "+3.25", "-2.5 s", "", "a=1", "a\t"])
def test_other_texts_stay_as_they_are(text):
    assert safe_cell(text) == text


def test_names_that_an_apostrophe_would_make_equal_stay_in_their_rows():
    column = pd.Categorical(["=a", "'=a", None, "=a"])
    shown = safe_cells(pd.DataFrame({"a": column}))["a"]
    assert shown.fillna("none").tolist() == ["'=a", "'=a", "none", "'=a"]


@given(st.lists(st.text(), min_size=1))
def test_no_cell_begins_as_a_formula(texts):
    written = csv_of(pd.DataFrame({"a": texts}))
    for row in csv.reader(io.StringIO(written, newline="")):
        for cell in row:
            assert safe_cell(cell) == cell
