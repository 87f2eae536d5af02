"""How the code to paste reads times. The Python is run here; Java and SQL are for the oracles."""

from __future__ import annotations

import ast
import math
import re
from decimal import ROUND_HALF_UP, Decimal, InvalidOperation

import pyarrow as pa
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from lib.core.times.forms import FORMS
from lib.core.times.reading import READABLE, read_times
from lib.replay.code import Names, patterns_of
from lib.replay.engines.spark import SparkSetting
from lib.replay.windows import SessionWindow
from tests.core.test_times_docs import ROWS

SESSION = SessionWindow(30_000)
TEXTS = [form.name for form in FORMS.values() if form.unit_ms is None]
ZONES = [None, "UTC", "Europe/Berlin", "+01:00", "-03:30!", "Europe/Berlin!"]
PRINTED = st.characters(min_codepoint=32, max_codepoint=126)
YEAR_1801, YEAR_2199 = -5_333_000_000_000, 7_226_000_000_000


class Written:
    """As much of a column of PySpark as the programs do with numbers."""

    def __init__(self, value):
        self.value = value

    def try_cast(self, kind):
        if kind == "bigint":
            return Written(int(self.value))
        digits = int(re.search(r", (\d+)", kind)[1])
        try:
            return Written(rounded(Decimal(self.value.strip()), digits))
        except InvalidOperation:
            return Written(math.nan)

    def __mul__(self, other):
        return Written(self.value * other)

    def __truediv__(self, other):
        return Written(self.value / other)

    def __add__(self, other):
        return Written(self.value + other)


class Functions:
    """`pyspark.sql.functions`, likewise."""

    @staticmethod
    def round(number, digits):
        return Written(rounded(number.value, digits))

    @staticmethod
    def floor(number):
        return Written(math.floor(number.value))

    @staticmethod
    def udf(function, _):
        return lambda column: Written(function(column.value))


def rounded(number, digits):
    return number.quantize(Decimal(1).scaleb(-digits), ROUND_HALF_UP)


def read_by_python(text, names):
    """The time that the Python program reads; None where it reads none."""
    [program] = SparkSetting(SESSION).engine.programs(SparkSetting(SESSION), names)
    parts = ast.parse(program.text).body
    own = [p for p in parts if not (isinstance(p, ast.ImportFrom) and "pyspark" in p.module)]
    namespace = {"F": Functions, "__name__": "program"}
    exec(compile(ast.Module(own, []), "program", "exec"), namespace)
    [count] = [p for p in parts if isinstance(p, ast.FunctionDef) and p.name == "count_events"]
    [ms] = [p.value for p in count.body if isinstance(p, ast.Assign) and p.targets[0].id == "ms"]
    return eval(ast.unparse(ms), namespace, {"text": Written(text)}).value


def read_by_skewline(text, form, zone=None):
    found = read_times(pa.array([text]), form, zone=zone)
    return int(found.ms[0]) if found.problem[0] == READABLE else None


@pytest.mark.parametrize(("form", "text"), [row[:2] for row in ROWS])
@pytest.mark.parametrize("zone", ZONES)
def test_python_reads_every_example_of_the_documentation(form, text, zone):
    names = Names("t", time="at", form=form, zone=zone)

    assert read_by_python(text, names) == read_by_skewline(text, form, zone)


@settings(max_examples=200)
@given(data=st.data(), form=st.sampled_from(TEXTS), zone=st.sampled_from(ZONES))
def test_python_reads_any_text_as_skewline_does(data, form, zone):
    pattern = re.compile(data.draw(st.sampled_from(patterns_of(form))), re.ASCII)
    text = data.draw(st.from_regex(pattern, fullmatch=True, alphabet=PRINTED))
    found = read_by_skewline(text, form, zone)
    assume(found is None or YEAR_1801 < found < YEAR_2199)  # zones are known in between

    assert read_by_python(text, Names("t", time="at", form=form, zone=zone)) == found
