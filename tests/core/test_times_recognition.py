"""In which form a column is written, and which clients write another."""

from __future__ import annotations

import json

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lib.core.times.forms import FORMS
from lib.core.times.reading import READABLE, read_times_by_group
from lib.core.times.recognition import (
    recognise_form,
    recognise_forms,
    recognise_unit,
)
from lib.core.times.values import is_present, one_piece
from tests.core.test_times_reading import MS, columns

NOW = MS + 5000


@pytest.mark.parametrize(
    ("values", "form"),
    [
        ([MS], "ms"),
        ([MS // 1000], "s"),
        ([MS / 1000], "s"),
        ([MS * 1000], "us"),
        ([str(MS * 1000)], "us"),
        ([MS * 1_000_000], "ns"),
        ([638397614500000000], "dotnet_ticks"),
        ([133486382503980000], "filetime"),
        ([13348638250398000], "webkit_us"),
        ([3913153450], "ntp_s"),
        ([20240102], "compact"),
        ([20240102030410], "compact"),
        ([20240102030410.0], "compact"),
        ([20240102030410398], "compact"),
        (["202401020304"], "compact"),
        ([20241399], "ms"),
        ([0, 1000], "ms"),
        ([0.5, 1.5], "s"),
        ([45293.1278, 45293.1279], "excel_days"),
        (["2024-01-02 03:04:10,398"], "iso"),
        (["2024/01/02", None], "iso"),
        (["13/02/2024", "01/02/2024"], "day_first"),
        (["01/02/2024", "02/13/2024"], "month_first"),
        (["02.01.2024 03:04:10"], "day_first"),
        (["01.13.2024 03:04:10"], "month_first"),
        (["Tue Jan  2 03:04:10 2024"], "named_month"),
        ([True], None),
        (["soon", "later"], None),
        ([], None),
        (["1.2.3", "192.168.1.1"], None),
        (["20240102AB", "20240102XYZ"], None),
    ],
)
def test_a_form_is_recognised_by_look_and_size(values, form):
    assert recognise_form(pa.array(values)).form == form


@pytest.mark.parametrize(
    ("values", "form"),
    [
        ([725857450], "apple_s"),
        ([725857450.398], "apple_s"),
        ([725857450398000000], "apple_ns"),
        ([1388199868], "gps_s"),
        ([45293.5, 45293.0], "excel_days"),
        ([19724], "days"),
        ([2460311.6], "julian_days"),
        ([MS], "ms"),
        ([MS // 1000 - 12 * 365 * 86_400], "s"),  # twelve years old, and no epoch explains it
        ([12.5], "s"),
    ],
)
def test_an_epoch_is_recognised_by_other_times(values, form):
    assert recognise_form(pa.array(values), around=NOW).form == form


@pytest.mark.parametrize(
    "values",
    [
        ["01/02/2024 03:04:10 AM"],
        ["01/02/2024", "03/04/2024"],
        ["01-02-2024"],
        ["13/02/2024", "02/13/2024"],
    ],
)
def test_day_and_month_are_asked_for_where_nothing_tells(values):
    found = recognise_form(pa.array(values))

    assert found.form is None
    assert found.choices == ("day_first", "month_first")


@pytest.mark.parametrize(
    ("value", "form"),
    [
        ("1/2/2024 3:04:10 AM", "month_first"),
        ("02/01/2024 17:00", "day_first"),  # in a zone far from UTC
        ("03/04/2024 03:04:10", None),  # near in neither
        ("02/02/2024", None),  # the same in both
    ],
)
def test_day_and_month_are_told_by_other_times_within_a_day(value, form):
    around = 1_704_164_650_000  # 2024-01-02T03:04:10Z

    assert recognise_form(pa.array([value]), around).form == form


def test_the_share_is_of_the_values_that_are_there():
    values = ["2024-01-02T03:04:10Z", None, None, "2024-01-02T03:04:10Z", "soon", "2024-13-01"]

    assert recognise_form(pa.array(values)).share == 0.5


@pytest.mark.parametrize(
    ("values", "local"),
    [
        (["2024-01-02T03:04:10Z"], False),
        (["2024-01-02T03:04:10Z", "2024-01-02 03:04:10"], True),
        (["Tue Jan 02 11:04:10 CST 2024"], True),
        (["20240102030410"], True),
        ([MS], False),
    ],
)
def test_it_is_said_whether_a_zone_is_lacking(values, local):
    assert recognise_form(pa.array(values)).local == local


@pytest.mark.parametrize(
    ("values", "unit"),
    [([638397614500000000], None), (["2024-01-02 03:04:10,398"], "iso"), ([MS], "ms")],
)
def test_a_unit_is_one_of_the_common_forms(values, unit):
    assert recognise_unit(pa.array(values)) == unit


def test_case_b03_one_app_writes_ms_the_other_s():
    column = pa.array([1704164650000, 1704164650, 1704164655000, 1704164655])
    clients = np.array([0, 1, 0, 1])

    found = recognise_forms(column, clients)

    assert found.main.form == "ms"
    assert {form: codes.tolist() for form, codes in found.others.items()} == {"s": [1]}
    assert found.unclear.tolist() == []
    times = read_times_by_group(column, clients, "ms", found.others)
    assert times.ms.tolist() == [1704164650000, 1704164650000, 1704164655000, 1704164655000]


def times_of(form: str, count: int = 20) -> list[object]:
    """Return how a form writes `count` times from MS on, one a second."""
    ms = MS + 1000 * np.arange(count)
    text = np.datetime_as_string(ms.astype("datetime64[ms]")).tolist()
    return {
        "ms": ms.astype(str).tolist(),
        "s": (ms / 1000).astype(str).tolist(),
        "iso": text,
        "apple_s": (ms / 1000 - 978307200).astype(str).tolist(),
        "dotnet_ticks": [str(621355968000000000 + int(v) * 10_000) for v in ms],
        "mongo_date": [json.dumps({"$date": value}) for value in text],
    }[form]


@pytest.mark.parametrize("main", ["ms", "iso", "mongo_date", "dotnet_ticks"])
@pytest.mark.parametrize("other", ["s", "ms", "iso", "apple_s", "dotnet_ticks", "mongo_date"])
def test_a_client_with_another_form_is_found_and_read(main, other):
    column = pa.array([*times_of(main), *times_of(main), *times_of(other)])
    clients = np.repeat([5, 6, 7], 20)

    found = recognise_forms(column, clients)

    wanted = {} if main == other else {other: [7]}
    assert found.main.form == main
    assert {form: codes.tolist() for form, codes in found.others.items()} == wanted
    times = read_times_by_group(column, clients, main, found.others)
    assert (times.problem == READABLE).all()
    assert np.abs(times.ms - np.tile(MS + 1000 * np.arange(20), 3)).max() <= 1


def test_a_client_that_mixes_forms_is_unclear():
    column = pa.array([MS] * 20 + [MS, MS // 1000] * 10)

    found = recognise_forms(column, np.repeat([1, 2], 20))

    assert (found.main.form, found.others, found.unclear.tolist()) == ("ms", {}, [2])


def test_a_clock_that_restarted_at_1970_is_no_other_form():
    column = pa.array([*(MS + 1000 * np.arange(20)), *(500_000_000 + 1000 * np.arange(20))])

    found = recognise_forms(column, np.repeat([1, 2], 20))

    assert found.main.form == "ms"
    assert found.others == {}
    assert found.unclear.tolist() == [2]


@pytest.mark.parametrize("main", ["ms", "iso", "s"])
@pytest.mark.parametrize("other", ["s", "ms", "iso", "mongo_date"])
@pytest.mark.parametrize("clients", [[1] * 50, [1, 2] * 25], ids=["one", "two"])
def test_a_form_that_changes_with_time_is_read_value_by_value(main, other, clients):
    """Given two devices that write another form from an update on; when they are read."""
    expected = MS + 1000 * np.arange(50)
    column = pa.array([None, *times_of(main, 50)[:30], *times_of(other, 50)[30:]])
    clients = np.array([1, *clients])

    found = recognise_forms(column, clients)

    single = {} if main == other else {other: list(range(31, 51))}
    assert {form: rows.tolist() for form, rows in found.single.items()} == single
    times = read_times_by_group(column, clients, main, found.others, found.single)
    assert times.problem[1:].tolist() == [READABLE] * 50
    assert np.abs(times.ms[1:] - expected).max() <= 1


def test_a_unit_is_not_taken_for_another_where_that_does_not_fit_the_other_times():
    """Uptimes since 1970 in ms are as large as seconds of our age, if of any day of it."""
    uptimes = 1_400_000_000 + 1000 * np.arange(20)
    column = pa.array([*(MS + 1000 * np.arange(30)), *uptimes, None, 0])

    found = recognise_forms(column, np.ones(len(column), int))

    assert found.main.form == "ms"
    assert found.single == {}


def test_a_client_that_has_not_changed_does_not_hide_what_most_others_write():
    """Given one device that writes ms, and two that changed to seconds early."""
    expected = 1_704_164_650_000 + 1000 * np.arange(60)
    changed = np.where(np.arange(60) < 20, expected, expected // 1000)
    column, clients = pa.array([*expected, *changed, *changed]), np.repeat([1, 2, 3], 60)

    found = recognise_forms(column, clients)

    times = read_times_by_group(column, clients, "ms", found.others, found.single)
    assert times.ms.tolist() == [*expected, *expected, *expected]


def test_clients_with_days_that_tell_settle_it_for_those_without():
    column = pa.array(["13/01/2024", "14/01/2024", "02/01/2024", "03/01/2024"])

    found = recognise_forms(column, np.array([1, 1, 2, 2]))

    assert (found.main.form, found.others, found.unclear.tolist()) == ("day_first", {}, [])


def test_clients_that_contradict_leave_the_others_unclear():
    column = pa.array(["13/01/2024", "01/14/2024", "02/01/2024"])

    found = recognise_forms(column, np.array([1, 2, 3]))

    assert found.unclear.tolist() == [3]


@given(columns, st.data())
def test_any_column_of_any_groups_has_an_answer(column, data):
    groups = np.array(
        data.draw(st.lists(st.integers(0, 3), min_size=len(column), max_size=len(column))), int
    )

    found = recognise_forms(column, groups)

    assert recognise_form(column).form in {None, *FORMS}
    assert set(found.unclear.tolist()) <= set(groups.tolist())
    others = [code for codes in found.others.values() for code in codes.tolist()]
    assert not set(others) & set(found.unclear.tolist())
    for rows in found.single.values():
        assert is_present(one_piece(column))[rows].all()
    if found.main.form:
        read = read_times_by_group(column, groups, found.main.form, found.others, found.single)
        assert len(read.ms) == len(column)
