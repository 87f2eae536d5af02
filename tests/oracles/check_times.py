"""Asks Java and Flink how the programs to paste read each form of time.

    python -m tests.oracles.check_times

Java has to read every example of docs/times.md as Skewline does, in each zone. Flink SQL has to
read it so or not at all, and numbers and plain ISO 8601 so. The Python is run by
tests/replay/test_programs_of_times.py.
"""

from __future__ import annotations

import json
import re
import sys
import tempfile
from pathlib import Path

import pyarrow as pa

from lib.core.times.forms import FORMS
from lib.core.times.reading import READABLE, read_times
from lib.replay.code import Names, sql_text
from lib.replay.code_java import java_imports, java_methods
from lib.replay.engines.flink import _sql_time
from tests.core.test_times_docs import ROWS
from tests.oracles.check_programs import classpath, java, run

ZONES = (None, "Europe/Berlin", "-03:30!")
FURTHER = (
    ("iso", "2018-10-28T13:34:46+02:00"),
    ("iso", "2018-10-28T13:34:46.12345678+0200"),
    ("iso", "2018-10-28 11:34:46,1"),
    ("iso", "2018-10-28T11:34Z"),
    ("iso", "2018-10-28 02:30:00"),  # twice on the clocks of Berlin
    ("iso", "2018-03-25 02:30:00"),  # never
    ("day_first", "13/01/2024 03:00:10.250+01:00"),
    ("month_first", "01/13/2024 03:00:10.250 PM"),
    ("s", "1704164650.3989996"),
    ("iso", "n/a"),
    ("ms", "n/a"),
)
PLAIN_ISO = r"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d(:\d\d([.,]\d+)?)?\s*([Zz]|UTC)?([+-]\d\d:?\d\d)?"
EXAMPLES = [
    (Names("t", time="at", form=form, zone=zone), text)
    for form, text in (*(row[:2] for row in ROWS), *FURTHER)
    for zone in ZONES
]


def expected(names, text):
    """The time that Skewline reads; None where it reads none."""
    found = read_times(pa.array([text]), names.form, zone=names.zone)
    return int(found.ms[0]) if found.problem[0] == READABLE else None


def read_by_java():
    """The times that the methods of the Java programs read."""
    classes, calls = [], []
    for number, (names, text) in enumerate(EXAMPLES):
        is_json = text[0] in "[{" or re.fullmatch(r"[\d.e]+", text)
        value = f'{{"at": {text if is_json else json.dumps(text)}}}'
        classes.append(f"static class F{number} {{\n{java_methods(names)}\n}}")
        calls.append(f"print(() -> F{number}.time({json.dumps(value)}.getBytes()));")
    body = "\n".join([*classes, "public static void main(String[] none) {", *calls, "}"])
    text = (
        "public class Times {\ninterface Read { long time() throws Exception; }\n"
        "static void print(Read read) {\ntry { System.out.println(read.time()); }\n"
        f'catch (Exception none) {{ System.out.println("none"); }}\n}}\n{body}\n}}\n'
    )
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "Times.java"
        path.write_text(f"{java_imports(text)}\n{text}")
        run("javac", "-proc:none", "-d", folder, "-cp", classpath("flink"), path)
        printed = run(*java("flink", folder), "Times").split()
    return [None if each == "none" else int(each) for each in printed]


def read_by_sql(examples):
    """The times that Flink reads, by number of the example."""
    queries = []
    for number, (names, text) in examples.items():
        time = _sql_time(names).replace("\n", " ")
        at = f"CAST(COALESCE({time}, TO_TIMESTAMP_LTZ(0, 3)) AS TIMESTAMP(3))"
        values = f"(VALUES (CAST({sql_text(text)} AS STRING))) AS v(`at`)"
        queries.append(f"SELECT '{number}', {at}, {at}, 1 FROM {values}")
    statements = "SET 'table.local-time-zone' = 'UTC';\n" + "\nUNION ALL ".join(queries) + ";\n"
    with tempfile.NamedTemporaryFile("w", suffix=".sql") as file:
        file.write(statements)
        file.flush()
        printed = run(*java("flink_sql"), "RunSql", "run", file.name)
    rows = re.findall(r"^(\d+) (-?\d+) -?\d+ 1$", printed, re.MULTILINE)
    return {int(number): None if ms == "0" else int(ms) for number, ms in rows}


def main():
    wrong = [
        ("Java", names.form, names.zone, text, found)
        for (names, text), found in zip(EXAMPLES, read_by_java(), strict=True)
        if found != expected(names, text)
    ]
    examples = {n: e for n, e in enumerate(EXAMPLES) if _sql_time(e[0]) is not None}
    by_sql = read_by_sql(examples)
    for number, (names, text) in examples.items():
        may_lack = FORMS[names.form].unit_ms is None and not re.fullmatch(PLAIN_ISO, text)
        found = by_sql.get(number, "nothing")
        if found != expected(names, text) and not (may_lack and found is None):
            wrong.append(("Flink SQL", names.form, names.zone, text, found))
    if wrong:
        sys.exit("\n".join(map(str, wrong)))
    print(f"Java read {len(EXAMPLES)} times as Skewline does, Flink SQL {len(examples)}")


if __name__ == "__main__":
    main()
