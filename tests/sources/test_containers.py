"""Containers: JSON of any shape, CSV as people have it, encodings, archives, and any bytes."""

from __future__ import annotations

import bz2
import codecs
import gzip
import io
import json
import tarfile
import tracemalloc
import zipfile
import zlib
from contextlib import suppress

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lib.core.errors import SkewlineError, UnreadableFileError
from lib.core.masking import NOTHING_MASKED
from lib.core.schemas import NoSchemas
from lib.decoding.registry import decode_block, decoder_for
from lib.sources.files.bare_json import split_outside
from lib.sources.files.csv import NAMES_AGAIN
from lib.sources.files.documents import longest_array_in
from lib.sources.files.formats import UPLOADS, records_of
from lib.sources.files.input_file import Limits, uploaded
from lib.sources.files.json_text import cut, members, unquoted
from lib.sources.guess import guess_of
from lib.sources.records import note_of


def opened(name: str, content: bytes | str):
    """Return the fields of a file's records, why others are none, and the notes."""
    content = content.encode() if isinstance(content, str) else content
    blocks = list(records_of(uploaded(name, content)))
    decoded = [
        decode_block(block, decoder_for(block, NoSchemas()), NOTHING_MASKED) for block in blocks
    ]
    kafka = {"KafkaPartition", "KafkaOffset", "KafkaTimestamp", "KafkaTimestampType"}
    fields = [
        {name: value for name, value in row.items() if name not in kafka}
        for each in decoded
        for row in each.columns.to_pylist()
    ]
    reasons = [row["reason"] for each in decoded for row in each.rejected.to_pylist()]
    return fields, reasons, {note for block in blocks if (note := note_of(block))}


# JSON

scalars = st.none() | st.booleans() | st.integers(-(2**60), 2**60) | st.text(max_size=8)
json_values = st.recursive(
    scalars,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3)
    ),
    max_leaves=8,
)
objects = st.dictionaries(st.text(max_size=5), json_values, max_size=4)
BETWEEN = st.sampled_from(["", "\n", ",", ",\n", " ", "\r\n", "\n\n"])


@given(st.lists(objects, max_size=6), BETWEEN, st.booleans(), st.sampled_from([None, 2, "\t"]))
def test_objects_come_out_as_they_went_in_whatever_parts_them(written, between, in_array, indent):
    texts = [json.dumps(each, indent=indent, ensure_ascii=bool(indent)) for each in written]
    text = between.join(texts) if not in_array else "[" + ",".join(texts) + "]"

    found, taken, inside = cut(text.encode(), within=False, final=True)

    assert [value.decode() for value in found.to_pylist()] == (texts or ["[]"] * in_array)
    assert (taken, inside) == (len(text.encode()), False)


@given(st.lists(objects, max_size=6), st.integers(1, 40))
def test_objects_come_out_the_same_from_pieces(written, size):
    text = "".join(json.dumps(each) for each in written).encode()
    found, rest, within = [], b"", False

    for start in range(0, len(text), size):
        rest += text[start : start + size]
        values, taken, within = cut(rest, within=within, final=False)
        found += values.to_pylist()
        rest = rest[taken:]

    assert list(map(json.loads, found)) == written
    assert rest == b""


@given(st.lists(objects, min_size=1, max_size=4), st.sampled_from([None, 1]))
def test_members_are_what_a_parser_makes_of_them(written, indent):
    names = sorted({name for each in written for name in each if '"' not in name})
    texts = pa.array(
        [json.dumps(each, indent=indent, ensure_ascii=False).encode() for each in written]
    )

    columns, whole = members(texts, names)

    assert whole.all()
    for name, column in zip(names, columns, strict=True):
        found = [None if v is None else json.loads(v) for v in column.to_pylist()]
        assert found == [each.get(name) for each in written]


@given(st.lists(st.text(max_size=10), min_size=1, max_size=5))
def test_texts_lose_their_quotes_and_escapes(texts):
    values, bad = unquoted(pa.array([json.dumps(text).encode() for text in texts]))

    readable = [not any(0xD800 <= ord(c) < 0xE000 for c in text) for text in texts]
    assert [value for value, ok in zip(values.to_pylist(), readable, strict=True) if ok] == [
        text.encode() for text, ok in zip(texts, readable, strict=True) if ok
    ]
    assert bad.tolist() == [not ok for ok in readable]


@given(st.binary(max_size=60), st.booleans(), st.booleans())
def test_any_bytes_are_cut_without_losing_one(text, within, final):
    found, taken, _ = cut(text, within=within, final=final)

    assert taken == len(text) or not final
    assert sum(map(len, found.to_pylist())) <= taken
    members(found, ["a", ""])


@pytest.mark.parametrize(
    ("document", "path", "count"),
    [
        ({"events": [{"a": 1}, {"a": 2}]}, "events", 2),
        ({"of": [1, 2, 3], "x": {"events": [{"a": 1}, {"a": 2}]}}, "x.events", 2),
        ({"devices": [{"d": 1}], "log": [{"a": [{"b": 1}, {"b": 2}, {"b": 3}]}, {}]}, "log", 2),
    ],
)
def test_the_longest_array_of_objects_holds_the_events(document, path, count):
    text = json.dumps(document, indent=1).encode()

    array = longest_array_in([text[:7], text[7:]])

    assert array is not None
    assert (array.path, array.objects) == (path, count)
    assert text[array.start : array.start + 1] == b"["


def test_a_document_says_which_array_was_read():
    fields, reasons, notes = opened(
        "t.json", json.dumps({"meta": [{"x": 0}], "data": {"events": [{"a": 1}, {"a": 2}]}})
    )

    assert fields == [{"a": 1}, {"a": 2}]
    assert reasons == []
    (note,) = notes
    assert "the 2 of data.events, its longest array; other arrays not read: 1." in note


def test_a_document_larger_than_what_is_looked_at_first_is_read(monkeypatch):
    monkeypatch.setattr("lib.sources.files.text.BEGINNING_BYTES", 1 << 10)
    monkeypatch.setattr("lib.sources.files.encodings.BEGINNING_BYTES", 1 << 10)
    monkeypatch.setattr("lib.sources.files.lines.BLOCK_BYTES", 1 << 10)
    events = [{"n": n, "text": "x" * (n % 50)} for n in range(500)]

    fields, reasons, _ = opened("t.json", json.dumps({"head": 1, "events": events, "tail": 2}))

    assert fields == events
    assert reasons == []


def test_one_event_with_a_list_in_it_stays_one_event():
    fields, _, notes = opened("t.json", '{"ts": 1, "note": "a long text", "tags": [{"a": 1}]}')

    assert [event["ts"] for event in fields] == [1]
    assert notes == set()


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32"])
@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("t.jsonl", '{"a":"ä"}\n{"a":"€"}\n'),
        ("t.json", '[{"a":"ä"},{"a":"€"}]'),
        ("t.csv", "a\nä\n€\n"),
    ],
)
def test_text_may_be_unicode_of_any_form(name, text, encoding):
    fields, reasons, _ = opened(name, text.encode(encoding))

    assert fields == [{"a": "ä"}, {"a": "€"}]
    assert reasons == []


# CSV

ROWS = [{"dev": "a", "x": 1.5}, {"dev": "b", "x": 2.25}, {"dev": "c", "x": 3}]


@pytest.mark.parametrize(
    "text",
    [
        "dev,x\na,1.5\nb,2.25\nc,3\n",
        "dev;x\na;1.5\nb;2.25\nc;3\n",
        "dev;x\r\na;1,5\r\nb;2,25\r\nc;3\r\n",
        "dev\tx\na\t1,5\nb\t2,25\nc\t3\n",
        "sep=;\ndev;x\na;1,5\nb;2,25\nc;3\n",
        "# made by x\n# at y\n\ndev,x\na,1.5\nb,2.25\nc,3\n",
        "#dev,x\na,1.5\nb,2.25\nc,3\n",
        "Report of the day\n\ndev|x\na|1.5\nb|2.25\nc|3\n",
        "dev,x,\na,1.5,\nb,2.25,\nc,3,\n",
        "dev,x\na,1.5,,\nb,2.25,,\nc,3,,\n",
        "dev,x\na,1.5\nb,2.25,\nc,3\n",
        "dev,x,\na,1.5\nb,2.25\nc,3\n",
        "'dev','x'\n'a','1.5'\n'b','2.25'\n'c','3'\n",
        '"dev","x"\n"a","1.5"\n"b","2.25"\n"c","3"',
        "\n\ndev,x\na,1.5\n\nb,2.25\nc,3\n",
        "dev,x\ra,1.5\rb,2.25\rc,3\r",
        "Report;\nof;\ndev;x\na;1,5\nb;2,25\nc;3\n",
    ],
)
def test_csv_is_read_as_people_have_it(text):
    fields, reasons, _ = opened("t.csv", text)

    assert sorted(fields, key=lambda row: row["dev"]) == ROWS
    assert reasons == []


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("dev-a,1704164650000\ndev-b,1704164650700\n", ["column_1", "column_2"]),
        ("2024-01-02 03:04:10;x\n2024-01-02 03:04:11;y\n", ["column_1", "column_2"]),
        ("0,1\na,5\nb,6\n", ["0", "1"]),
        ("a,,c\n1,2,3\n", ["a", "column_2", "c"]),
        ("a,b\nx,y\n", ["a", "b"]),
        ('"{""a"":1}"\n"{""a"":2}"\n', ["column_1.a"]),
    ],
)
def test_a_first_line_that_looks_like_data_has_no_names(text, names):
    fields, reasons, notes = opened("t.csv", text)

    assert list(fields[0]) == names
    assert reasons == []
    assert any("no names" in note for note in notes) == (len(fields) == text.count("\n"))


@pytest.mark.parametrize(
    "text", ["Größe;Straße\n1;Müller\n2;Weiß\n", "id;name\n1;Müller\n2;Weiß\n"]
)
def test_csv_from_before_unicode_is_read_and_said_to_be(text):
    fields, reasons, notes = opened("t.csv", text.encode("cp1252"))

    assert [list(row.values())[1] for row in fields] == ["Müller", "Weiß"]
    assert reasons == []
    assert notes == {"Read as cp1252: it is not UTF-8."}


def test_a_damaged_file_costs_no_memory_for_good():
    damaged = gzip.compress(b'{"a":1}\n' * 9)[:-12]
    tracemalloc.start()

    for _ in range(20):
        with suppress(UnreadableFileError):
            opened("t.jsonl.gz", damaged)

    kept, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert kept < 10 << 20


def test_letters_alone_in_their_cells_count_where_others_are_beside_letters():
    fields, reasons, _ = opened("t.csv", "Größe;b\nä;1\nö;2\n".encode("latin1"))

    assert [row["Größe"] for row in fields] == ["ä", "ö"]
    assert reasons == []


DRAWN = {
    "psql": " id |  n  \n----+-----\n a  |   1 \n b  |     \n",
    "mysql": "+----+---+\n| id | n |\n+----+---+\n| a  | 1 |\n| b  |   |\n+----+---+\n",
    "Markdown": "| id | n |\n|---|---|\n| a | 1 |\n| b |  |\n",
    "Trino": " id │ n \n────┼───\n a  │ 1 \n b  │   \n",
    "ClickHouse": "┌─id─┬─n─┐\n│ a  │ 1 │\n│ b  │   │\n└────┴───┘\n",
    "ClickHouse, numbered": "   ┌─id─┬─n─┐\n1. │ a  │ 1 │\n2. │ b  │   │\n   └────┴───┘\n",
    "heavy": "┏━━━━┳━━━┓\n┃ id ┃ n ┃\n┡━━━━╇━━━┩\n│ a  │ 1 │\n│ b  │   │\n└────┴───┘\n",
    "two marks": "id||n\na||1\nb||\n",
    "carets": "id^n\na^1\nb^\n",
    "Hive": "id\x01n\na\x011\nb\x01\n",
    "spaces": "id    n  note\na     1  -\nb     2  x y\n",
}


def test_a_line_of_empty_cells_has_no_names():
    fields, reasons, note = opened("t.csv", "id||n\n|\n\n1|2\n3|4\n")

    assert fields[-2:] == [{"column_1": 1, "column_2": 2}, {"column_1": 3, "column_2": 4}]
    assert not reasons
    assert any(
        said.startswith("The first line is empty, so the columns have no names") for said in note
    )


@pytest.mark.parametrize("ending", ["csv", "txt"])
@pytest.mark.parametrize("tool", DRAWN)
def test_tables_that_are_drawn_have_cells(tool, ending):
    fields, reasons, _ = opened(f"t.{ending}", DRAWN[tool])

    assert [row["id"] for row in fields] == ["a", "b"]
    assert [row["n"] for row in fields] == [1, 2 if tool == "spaces" else None]
    assert reasons == []


def test_what_is_below_a_drawn_table_is_rejected():
    fields, reasons, _ = opened("t.txt", DRAWN["mysql"] * 9 + "2 rows in set (0.00 sec)\n")

    assert len(fields) == 9 * 2
    assert sorted(reasons) == ["fewer cells than there are names", *[NAMES_AGAIN] * 8]


def test_text_in_quotes_may_go_over_lines():
    text = 'id;"the\nnote";n\n' + "".join(f'{n};"a\nb ""c""\n";{n}\n' for n in range(9))

    fields, reasons, _ = opened("t.csv", text)

    assert [row["n"] for row in fields] == list(range(9))
    assert {row["the\nnote"] for row in fields} == {'a\nb "c"\n'}
    assert reasons == []


def test_names_that_come_again_are_no_row():
    fields, reasons, _ = opened("t.csv", "dev,x\na,1\n\ndev,x\nb,2\n\ufeffdev,x\nc,3\n")

    assert fields == [{"dev": "a", "x": 1}, {"dev": "b", "x": 2}, {"dev": "c", "x": 3}]
    assert reasons == [NAMES_AGAIN] * 2


def test_marks_and_nuls_before_a_row_are_no_part_of_it():
    fields, _, _ = opened("t.csv", "dev,x\n\0\0a,1\n\ufeffb,2\nï,3\n")

    assert fields == [{"dev": "a", "x": 1}, {"dev": "b", "x": 2}, {"dev": "ï", "x": 3}]


def test_columns_of_one_name_are_told_apart_and_said_to_be():
    fields, _, (note,) = opened("t.csv", "ts,ts,ts_2,ts\n1,2,3,4\n")

    assert fields == [{"ts": 1, "ts_3": 2, "ts_2": 3, "ts_4": 4}]
    assert note == "Several columns are called ts; the others of them are ts_3, ts_4."


@pytest.mark.parametrize("written", ["1.70416E+12", "1.7041E+09", "2E12"])
def test_times_that_a_spreadsheet_has_rounded_are_no_times(written):
    fields, _, (note,) = opened("t.csv", f"dev,ts\na,{written}\nb,{written}\n")

    assert fields == [{"dev": "a"}, {"dev": "b"}]
    assert note.startswith(f"Rounded by a spreadsheet, and left out: ts ({written}).")


@pytest.mark.parametrize("shielded", ["'{}", '"=""{}"""'])
def test_numbers_that_are_shielded_from_a_spreadsheet_are_numbers(shielded):
    rows = "".join(f"{dev},{shielded.format(n)}\n" for dev, n in (("a", 17), ("'b", 18)))

    fields, _, _ = opened("t.csv", f"dev,n\n{rows}")

    assert fields == [{"dev": "a", "n": 17}, {"dev": "'b", "n": 18}]


@pytest.mark.parametrize("mark", [",", ".", " ", "'"])
def test_times_with_a_mark_before_every_three_digits_are_numbers(mark):
    written = [f"{1_704_164_650_000 + k:,}".replace(",", mark) for k in range(3)]
    rows = "".join(f'{k};"{ts}";1.123.45{k}\n' for k, ts in enumerate(written))

    fields, _, (note,) = opened("t.csv", f"k;ts;version\n{rows}")

    assert [row["ts"] for row in fields] == [1_704_164_650_000 + k for k in range(3)]
    assert [row["version"] for row in fields] == ["1.123.450", "1.123.451", "1.123.452"]
    assert note == "Thousands are marked in ts."


def test_addresses_are_no_numbers():
    fields, _, notes = opened("t.csv", "ip,x\n1.104.164.150,1\n4.123.120.101,2\n")

    assert [row["ip"] for row in fields] == ["1.104.164.150", "4.123.120.101"]
    assert not notes


@pytest.mark.parametrize("word", ["NULL", "\\N", "N/A", "None", "-"])
def test_words_for_nothing_are_nothing(word):
    fields, reasons, _ = opened("t.csv", f'dev,n\na,{word}\n{word},2\n"{word}",3\n')

    assert fields == [{"dev": "a", "n": None}, {"dev": None, "n": 2}, {"dev": word, "n": 3}]
    assert reasons == []


def test_columns_that_change_places_end_in_a_sentence():
    with pytest.raises(UnreadableFileError, match="another order"):
        opened("t.csv", "dev,ts,at\na,1,2\ndev,at,ts\nb,2,1\n")


@pytest.mark.parametrize("written", ["1.704164650220E+12", "6.02E+23", "1.5E+2"])
def test_other_numbers_with_exponents_are_numbers(written):
    fields, _, notes = opened("t.csv", f"dev,x\na,{written}\n")

    assert fields == [{"dev": "a", "x": float(written)}]
    assert notes == set()


@pytest.mark.parametrize(
    "line", ["cpu,host=a usage=0.5,n=1i 17041646502200000", "dev: a, ts: 1704164650000, n: 0"]
)
def test_text_whose_cells_have_names_is_no_csv(line):
    fields, reasons, _ = opened("t.txt", f"{line}\n" * 3)

    assert (fields, reasons) == ([], ["not JSON"] * 3)


@pytest.mark.parametrize("between", ["\ufeff", "\0" * 9])
def test_what_files_that_were_joined_or_cut_off_leave_costs_no_record(between):
    fields, reasons, _ = opened("t.jsonl", f'{between}{{"a":1}}\n{between}{{"a":2}}\n')

    assert fields == [{"a": 1}, {"a": 2}]
    assert reasons == []


def test_zeros_name_no_schema():
    _, reasons, _ = opened("t.txt", bytes(100))

    assert reasons == ["not JSON"]


@pytest.mark.parametrize(
    ("content", "remedy"),
    [
        (zlib.compress(b"[]"), "Unpack it"),
        (b"%PDF-1.4", "Write its records"),
        (b"PK\x03\x04", "Give an archive the ending .zip"),
    ],
)
def test_what_is_read_under_no_ending_is_said_with_what_to_do(content, remedy):
    with pytest.raises(UnreadableFileError) as caught:
        opened("t.csv", content)

    assert caught.value.remedy.startswith(remedy)


def test_quotes_with_a_backslash_before_them_are_quotes():
    text = 'id,value\n1,"{\\"a\\": 5, \\"b\\": \\"x\\"}"\n2,"{\\"a\\": 6, \\"b\\": \\"y\\"}"\n'

    fields, reasons, _ = opened("t.csv", text)

    assert [row["value.a"] for row in fields] == [5, 6]
    assert reasons == []


@pytest.mark.parametrize("ending", [".csv", ".tsv"])
@pytest.mark.parametrize("mark", [",", ";", "|", "\t"])
@pytest.mark.parametrize("order", [("at", "who", "said"), ("at", "said", "who"), ("said", "at")])
def test_nothing_inside_of_json_without_quotes_parts_cells(order, mark, ending):
    # Given rows with JSON as `mysql -B` writes it, with all that else parts cells in it, and names
    texts = ["b, c", '"d", e', "{;|", "f\u2028g", ""]
    rows = [
        {"at": str(k), "who": "a", "said": json.dumps({"x": k, "y": y}, ensure_ascii=False)}
        for k, y in enumerate(texts * 20)
    ]
    lines = [mark.join(order), *(mark.join(row[name] for name in order) for row in rows)]

    fields, reasons, notes = opened(f"t{ending}", "\n".join(lines))

    assert [(row["at"], row["said.y"]) for row in fields] == [
        (k, y) for k, y in enumerate(texts * 20)
    ]
    assert (reasons, notes) == ([], set())


@pytest.mark.parametrize("name", ["t.csv", "t.tsv", "t.txt"])
@pytest.mark.parametrize("mark", [",", ";", "\t"])
def test_lines_that_kcat_printed_are_none_of_a_table_whatever_they_are_called(mark, name):
    # Given what `kcat -f '%T,%s\n'` prints, which has no names
    values = [{"device": "dev-a", "n": k, "ts": 1_704_164_650_000 + k} for k in range(40)]
    text = "".join(f"{v['ts'] + 250}{mark}{json.dumps(v)}\n" for v in values)

    blocks = list(records_of(uploaded(name, text.encode())))

    assert [json.loads(v) for block in blocks for v in block["value"].to_pylist()] == values
    assert [k for block in blocks for k in block["timestamp"].to_pylist()] == [
        v["ts"] + 250 for v in values
    ]


@given(
    st.lists(
        st.lists(json_values.filter(lambda v: isinstance(v, dict | list)), min_size=2, max_size=2),
        min_size=1,
        max_size=5,
    ),
    st.sampled_from(",;|\t"),
)
def test_cells_around_json_are_what_was_joined(rows, mark):
    for row in rows:
        cells = ["17", *map(json.dumps, row), '"a' + mark + 'b"', ""]

        assert split_outside(mark.join(cells), mark) == cells


INFLUX = """#group,false,false,true,true,false,false,true
#datatype,string,long,dateTime:RFC3339,dateTime:RFC3339,dateTime:RFC3339,double,string
#default,_result,,,,,,
,result,table,_start,_stop,_time,_value,host
,,0,2024-01-02T03:00:00Z,2024-01-02T04:00:00Z,2024-01-02T03:04:10Z,1.5,dev-a
,,0,2024-01-02T03:00:00Z,2024-01-02T04:00:00Z,2024-01-02T03:04:11Z,2.5,dev-b

#group,false,false,true,false,true
#datatype,string,long,string,dateTime:RFC3339,string
#default,_result,,,,
,result,table,host,_time,state
,,1,dev-a,2024-01-02T03:04:12Z,"on, off"
,,1,dev-b,2024-01-02T03:04:13Z
"""


@pytest.mark.parametrize("end", ["\n", "\r\n"])
@pytest.mark.parametrize("name", ["t.csv", "t.txt"])
def test_tables_of_influxdb_are_one_below_another_with_names_of_their_own(name, end):
    fields, reasons, notes = opened(name, INFLUX.replace("\n", end))

    found = [(row["_time"][-3:], row["host"], row["_value"], row["state"]) for row in fields]
    assert found == [
        ("10Z", "dev-a", 1.5, None),
        ("11Z", "dev-b", 2.5, None),
        ("12Z", "dev-a", None, "on, off"),
    ]
    assert {row["result"] for row in fields} == {"_result"}
    # The range that was asked for has no time of an event; that it is left out is said
    assert not {"_start", "_stop"} & fields[0].keys()
    assert len(notes) == 1
    assert reasons == ["fewer cells than there are names"]


def test_a_backslash_before_the_quote_that_ends_a_cell_is_one():
    fields, reasons, _ = opened("t.csv", 'path,n\n"C:\\",1\n"D:\\",2\n')

    assert [row["path"] for row in fields] == ["C:\\", "D:\\"]
    assert reasons == []


ZEEK = """#separator \\x09
#path\tconn
#fields\tts\tuid\tnote
#types\ttime\tstring\tstring
1704164650.1\tC1\t-
1704164651.2\tC2\ta,b
#close\t2024-01-02-03-05-00
"""
IIS = """#Software: Microsoft Internet Information Services 10.0
#Fields: ts uid note
1704164650.1 C1 -
#Date: 2024-01-02 03:04:11
#Fields: ts note uid sc-status
1704164651.2 a,b C2 200
"""
CLOUDFRONT = """#Version: 1.0
#Fields: ts uid note
1704164650.1\tC1\t-
1704164651.2\tC2\ta,b
"""
DUMP = """--
-- PostgreSQL database dump
--
CREATE TABLE public.t (ts text);

COPY public.versions (id, "at") FROM stdin;
7\t2024-01-02 03:04:10+00
\\.

COPY public.events (ts, "uid", note) FROM stdin;
1704164650.1\tC1\t\\N
1704164651.2\tC2\ta,b
\\.

-- PostgreSQL database dump complete
"""


@pytest.mark.parametrize("ending", ["log", "txt", "tsv", "sql"])
@pytest.mark.parametrize(
    ("text", "note"),
    [
        (ZEEK, ""),
        (IIS, ""),
        (CLOUDFRONT, ""),
        (DUMP, "The rows are those of public.events; other tables of the dump are not read."),
    ],
    ids=["Zeek", "IIS", "CloudFront", "pg_dump"],
)
def test_rows_have_the_names_of_the_directive_above_them(text, note, ending):
    fields, reasons, notes = opened(f"t.{ending}", text)

    assert fields == [
        {"ts": 1704164650.1, "uid": "C1", "note": None},
        {"ts": 1704164651.2, "uid": "C2", "note": "a,b"},
    ]
    assert reasons == []
    assert notes == ({note} if note else set())


def test_json_in_a_dump_of_postgres_is_as_it_was():
    row = json.dumps({"ts": 1704164650, "text": 'say "a\\b"'}).replace("\\", "\\\\")

    rows = f"1\t{row}\n2\t{row}\n"
    fields, reasons, _ = opened("t.sql", f"COPY t (id, data) FROM stdin;\n{rows}\\.\n")

    assert [each["data.text"] for each in fields] == ['say "a\\b"'] * 2
    assert reasons == []


@pytest.mark.parametrize("mark", ["# ", "// "])
def test_an_object_that_is_commented_out_is_no_record(mark):
    text = '{\n "a": 1\n}\n' + mark + '{"a": 2}\n{\n "a": 3\n}\n'

    fields, reasons, _ = opened("t.json", text)

    assert [row["a"] for row in fields] == [1, 3]
    assert reasons == []


@pytest.mark.parametrize(
    "text",
    [
        '[\n// don\'t [stop\n{"a": 1}, # one\n  // two\n{"a": 3}\n# end\n]\n',
        '# of today\n[{"a": 1},\n{"a": 3}]\n// end',
        '# of today\n{"a": 1}\n  // {"a": 2}\n{"a": 3}\n# end\n',
    ],
)
def test_comments_are_no_records(text):
    fields, reasons, _ = opened("t.json", text)

    assert [row["a"] for row in fields] == [1, 3]
    assert reasons == []


@pytest.mark.parametrize(
    "action",
    ['{"index": {"_index": "ev", "_id": "17"}}', '{ "create" : { } }', '{"index":{"_id":"}"}}'],
)
def test_documents_of_a_bulk_request_are_its_records(action):
    # Given documents, the second of which looks a little like an action
    documents = [{"a": 1}, {"index": {"name": "x"}}, {"a": 3}]

    # When they are written for Elasticsearch, an action before each
    lines = [line for each in documents for line in (action, json.dumps(each))]
    fields, reasons, _ = opened("t.ndjson", "\n".join(lines))

    # Then actions are no records
    assert [row.get("a") for row in fields] == [1, None, 3]
    assert fields[1]["index.name"] == "x"
    assert reasons == []


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("a,b\n1,2,3\n4,5,6\n", "more cells than there are names"),
        ("a,b,c\n1,2\n4,5\n", "fewer cells than there are names"),
    ],
)
def test_rows_that_are_all_too_long_or_too_short_are_all_rejected(text, reason):
    fields, reasons, _ = opened("t.csv", text)

    assert fields == []
    assert reasons == [reason] * 2


@pytest.mark.parametrize("encoding", ["cp1252", "cp1251", "shift_jis"])
@pytest.mark.parametrize(
    "written",
    [
        lambda texts: "".join(f'{{"a":"{text}"}}\n' for text in texts),
        lambda texts: "[" + ",\n".join(f'{{"a": "{text}"}}' for text in texts) + "]",
        lambda texts: "".join(f'CreateTime:5\tk\t{{"a":"{text}"}}\n' for text in texts),
        lambda texts: "".join(f'{{"payload":{{"a":"{text}"}},"ts":5}}\n' for text in texts),
    ],
)
def test_json_from_before_unicode_is_read_and_said_to_be(written, encoding):
    texts = {
        "cp1252": ["Zürich, Genève", "Bern"],
        "cp1251": ["Москва, город Тверь", "Bern"],
        "shift_jis": ["東京都千代田区は日本です", "Bern"],
    }[encoding]

    fields, reasons, notes = opened("t.json", written(texts).encode(encoding))

    assert [row["a"] for row in fields] == texts
    assert reasons == []
    assert len(notes) == 1
    assert "it is not UTF-8" in notes.pop()


@pytest.mark.parametrize(
    "value",
    [
        b'{"a":"b\xffc","b":"\\u0000"}\n',  # bytes that kcat wrote
        b'{"a":"b\xffc"}\n{"a":"\xc3\xa4"}\n',  # one byte too many among UTF-8
        b'{"a":"\x95\x96"}\n',
    ],
)
def test_bytes_that_are_no_letters_are_not_made_some(value):
    _, reasons, notes = opened("t.json", value)

    assert reasons == ["not UTF-8"]
    assert notes == set()


# Archives and Arrow


def zipped(**files: bytes) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name.replace("__", "."), content)
    return file.getvalue()


def tarred(mode: str = "w", **files: bytes) -> bytes:
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode=mode) as archive:
        folder = tarfile.TarInfo("./logs")
        folder.type = tarfile.DIRTYPE
        archive.addfile(folder)
        for name, content in files.items():
            member = tarfile.TarInfo(f"./logs/{name.replace('__', '.')}")
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return file.getvalue()


def parquet(table: pa.Table) -> bytes:
    file = io.BytesIO()
    pq.write_table(table, file)
    return file.getvalue()


def arrow(table: pa.Table, *, stream: bool) -> bytes:
    file = io.BytesIO()
    new = pa.ipc.new_stream if stream else pa.ipc.new_file
    with new(file, table.schema) as writer:
        writer.write_table(table)
    return file.getvalue()


TABLE = pa.table({"a": [1, 2], "b": ["x", "y"]})


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("t.zip", zipped(t__jsonl=b'{"a":1,"b":"x"}\n{"a":2,"b":"y"}')),
        ("t.csv.zip", zipped(t__csv=b"a,b\n1,x\n2,y\n")),
        ("t.zip", zipped(t__parquet=parquet(TABLE))),
        ("t.tar", tarred(t__csv=b"a,b\n1,x\n2,y\n")),
        ("t.tar.gz", tarred("w:gz", t__jsonl=b'{"a":1,"b":"x"}\n{"a":2,"b":"y"}')),
        ("T.TGZ", tarred("w:gz", t__parquet=parquet(TABLE), __hidden=b"x")),
        (
            "t.tar.bz2",
            tarred("w:bz2", t__jsonl__gz=gzip.compress(b'{"a":1,"b":"x"}{"a":2,"b":"y"}')),
        ),
        ("t.json.gz", gzip.compress(b'[{"a":1,"b":"x"},{"a":2,"b":"y"}]')),
        ("t.txt.bz2", bz2.compress(b'{"a":1,"b":"x"}{"a":2,"b":"y"}')),
        ("t.arrow", arrow(TABLE, stream=False)),
        ("t.arrow", arrow(TABLE, stream=True)),
        ("t.arrows", arrow(TABLE, stream=True)),
        ("t.pq", parquet(TABLE)),
        ("stream-1-2024-01-02-03-04-05-f00d", b'{"a":1,"b":"x"}{"a":2,"b":"y"}'),
        ("stream-1.gz", gzip.compress(b'{"a":1,"b":"x"}{"a":2,"b":"y"}')),
        ("t.feather.gz", gzip.compress(arrow(TABLE, stream=False))),
        ("t.csv", b'{"a":1,"b":"x"}\n{"a":2,"b":"y"}'),
        ("t.txt", b"a,b\n1,x\n2,y\n"),
    ],
)
def test_what_a_file_holds_counts_not_what_is_around_it(name, content):
    assert opened(name, content)[:2] == ([{"a": 1, "b": "x"}, {"a": 2, "b": "y"}], [])


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (zipped(a__csv=b"a\n1\n", b__csv=b"a\n1\n"), "holds 2 files"),
        (zipped(), "holds no files"),
        (b"PK\x03\x04 and nothing", "no zip archive"),
        (zipped(a__csv=b"a\n1\n" * 999)[:-40], "no zip archive"),
    ],
)
def test_an_archive_that_is_not_one_file_ends_in_a_sentence(content, sentence):
    with pytest.raises(UnreadableFileError, match=sentence):
        opened("t.zip", content)


@pytest.mark.parametrize(
    ("name", "content", "sentence"),
    [
        ("t.tar", tarred(a__csv=b"a\n1\n", b__csv=b"a\n1\n"), "t.tar holds 2 files"),
        ("t.tgz", tarred("w:gz"), "t.tgz holds no files"),
        ("t.tar", b"no tar" * 200, "no tar archive"),
        ("t.tar.gz", tarred("w:gz", a__csv=b"a\n1\n")[:-30], "truncated or damaged"),
        ("t.tar", tarred(a__jsonl=b'{"a":1}\n' * 999)[:3_000], "damaged"),
        ("t.gz", tarred("w:gz", a__csv=b"a\n1\n"), "is a tar archive"),
        ("t.csv", tarred(a__csv=b"a\n1\n"), "is a tar archive"),
    ],
)
def test_a_tar_archive_that_is_not_one_file_ends_in_a_sentence(name, content, sentence):
    with pytest.raises(UnreadableFileError, match=sentence):
        opened(name, content)


def test_a_tar_archive_unpacks_to_no_more_than_is_allowed(monkeypatch):
    monkeypatch.setattr(Limits, "__init__", lambda self: vars(self).update(TIGHT))

    with pytest.raises(UnreadableFileError, match="more than"):
        opened("t.tar.gz", tarred("w:gz", a__csv=b"a\n" + b"1\n" * 500_000))


TIGHT = {"content_bytes": 1 << 30, "ratio": 2, "free_bytes": 1 << 16}


def test_text_that_is_not_utf8_inside_of_a_table_is_shown_in_hexadecimal():
    bad = pa.array([b"\xff", b"x"]).view(pa.string())
    table = pa.table({"a": bad, "b": bad.dictionary_encode(), "c": ["x", "y"]})

    fields, reasons, _ = opened("t.parquet", parquet(table))

    assert fields == [{"a": "ff", "b": "ff", "c": "x"}, {"a": "78", "b": "78", "c": "y"}]
    assert reasons == []


def test_bytes_inside_of_a_table_are_shown_in_hexadecimal_if_they_are_no_text():
    table = pa.table(
        {
            "raw": [b"\xff", b"a"],
            "text": [b"x", b"y"],
            "in": [{"raw": b"\x00\xfe"}, {"raw": None}],
            "each": [[b"\xff", b"z"], None],
        }
    )

    fields, reasons, _ = opened("t.parquet", parquet(table))

    assert fields[0] == {"raw": "ff", "text": "x", "in.raw": "00fe", "each": '["ff", "7a"]'}
    assert reasons == []


# Any bytes

PIECES = st.sampled_from(
    [
        *(b'{"a":1}', b"{", b"}", b"[", b"]", b'"', b",", b"\n", b"\r\n", b"\\", b"a,b", b"1,2"),
        *(b'{"partition":0,"offset":1,"value":', b'"timestamp":5,', b'"headers":[1],', b"null"),
        *(
            b"CreateTime:1\t",
            b"Partition:0\t",
            b"NO_HEADERS\t",
            b"k:",
            b"% x",
            b"sep=;",
            b"'",
            b"#",
        ),
        *(b"\xff", b"\xff\xfe", b"\x00", b"\xc3\xa4", b"PAR1", b"ARROW1\0\0", b"PK\x03\x04", b";"),
        *(b'"Records":[', b'"kinesis":{"data":"e30="', b'{"eventSource":"aws:kafka","records":'),
    ]
)
near = st.lists(PIECES, max_size=14).map(b"".join)
true_files = st.sampled_from(
    [
        *(parquet(TABLE), arrow(TABLE, stream=False), arrow(TABLE, stream=True)),
        *(
            zipped(t__csv=b"a,b\n1,2\n"),
            tarred("w:gz", t__csv=b"a,b\n1,2\n"),
            tarred(t__csv=b"a"),
            gzip.compress(b'{"a":1}\n'),
            codecs.BOM_UTF16 + b"{\0",
        ),
    ]
)


@st.composite
def damaged(draw) -> bytes:
    content = bytearray(draw(true_files))
    for _ in range(draw(st.integers(0, 3))):
        content[draw(st.integers(0, len(content) - 1))] = draw(st.integers(0, 255))
    return bytes(content[: draw(st.integers(0, len(content)))]) or bytes(content)


@settings(max_examples=300, deadline=None)
@given(st.sampled_from(UPLOADS), st.binary(max_size=200) | near | damaged())
def test_any_bytes_of_any_name_are_read_or_end_in_a_sentence(ending, content):
    with suppress(SkewlineError):
        for block in records_of(uploaded(f"t{ending}", content)):
            decoded = decode_block(block, decoder_for(block, NoSchemas()), NOTHING_MASKED)

            assert len(decoded.columns) + len(decoded.rejected) == len(block)


LINES = "write an object a line (jq -c)"


@given(st.binary(max_size=100))
def test_a_guess_is_made_of_any_bytes(content):
    assert isinstance(guess_of(content), str)


@pytest.mark.parametrize(
    ("content", "guess"),
    [
        (
            b"\0\0\0\0\x11\x0adev",
            "begins with 0 and schema id 17: Avro or Protobuf; set a schema registry",
        ),
        (b'\0\0\0\0\x11{"a":1}', "begins with 0 and schema id 17: JSON behind it"),
        ('{"a":1}'.encode("utf-16"), "UTF-16; save it as UTF-8"),
        ('{"a":1}'.encode("utf-16-le"), "UTF-16 without a byte order mark; save it as UTF-8"),
        (b'{\n  "a": 1,', f"JSON over several lines, cut off or with a fault; {LINES}"),
        (b"[1, 2]", "JSON, but no object; write an object with names for each event"),
        (b'{"a": {"b": 1}}', ""),
        (
            b'2024-01-02 INFO {"a":1}',
            "JSON behind other text, such as a key or a line of a log; write the JSON alone",
        ),
        (
            b"INFO a=1 b=2",
            "key=value text behind other words; write the pairs alone, or JSON",
        ),
        (b"a;b;c", "CSV; give the file the ending .csv, or write JSON"),
        (b"- a: b\n  c: 1", "YAML, or other text of names and values; write JSON"),
        (
            b"cpu,host=a usage=0.5,n=1i 1704164650220000000",
            'InfluxDB\'s line protocol; write JSON (in Telegraf, data_format = "json")',
        ),
        (b"<e/>", "XML or HTML; write its records as JSON or CSV"),
        (
            b"<34>1 2024-01-02T03:04:10Z h app - ID47 - up",
            "syslog; write JSON, as Fluent Bit, Vector, rsyslog and syslog-ng can",
        ),
        (
            b"INSERT INTO `events` VALUES (1,'a'),(2,'b');",
            "a dump of SQL; export the table as CSV, or a row of JSON a line",
        ),
        (
            bytes(40),
            "NUL bytes alone, as where a file was not written to its end; copy it again",
        ),
        (b"\x1f\x8b\x08", "compressed with gzip; give it the ending .gz"),
        (
            b"\x04\x22\x4d\x18d",
            "compressed with lz4; unpack it, or use gzip, zlib, zstd or snappy",
        ),
        (
            "Müller und Söhne".encode("cp1252"),
            "text in an encoding such as Windows-1252; save it as UTF-8",
        ),
        (
            b"\x82\xa1a\x01\xa1b\xc0",
            "MessagePack that is cut off, or other bytes that are no text; write JSON",
        ),
        (b"", ""),
    ],
)
def test_a_guess_says_what_bytes_may_be(content, guess):
    assert guess_of(content) == guess


# Documents whose events are in no array of objects

TIMED = [
    {"dev": "a", "ts": 1_704_164_650_000, "n": 0},
    {"dev": "b", "ts": 1_704_164_651_000, "n": 1},
    {"dev": "a", "ts": 1_704_164_652_000, "n": 2},
]
BY_ID = {f"evt-{event['n']}": event for event in TIMED}
BY_DEVICE = {
    dev: {name: event for name, event in BY_ID.items() if event["dev"] == dev} for dev in "ab"
}
COLUMNS = {name: [event[name] for event in TIMED] for name in TIMED[0]}
ROWS_OF_CELLS = [list(event.values()) for event in TIMED]
SERIES = [
    {"tags": {"dev": dev}, "columns": ["ts", "n"], "values": rows}
    for dev, rows in (
        ("a", [[TIMED[0]["ts"], 0], [TIMED[2]["ts"], 2]]),
        ("b", [[TIMED[1]["ts"], 1]]),
    )
]


@pytest.mark.parametrize(
    ("document", "added", "where"),
    [
        (BY_ID, {"id"}, "3 members by name."),
        ({"exported": "2024-01-02", "events": BY_ID}, {"id"}, "3 members by name in events."),
        (
            {name: {**event, "items": [{"p": 1}] * 9} for name, event in BY_ID.items()},
            {"id", "items"},
            "3 members by name.",
        ),
        ({"users": BY_DEVICE}, {"id", "source"}, "3 members by name in users."),
        (
            {dev: list(inner.values()) for dev, inner in BY_DEVICE.items()},
            {"source"},
            "3 members by name.",
        ),
        (COLUMNS, set(), "3 rows of the columns."),
        (
            {name: dict(enumerate(cells)) for name, cells in COLUMNS.items()},
            set(),
            "3 rows of the columns.",
        ),
        (
            {"unit": {"ts": "ms"}, "hourly": {**COLUMNS, "place": "x"}},
            {"place"},
            "3 rows of the columns in hourly.",
        ),
        ({"columns": list(COLUMNS), "index": [0, 1, 2], "data": ROWS_OF_CELLS}, set(), "3 rows."),
        (
            {"schema": {"fields": [{"name": n} for n in COLUMNS]}, "rows": ROWS_OF_CELLS},
            set(),
            "3 rows.",
        ),
        ([list(COLUMNS), *ROWS_OF_CELLS], set(), "3 rows."),
        ({"results": [{"series": SERIES}]}, {"tags.dev"}, "3 rows in results.series."),
    ],
)
def test_events_of_a_document_need_not_be_in_an_array(document, added, where):
    fields, reasons, (note,) = opened("t.json", json.dumps(document))

    found = sorted(fields, key=lambda event: event["n"])
    assert [event["ts"] for event in found] == COLUMNS["ts"]
    assert [event.get("dev", event.get("tags.dev")) for event in found] == COLUMNS["dev"]
    assert {*found[0]} - {"dev", "ts", "n"} == added
    assert reasons == []
    assert note == f"The file is one JSON document; its events are the {where}"


@pytest.mark.parametrize("around", [lambda rows: {"status": "Complete", "results": rows}, list])
def test_rows_of_cloudwatch_are_read_with_their_names(around):
    rows = [[{"field": name, "value": str(row[name])} for name in row] for row in TIMED]

    fields, reasons, (note,) = opened("t.json", json.dumps(around(rows)))

    assert [[str(each) for each in row.values()] for row in fields] == [
        [str(each) for each in row.values()] for row in TIMED
    ]
    assert reasons == []
    assert "its events are the 3 rows of names and values" in note


@pytest.mark.parametrize(
    "document",
    [
        {name: event | {"dev": "\udc9f"} for name, event in BY_ID.items()},
        {"\udc9f": {name: event | {"dev": "\udc9f"} for name, event in BY_ID.items()}},
        COLUMNS | {"dev": ["\udc9f"] * 3},
    ],
    ids=["a value", "a name", "a column"],
)
def test_half_a_surrogate_pair_in_a_document_costs_its_record_alone(document):
    fields, reasons, notes = opened("t.json", json.dumps(document))

    assert len(notes) == 1
    assert len(fields) + len(reasons) == 3
    assert set(reasons) == {"text that is not Unicode (half a surrogate pair)"}


@pytest.mark.parametrize(
    "event",
    [
        {"before": TIMED[0], "after": TIMED[1]},
        {
            "device": {"id": "a", "os": "x"},
            "app": {"id": "b"},
            "os": {"v": 1},
            "ts": TIMED[0]["ts"],
        },
        {"ts": TIMED[0]["ts"], "codes": [1, 2], "values": [3, 4]},
        {"n1": {"x": 1}, "n2": {"x": 2}, "n3": {"x": 3}},
    ],
)
def test_one_event_with_objects_in_it_stays_one_event(event):
    fields, _, notes = opened("t.json", json.dumps(event))

    assert len(fields) == 1
    assert notes == set()


def test_rows_may_be_an_array_a_line():
    lines = "".join(f"{json.dumps(row)}\n" for row in [list(COLUMNS), *ROWS_OF_CELLS])

    fields, reasons, notes = opened("t.jsonl", f"{lines}oops\n")

    assert fields == TIMED
    assert (reasons, notes) == (["not JSON"], set())
