"""Filters: what SQL's WHERE says of the events, by SQLite; what cannot be said is explained."""

import re
import sqlite3

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lib.core.columns import CLIENT, EVENT_TIME, MISSING_TIME, OFFSET, PARTITION, RECEIVED_TIME
from lib.core.errors import FilterError
from lib.events.fields import Fields, TimeField
from lib.events.filters import filtered, leaves_gaps
from tests.support.tables import events_table

NOON_MS = 1_540_728_000_000  # 2018-10-28T12:00 UTC
ROWS = 8


@pytest.fixture
def events():
    """Eight events of clients a and b, with fields of every kind, some missing."""
    return events_table(
        [NOON_MS + 1000 * n for n in range(ROWS)],
        [NOON_MS + 1000 * n + 10 * n for n in range(ROWS - 1)] + [MISSING_TIME],
        client=["a", "b"] * 4,
        partition=[0, 0, 0, 0, 1, 1, 1, 1],
        extra={
            "Errors": pd.array([0, 1, 2, 3, 4, 5, None, 7], dtype="Int64"),
            "small": np.arange(ROWS, dtype=np.int8),
            "load": [0.5, 1.5, np.nan, 3.5, 4.5, 5.5, 6.5, 7.5],
            "Data.note": pd.Categorical(["ok", "Lost it", None, "ok", "ok", "it's", "ok", "ok"]),
            "free text": pd.array([f"text {n}" for n in range(ROWS)], dtype="str"),
            "digits": pd.Categorical([str(n) for n in range(ROWS)]),
            "live": pd.array([True, False, None, True, True, True, True, True], dtype="boolean"),
            "path": pd.Categorical(["a_b", "C:\\a", "100%", "%a_%", *[None] * 4]),
            "void": pd.Series([None] * ROWS, dtype="object"),
        },
    )


def left(events, *conditions, fields=None):
    """Return the numbers of the events that are left."""
    return np.flatnonzero(filtered(events, conditions, fields or Fields())).tolist()


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        ("Errors > 3", [4, 5, 7]),
        ("errors > 3", [4, 5, 7]),
        ("NOT Errors > 3", [0, 1, 2, 3]),  # unknown stays unknown
        ("Errors IS NULL", [6]),
        ("Errors IS NOT NULL AND Errors <> 1", [0, 2, 3, 4, 5, 7]),
        ("Errors BETWEEN 2 AND 4", [2, 3, 4]),
        ("Errors NOT BETWEEN 2 AND 4", [0, 1, 5, 7]),
        ("Errors IN (1, 7, 9)", [1, 7]),
        ("Errors = 1 OR small = 6", [1, 6]),
        ("small + 126 > 128", [3, 4, 5, 6, 7]),
        ("-small < -6", [7]),
        ("small > 99999999999999999999", []),
        ("load > 3", [3, 4, 5, 6, 7]),
        ("load IS NULL", [2]),
        ("Errors > load", []),
        ("client = 'a'", [0, 2, 4, 6]),
        ("ClientID = 'a' AND partition = 1", [4, 6]),
        ("offset >= 2 AND KafkaPartition = 1", [6, 7]),
        ("Data.note = 'it''s'", [5]),
        ("Data.note LIKE '%it%'", [1, 5]),
        ("note = 'ok'", [0, 3, 4, 6, 7]),  # the only one that ends so
        ("Data.note LIKE 'lost%'", []),
        ("Data.note ILIKE 'lost%'", [1]),
        ("NOT Data.note LIKE '%it%'", [0, 3, 4, 6, 7]),
        ("Data.note NOT LIKE '%it%'", [0, 3, 4, 6, 7]),
        ("Data.note NOT ILIKE '%LOST%'", [0, 3, 4, 5, 6, 7]),
        ("NOT Data.note NOT ILIKE '%LOST%'", [1]),
        (r"path LIKE 'C:\a%'", [1]),
        ("path LIKE '%!%' ESCAPE '!'", [2, 3]),
        ("path NOT LIKE '%!_%' ESCAPE '!'", [1, 2]),
        ("\"free text\" = 'text 3'", [3]),
        ("'TEXT 3'", [3]),
        ("NOT 'text'", []),
        ("digits = 3", [3]),
        ("Errors = '3'", [3]),
        ("live", [0, 3, 4, 5, 6, 7]),
        ("NOT live", [1]),
        ("live IS FALSE", [1]),
        ("live = true", [0, 3, 4, 5, 6, 7]),
        ("void = 1 OR void = 'x' OR void LIKE 'x'", []),
        ("delay_ms > 30", [4, 5, 6]),
        ("NOT delay_ms > 30", [0, 1, 2, 3]),
        ("received_time IS NULL", [7]),
        ("received_time - event_time = 20", [2]),
        ("event_time >= '2018-10-28T12:00:05'", [5, 6, 7]),
        ("event_time < '2018-10-28 13:00:01+01:00'", [0]),
        (f"Timestamp = {NOON_MS + 1000}", [1]),
        ("1 = 1", list(range(ROWS))),
        ("1 > 2", []),
        ("Errors > 3 -- and so on", [4, 5, 7]),
        ("Errors > 3 -- )", [4, 5, 7]),
    ],
)
def test_a_condition_means_what_it_means_in_sql(events, condition, expected):
    assert left(events, condition) == expected


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        ("id > 0.5", [0, 1, 2]),
        ("id > 9.0e15", [0, 1]),
        ("id = 9007199254740993", [0]),
        ("id > load", [0, 1]),
        ("load < 9007199254740993", [0, 1, 2]),
    ],
)
def test_whole_numbers_beyond_those_of_doubles_are_compared_with_fractions(condition, expected):
    events = events_table([0] * 3, [0] * 3).assign(id=[2**53 + 1, 2**53, 3], load=[0.5, 1.5, 3.0])
    assert left(events, condition) == expected


def test_events_fulfil_every_condition(events):
    assert left(events, "client = 'a'", "Errors > 1") == [2, 4]
    assert left(events) == list(range(ROWS))


def test_fields_have_the_names_that_the_topic_gives_them(events):
    fields = Fields(event_time=TimeField(("ts",)), client="device", sequence=None)
    assert left(events, "device = 'b' AND Errors < 2", fields=fields) == [1]
    with pytest.raises(FilterError, match=re.escape("“ts” is read as a time here. Write event_")):
        left(events, "ts > 3", fields=fields)


@pytest.mark.parametrize(
    ("condition", "said"),
    [
        ("", "is no condition. Write it as in SQL's WHERE: Errors > 3"),
        ("Errors >", "“Errors >” is no condition. Write it as"),
        ("payment failed", "is no condition"),
        ("set = 1 2", "is no condition"),
        ("Errors = 'x", "is no condition"),
        ("Erors > 3", "There is no field “Erors”. There is Errors; a text is written in single"),
        ("notes = 'x'", "There is no field “notes”. There is Data.note; a text"),
        ("timeout", "in single quotes: 'timeout'"),
        ('client = "a"', "in single quotes: 'a'"),
        ("Errors", "“Errors” alone is no condition"),
        ("Errors = 'many'", "“many” is no number, which “Errors” holds. Write a number."),
        ("Errors = client", "“Errors” holds numbers, “client” text. Compare what is of one kind."),
        ("digits < 3", "“digits” holds text, with which 3 cannot be compared so."),
        ("live = 1", "Write true or false, without quotes."),
        ("event_time > 'noon'", "'noon' is no moment. Write it as 2018-10-28T11:35"),
        ("Errors = NULL", "Nothing is equal to NULL. Write IS NULL"),
        ("Errors LIKE '3'", "“Errors” holds numbers, and LIKE is for text."),
        ("client LIKE Errors", "LIKE takes a text."),
        ("client + 1 = 2", "“client” is no number to compute with."),
        ("now() > 3", "“NOW()” is not known here"),
        ("CAST(Errors AS TEXT) = '1'", "is not known here"),
        ("Errors IN (SELECT 1)", "is not known here"),
        ("EXISTS (SELECT 1)", "is not known here"),
        ("Errors = '٣'", "“٣” is no number, which “Errors” holds."),
        ("Errors = '1_0'", "“1_0” is no number"),
        ("load < 'nan'", "“nan” is no number"),
        ("digits = 1 + 2", "“1 + 2” is no number"),
        ("client LIKE 'a!' ESCAPE '!'", "“!” escapes nothing. Write !%."),
        ("client LIKE 'a' ESCAPE 'ab'", "ESCAPE goes with LIKE and one character."),
        ("client = 'a' ESCAPE '!'", "is no condition"),
        ("1 = 1 ORDER BY Errors", "is more than a condition"),
        ("1 = 1 LIMIT 1", "is more than a condition"),
        ("1 = 1 FOR UPDATE", "is more than a condition"),
        ("1 = 1 UNION SELECT 1", "is more than a condition"),
        ("1 = 1; DROP TABLE events", "is more than a condition"),
        ("1 = 2) OR (1 = 1", "is no condition"),
        ("(" * 300 + "1 = 1" + ")" * 300, "is nested too deeply"),
        ("Errors = 1 OR " * 100 + "Errors = 2", "has more than 1,000 characters"),
        ("offset * 9223372036854775807 > 1", "cannot be computed"),
    ],
)
def test_what_is_no_condition_is_explained_in_a_sentence(events, condition, said):
    with pytest.raises(FilterError) as raised:
        left(events, condition)
    assert said in str(raised.value)


@pytest.mark.parametrize(
    ("condition", "cuts"),
    [("client = 'a'", False), ("client = 'c'", False), ("small > 3", True), ("small = 2", True)],
)
def test_whether_a_filter_cuts_within_clients(events, condition, cuts):
    assert leaves_gaps(events, filtered(events, [condition], Fields())) == cuts


COLUMNS = ("number", "fraction", "text")
NUMBERS = st.integers(-3, 3).map(str)
TEXTS = st.text("ab%_'\\", max_size=3).map(lambda text: "'" + text.replace("'", "''") + "'")
OPERATORS = st.sampled_from(["=", "<>", "<", "<=", ">", ">="])
OF_NUMBERS = st.one_of(
    st.tuples(st.sampled_from(COLUMNS[:2]), OPERATORS, NUMBERS).map(" ".join),
    st.tuples(NUMBERS, NUMBERS).map(lambda ends: "number BETWEEN {} AND {}".format(*ends)),
    st.lists(NUMBERS, min_size=1).map(lambda listed: f"number IN ({', '.join(listed)})"),
    st.sampled_from([*(f"{name} IS NULL" for name in COLUMNS), "number < fraction"]),
)
OF_TEXTS = st.one_of(
    st.tuples(st.just("text"), OPERATORS, TEXTS).map(" ".join),
    st.tuples(st.sampled_from(["", "NOT "]), TEXTS).map(
        lambda like: "text {}LIKE {}".format(*like)
    ),
    TEXTS.map("text NOT IN ('a', {})".format),
)
CONDITIONS = st.recursive(
    OF_NUMBERS | OF_TEXTS,
    lambda inner: st.one_of(
        st.tuples(inner, st.sampled_from([" AND ", " OR "]), inner).map("".join),
        inner.map("NOT ({})".format),
    ),
    max_leaves=6,
)
MAYBE = st.none()


@given(
    CONDITIONS,
    st.lists(
        st.tuples(
            MAYBE | st.integers(-3, 3),
            MAYBE | st.sampled_from([-1.5, 0.0, 2.0]),
            MAYBE | st.text("ab%_'\\", max_size=3),
        ),
        min_size=1,
        max_size=6,
    ),
    st.booleans(),
)
def test_sqlite_leaves_the_same_rows(condition, rows, repeats):
    # Given a table in SQLite, and its rows as events
    database = sqlite3.connect(":memory:")
    database.execute("PRAGMA case_sensitive_like = ON")
    database.execute("CREATE TABLE events (row INT, number INT, fraction REAL, text TEXT)")
    numbered = [(number, *row) for number, row in enumerate(rows)]
    database.executemany("INSERT INTO events VALUES (?, ?, ?, ?)", numbered)
    number, fraction, text = zip(*rows, strict=True)
    events = events_table([0] * len(rows), [0] * len(rows)).assign(
        number=pd.array(number, dtype="Int64"),
        fraction=pd.array(fraction, dtype="float64"),
        text=pd.array(text, dtype="str"),
    )
    events = events.astype({"text": "category"} if repeats else {})

    # When both are asked, then both give the same rows
    asked = f"SELECT row FROM events WHERE {condition} ORDER BY row"
    expected = [row for (row,) in database.execute(asked)]
    database.close()
    assert left(events, condition) == expected


def test_the_columns_of_the_table_are_not_changed(events):
    before = events.copy(deep=True)
    left(events, "Errors > 3", "'text'", "delay_ms > 0")
    pd.testing.assert_frame_equal(events, before)
    assert {CLIENT, EVENT_TIME, RECEIVED_TIME, PARTITION, OFFSET} <= set(events.columns)
