"""The report, made by its command line of samples, files of all kinds, and a broker."""

from __future__ import annotations

import gzip
import json
import os
import subprocess
import sys
from dataclasses import replace
from xml.etree import ElementTree as ET

import jsonschema
import pandas as pd
import pytest

from lib.analysis import outages
from lib.core.columns import CLIENT, EVENT_TIME, OFFSET, PARTITION, RECEIVED_TIME, SESSION
from lib.events.filters import filtered
from lib.loading.load import load
from lib.replay.engine import replay
from lib.replay.input import replay_input_of
from lib.replay.registry import ENGINES
from lib.replay.windows import NO_INDEX
from lib.report.__main__ import main
from lib.report.files import DROPPED, WINDOWS
from lib.report.made import made_of
from lib.report.options import options_of
from lib.report.outputs import html_of
from lib.report.report import Asked, initial_setting, report_on
from lib.sources.base import Everything, FromOffset, LastMinutes
from lib.sources.files.folder import samples
from tests.report.conftest import SCHEMA
from tests.support.app import REPOSITORY

SAMPLE = ("--source", "samples", "--topic", "sessions-10")

_WITHOUT_STREAMLIT = (
    "import sys; sys.modules['streamlit'] = None; from lib.report.__main__ import main;"
    "sys.exit(main())"
)
START = 1_704_164_650_000


def written(folder, name, lines):
    path = folder / name
    path.write_text("\n".join(map(json.dumps, lines)))
    return path


def events(count=4, **fields):
    return [{"ts": START + 1_000 * n, "client": "ab"[n % 2], **fields} for n in range(count)]


def test_the_schema_is_one():
    jsonschema.Draft202012Validator.check_schema(SCHEMA)


class TestWithheld:
    def test_without_received_times_nothing_is_told_that_needs_them(self, report, tmp_path):
        made = report("--file", written(tmp_path, "x.jsonl", events()), "--fail-if", "dropped > 0")
        told = made.document
        for name in ("delay_ms", "outages", "quiet", "clocks", "replay", "advice"):
            assert told[name] is None
            assert "no received time" in told["withheld"][name]
        assert (told["events"], told["event_time"]["from"]) == (4, "ts")
        assert told["received_time"] | {"forms": 0} == {
            "known": False, "from": None, "share": 0, "forms": 0, "first_ms": None,
            "last_ms": None, "usable": False, "stamped_by": None, "sentence": None,
        }  # fmt: skip
        assert made.status == 2
        assert "could not tell" in made.out

    def test_the_order_of_records_may_stand_for_them_in_replays(self, report, tmp_path):
        path = written(tmp_path, "x.jsonl", events())
        told = report("--file", path, "--arrival-order").document
        assert (told["replay"]["dropped"], told["replay"]["windows"]) == (0, 2)
        assert told["replay"]["result_latency_ms"] is None
        assert told["advice"] is None

    def test_copies_of_the_event_time_tell_no_delay(self, report, tmp_path):
        lines = [each | {"received_at": each["ts"]} for each in events(20)]
        told = report("--file", written(tmp_path, "x.jsonl", lines)).document
        assert told["received_time"]["known"]
        assert not told["received_time"]["usable"]
        assert told["delay_ms"] is None
        assert "Received time means little here" in told["withheld"]["delay_ms"]

    @pytest.mark.parametrize(
        ("time", "said"),
        [
            (START, "All event times are the same"),
            ("2024-01-02", "All event times are at midnight UTC"),
        ],
    )
    def test_of_event_times_that_say_nothing_no_figure_is_made(self, report, tmp_path, time, said):
        lines = [
            each | {"ts": time, "seq": n, "received_at": START + 11_000_000 + 3_000 * n}
            for n, each in enumerate(events(50))
        ]
        path = written(tmp_path, "x.jsonl", lines)
        made = report("--file", path, "--arrival-order", "--fail-if", "dropped > 1%")
        told = made.document
        withheld = ("delay_ms", "outages", "clocks", "sequence_numbers", "replay", "advice")
        for name in withheld:
            assert told[name] is None
            assert said in told["withheld"][name]
        assert (told["events"], told["findings"]) == (50, [])
        assert sum(said in notice for notice in told["notices"]) == 1
        assert "could not tell" in made.out

    def test_without_event_times_records_are_counted(self, report, tmp_path):
        told = report("--file", written(tmp_path, "x.jsonl", [{"a": 1}, {"a": 2}])).document
        assert (told["events"], told["event_time"]["known"]) == (2, False)
        assert told["findings"] is None
        assert "No event time was found" in told["withheld"]["findings"]

    def test_tables_have_their_columns_and_no_row(self, report, tmp_path):
        path = written(tmp_path, "x.jsonl", events())
        report("--file", path, "--windows", tmp_path / "w.csv", "--dropped", tmp_path / "d.csv")
        assert (tmp_path / "w.csv").read_text() == f"{','.join(WINDOWS)}\n"
        assert (tmp_path / "d.csv").read_text() == f"{','.join(DROPPED)}\n"


class TestEventTime:
    def test_share_is_that_of_the_records_that_have_one(self, report, tmp_path):
        lines = [*events(5, received_at=START), {"client": "a"}]
        told = report("--file", written(tmp_path, "x.jsonl", lines)).document
        assert told["event_time"]["share"] == pytest.approx(5 / 6)
        assert told["rejected"] == {"no ts": 1}

    def test_fields_can_be_chosen(self, report, tmp_path):
        lines = [{"a": START + n, "b": START + n + 250, "who": "x"} for n in range(4)]
        path = written(tmp_path, "x.jsonl", lines)
        told = report("--file", path, "--fields", "event_time=a,received_time=b", "client=who")
        assert told.document["made"]["fields"]["client"] == "who"
        assert told.document["event_time"]["from"] == "a"
        assert told.document["received_time"]["from"] == "b"


class TestRange:
    def test_the_newest_records(self, report):
        made = report(*SAMPLE, "--latest", "10").document
        assert (made["events"], made["made"]["range"]) == (10, {"latest": 10})
        assert made["made"]["offsets"] == {"0": {"from": 245, "to": 255}}

    def test_from_and_to_are_of_record_timestamps(self, report):
        topic = load(samples(), "sessions-10", Everything()).events.table
        bounds = int(topic[RECEIVED_TIME].iloc[50]), int(topic[RECEIVED_TIME].iloc[100])
        made = report(*SAMPLE, "--from", str(bounds[0]), "--to", str(bounds[1])).document
        inside = (topic[RECEIVED_TIME] >= bounds[0]) & (topic[RECEIVED_TIME] < bounds[1])
        assert made["events"] == inside.sum()
        assert made["made"]["range"] == {"from_ms": bounds[0], "to_ms": bounds[1]}

    @pytest.mark.parametrize(
        ("option", "time", "known", "said"),
        [
            ("--from", "2018-10-28T11:36", {"from_ms": 1540726560000}, "from 2018-10-28 11:36:00"),
            ("--to", "2018-10-28T11:36", {"to_ms": 1540726560000}, "to before 2018-10-28 11:36:00"),
            ("--from", "2030-01-01", {"from_ms": 1893456000000}, "from 2030-01-01 00:00:00"),
        ],
    )
    def test_a_range_may_have_one_end(self, report, option, time, known, said):
        made = report(*SAMPLE, option, time, "--html", "r.html")
        assert made.document["made"]["range"] == known
        assert f"{said} UTC</td>" in (made.folder / "r.html").read_text()

    @pytest.mark.parametrize(
        ("wanted", "known", "said"),
        [
            (LastMinutes(1), {"minutes": 1}, "the 1 minute before the newest record"),
            (FromOffset(9), {"offset": 9}, "every partition from offset 9 on"),
        ],
        ids=str,
    )
    def test_ranges_of_the_app_are_said(self, wanted, known, said):
        loaded = load(samples(), "sessions-10", wanted)
        made = made_of(report_on(loaded, Asked()), source="Samples", at_ms=START)
        assert made.document["made"]["range"] == known
        assert said in html_of(made).decode()

    def test_records_without_timestamps_have_no_range(self, report, tmp_path):
        path = written(tmp_path, "x.jsonl", events())
        made = report("--file", path, "--from", "2024-01-01")
        assert made.status == 2
        assert "no timestamp of their own" in made.err


class TestOutputs:
    @pytest.mark.parametrize("engine", ENGINES, ids=lambda engine: engine.name)
    def test_windows_and_dropped_events_are_those_of_the_replay(self, report, tmp_path, engine):
        report(
            *SAMPLE, "--engine", engine.name, "--gap", "20s", "--delay", "2s",
            "--windows", tmp_path / "w.csv", "--dropped", tmp_path / "d.csv",
        )  # fmt: skip
        table = load(samples(), "sessions-10", Everything()).events.table
        window = type(initial_setting().window)(20_000)
        replayed = replay(replay_input_of(table), engine.setting(window, 2_000))
        windows, dropped = pd.read_csv(tmp_path / "w.csv"), pd.read_csv(tmp_path / "d.csv")
        assert tuple(windows.columns) == WINDOWS
        for column, values in (
            ("start_ms", replayed.start),
            ("end_ms", replayed.end),
            ("last_ms", replayed.last),
            ("count", replayed.count),
        ):
            assert windows[column].tolist() == values.tolist()
        assert windows["closed_ms"].isna().tolist() == (replayed.closed_at == NO_INDEX).tolist()
        held = replayed.window != NO_INDEX
        first = table[EVENT_TIME].to_numpy()[held]
        oldest = pd.Series(first).groupby(replayed.window[held]).min()
        assert windows["first_ms"].tolist() == oldest.tolist()
        keys = table[CLIENT].cat.categories[replayed.key].tolist()
        assert windows["key"].tolist() == keys
        assert tuple(dropped.columns) == DROPPED
        assert dropped["offset"].tolist() == table[OFFSET][replayed.late].tolist()
        assert dropped["missed_by_ms"].tolist() == replayed.missed_by_ms[replayed.late].tolist()

    def test_events_open_again_as_the_topic(self, report, tmp_path):
        first = report(*SAMPLE, "--events", tmp_path / "e.parquet").document
        again = report("--file", tmp_path / "e.parquet").document
        same = ("events", "clients", "sessions", "delay_ms", "outages", "findings", "replay")
        assert {name: first[name] for name in same} == {name: again[name] for name in same}

    def test_junit_has_a_case_for_each_condition(self, report, tmp_path):
        conditions = ("dropped > 0", "outages > 5", "delay_ms.nope > 1")
        said = [word for each in conditions for word in ("--fail-if", each)]
        report(*SAMPLE, *said, "--junit", tmp_path / "j.xml")
        suite = ET.parse(tmp_path / "j.xml").getroot().find("testsuite")
        tags = [[child.tag for child in case] for case in suite]
        assert tags == [[], ["failure"], [], ["error"]]
        assert (suite.get("tests"), suite.get("failures"), suite.get("errors")) == ("4", "1", "1")

    def test_json_on_the_standard_output_stands_alone(self, capsys):
        main([*SAMPLE, "--json", "-", "--fail-if", "outages > 5"])
        said = capsys.readouterr()
        assert json.loads(said.out)["verdicts"][0]["state"] == "kept"
        assert "outages > 5: kept" in said.err

    def test_without_outputs_it_is_told_in_lines(self, capsys):
        assert main([*SAMPLE]) == 0
        said = capsys.readouterr()
        assert "sessions-10: 255 events, 10 clients, 10 sessions." in said.out
        assert "Client 2 was silent for 65.2 s, 11:35:52–11:36:57 UTC" in said.out
        assert said.err == ""

    def test_where_so_many_findings_are_told_there_may_be_more(self, report, tmp_path, capsys):
        # Given 25 clients, one event a second, each silent for a minute at another time
        lines = [
            {
                "device_id": f"d{n}",
                "ts": 1_767_225_600_000 + e,
                "received_at": 1_767_225_600_000 + r,
            }
            for n in range(25)
            for e in range(40 * n, 1_800_000, 1_000)
            for r in (max(e + 150 + e % 97, 60_000 * (n + 2) if e // 60_000 == n + 1 else 0),)
        ]
        lines.sort(key=lambda line: line["received_at"])
        path = written(tmp_path, "x.jsonl", lines)
        # Then a report in lines and one as a page say that 20 need not be all
        assert main(["--file", str(path)]) == 0
        told = capsys.readouterr().out
        assert told.count(" was silent for ") == 20
        more = "These are the 20 that touch most events; there may be more."
        assert more in told
        report("--file", path, "--html", tmp_path / "r.html")
        assert more in (tmp_path / "r.html").read_text()

    def test_what_cannot_be_written_is_said_and_all_else_is_written(self, report, tmp_path):
        made = report(*SAMPLE, "--html", tmp_path / "no" / "r.html")
        assert made.status == 2
        assert made.err == "r.html cannot be written: No such file or directory.\n"
        assert (made.document["events"], made.document["error"]) == (255, None)

    def test_no_file_is_left_beside_those_asked_for(self, report):
        assert {path.name for path in report(*SAMPLE).folder.iterdir()} == {"r.json"}


class TestFaults:
    @pytest.mark.parametrize(
        ("name", "content", "sentence"),
        [
            ("empty.jsonl", b"", "The file empty.jsonl is empty."),
            ("torn.json.gz", gzip.compress(b"{}" * 500)[:20], "is truncated or damaged"),
            ("not.parquet", b"PAR1 or not", "cannot be read as Parquet"),
        ],
    )
    def test_a_file_that_cannot_be_read(self, report, tmp_path, name, content, sentence):
        (tmp_path / name).write_bytes(content)
        made = report("--file", tmp_path / name, "--fail-if", "dropped > 0")
        assert made.status == 2
        assert sentence in made.err
        assert "Traceback" not in made.err
        assert sentence in made.document["error"]["what"]
        assert made.document["events"] is None
        assert made.document["verdicts"][0]["state"] == "could not tell"

    def test_a_file_that_is_not_there(self, report, tmp_path):
        made = report("--file", tmp_path / "no.jsonl")
        assert made.status == 2
        assert "no.jsonl cannot be opened" in made.err

    def test_records_of_which_none_can_be_read_are_counted_by_reason(self, report, tmp_path):
        (tmp_path / "x.jsonl").write_bytes(b"{\n" * 3)
        made = report("--file", tmp_path / "x.jsonl")
        assert made.status == 2
        assert sum(made.document["rejected"].values()) > 0
        assert "could" in made.err
        assert "be read." in made.err

    def test_a_topic_that_is_not_there_names_those_that_are(self, report):
        made = report("--source", "samples", "--topic", "nope")
        assert made.status == 2
        assert "Name one with --topic: sessions-10, sessions-100." in made.err

    def test_a_topic_that_is_not_there_may_be_a_file_that_is_none(
        self, report, tmp_path, monkeypatch
    ):
        (tmp_path / "clicks.jsonl").touch()
        monkeypatch.setenv("SKEWLINE_FILES", str(tmp_path))
        made = report("--source", "files", "--topic", "clicks")
        assert made.status == 2
        assert "Passed over in the folder: " in made.err
        assert "clicks.jsonl is empty" in made.err

    def test_a_source_that_is_not_there_names_those_that_are(self, report):
        made = report("--source", "staging", "--topic", "rides")
        assert made.status == 2
        assert "There is no source 'staging' here. Choose one of samples" in made.err

    def test_a_chosen_field_that_no_record_has(self, report):
        made = report(*SAMPLE, "--fields", "event_time=nope")
        assert made.status == 2
        assert "No record has a field “nope”." in made.err

    @pytest.mark.parametrize(
        "arguments",
        [
            ["--gap", "soon"],
            ["--engine", "storm"],
            ["--fail-if", "nope > 1"],
            ["--fields", "nope"],
            ["--set", "nope=1"],
            ["--source", "samples", "--file", "x"],
            ["--from", "2024-01-02", "--to", "2024-01-01"],
            ["--latest", "0"],
            ["--latest", "5", "--from", "2024-01-02"],
            ["--engine", "kafka-streams", "--lateness", "5s"],
            ["--window", "hopping", "--parts", "1"],
        ],
    )
    def test_a_command_line_that_says_nothing_ends_with_2(self, capsys, arguments):
        with pytest.raises(SystemExit) as ended:
            options_of(arguments)
        assert ended.value.code == 2
        usage, sentence = capsys.readouterr().err.splitlines()
        assert usage.startswith("usage: python -m lib.report [--source")
        assert sentence.startswith("python -m lib.report: error: ")

    def test_what_nobody_foresaw_is_a_sentence(self, report, monkeypatch):
        monkeypatch.setattr("lib.report.__main__.report_on", lambda *_: 1 // 0)
        made = report(*SAMPLE)
        assert made.status == 2
        assert "did not foresee: ZeroDivisionError" in made.err


class TestFollow:
    def test_a_report_reads_on_where_the_one_before_ended(self, report, tmp_path, monkeypatch):
        path = written(tmp_path, "x.jsonl", events(4, received_at=START + 9_000))

        def grow(_seconds):
            written(tmp_path, "x.jsonl", events(6, received_at=START + 9_000))

        monkeypatch.setattr("lib.report.__main__.sleep", grow)
        made = report("--file", path, "--every", "1s", "--times", "2")
        assert made.document["events"] == 6

    def test_a_file_that_cannot_be_read_now_can_be_later(self, report, tmp_path, monkeypatch):
        def appear(_seconds):
            written(tmp_path, "x.jsonl", events(4, received_at=START + 9_000))

        monkeypatch.setattr("lib.report.__main__.sleep", appear)
        made = report("--file", tmp_path / "x.jsonl", "--follow", "--times", "2")
        assert (made.document["events"], made.status) == (4, 0)


class TestProgram:
    def test_it_is_quiet_and_its_status_is_the_verdict(self, tmp_path):
        path = tmp_path / "r.json"
        done = subprocess.run(  # without Streamlit, from anywhere
            [
                sys.executable, "-c", _WITHOUT_STREAMLIT, *SAMPLE,
                "--json", str(path), "--fail-if", "dropped > 1%",
            ],
            cwd=tmp_path,
            env={**os.environ, "PYTHONPATH": str(REPOSITORY)},
            capture_output=True,
            text=True,
            check=False,
        )  # fmt: skip
        assert done.returncode == 1
        assert done.stdout == "dropped > 1%: broken. It is 11 of 255 (4.31 %).\n"
        assert done.stderr == ""
        assert json.loads(path.read_text())["events"] == 255


def test_a_topic_on_a_broker_is_what_the_sample_is(report, samples_on_broker, monkeypatch):
    monkeypatch.setenv("KAFKA_BOOTSTRAP_SERVERS", samples_on_broker)
    on_broker = report("--source", "kafka", "--topic", "sessions-10").document
    in_file = report(*SAMPLE).document
    same = ("events", "clients", "sessions", "sequence_numbers")
    assert {name: on_broker[name] for name in same} == {name: in_file[name] for name in same}
    assert on_broker["made"]["source"] == "kafka"


def test_a_cluster_is_a_source_by_its_name(report, samples_on_broker, tmp_path):
    settings = tmp_path / ".streamlit/secrets.toml"
    settings.parent.mkdir()
    settings.write_text(f'[clusters.Staging]\nbootstrap_servers = "{samples_on_broker}"\n')
    told = report("--source", "staging", "--topic", "sessions-10").document
    assert told["events"] == 255
    assert told["made"]["source"] == "Staging"


def test_outages_of_the_simulator_are_told(report):
    truth = json.loads((samples().folder / "sessions-10.truth.json").read_text())
    told = report(*SAMPLE).document
    found = [(o["client"], o["held_back"], o["last_heard_ms"]) for o in told["outages"]]
    assert found == [(o["client"], o["held_back"], o["last_heard_ms"]) for o in truth["outages"]]
    assert all(o["kind"] != outages.QUIET for o in told["outages"])


class TestFilters:
    def test_whole_clients_have_their_outages_and_losses_of_all_events(self, report):
        whole = report(*SAMPLE).document
        [outage] = whole["outages"]
        made = report(*SAMPLE, "--where", f"client = {outage['client']}").document
        table = load(samples(), "sessions-10", Everything()).events.table
        left = table[table[CLIENT] == outage["client"]]
        delay = left[RECEIVED_TIME] - left[EVENT_TIME]
        assert made["made"]["where"] == [f"client = {outage['client']}"]
        assert (made["events"], made["clients"]) == (len(left), 1)
        assert made["delay_ms"]["max"] == delay.max()
        assert made["delay_ms"]["p50"] == delay.quantile(0.5, interpolation="lower")
        assert made["outages"] == [outage]
        assert made["event_time"]["first_ms"] == left[EVENT_TIME].min()
        assert made["made"]["offsets"] == whole["made"]["offsets"]
        assert len(made["clocks"]) == 1
        for name in ("findings", "advice"):
            assert made[name] is None
            assert "leave out the filter" in made["withheld"][name]
        behind = table[EVENT_TIME].cummax() - table[EVENT_TIME]
        behind = behind[table[CLIENT] == outage["client"]]
        assert made["out_of_orderness_ms"]["topic"]["max"] == behind.max()
        assert made["out_of_orderness_ms"]["topic"]["p90"] == behind.quantile(
            0.9, interpolation="higher"
        )

    @pytest.mark.parametrize("condition", ["offset % 2 = 0", "offset IN (1, 3, 5, 7)"])
    def test_events_left_out_of_a_client_are_no_loss_and_no_outage(self, report, condition):
        condition = condition.replace("offset % 2 = 0", "EventID <> 3")
        made = report(*SAMPLE, "--where", condition, "--html", "r.html", "--fail-if", "lost > 0")
        for name in ("outages", "quiet", "clocks", "sequence_numbers"):
            assert made.document[name] is None
            assert "some events of a client or session" in made.document["withheld"][name]
        assert made.status == 2
        page = (made.folder / "r.html").read_text()
        assert "What stands out" not in page
        assert "Held back" not in page
        assert f"Only events where “{condition.replace('<', '&lt;').replace('>', '&gt;')}”" in page

    @pytest.mark.parametrize("condition", ["offset >= 190", "delay_ms > 45000", "client = 5"])
    def test_tables_are_of_the_events_left_as_the_engine_reads_them_among_all(
        self, report, condition
    ):
        asked = (*SAMPLE, "--delay", "0s", "--windows", "w.csv", "--dropped", "d.csv")
        whole = report(*asked)
        every = [pd.read_csv(whole.folder / name) for name in ("w.csv", "d.csv")]
        made = report(*asked, "--where", condition)
        windows, dropped = (pd.read_csv(made.folder / name) for name in ("w.csv", "d.csv"))

        loaded = load(samples(), "sessions-10", Everything())
        table = loaded.events.table
        left = table[filtered(table, [condition], loaded.fields)]
        places = pd.MultiIndex.from_frame(left[[PARTITION, OFFSET]].astype("int64"))
        late = pd.MultiIndex.from_frame(every[1][["partition", "offset"]])
        expected = every[1][late.isin(places)].reset_index(drop=True)
        pd.testing.assert_frame_equal(dropped, expected, check_dtype=False)
        assert len(dropped) < len(every[1])

        kept = left[~places.isin(late)]
        held = [
            bool(((kept[CLIENT] == w.key) & kept[EVENT_TIME].between(w.first_ms, w.last_ms)).any())
            for w in every[0].itertuples()
        ]
        expected = every[0][held].reset_index(drop=True)
        pd.testing.assert_frame_equal(windows, expected, check_dtype=False)
        assert len(windows) < len(every[0])

        told, of_left = made.document["replay"], loaded.events.table[SESSION][left.index].nunique()
        assert (told["events"], told["dropped"]) == (len(left), len(dropped))
        assert (told["windows"], told["true_sessions"]["sessions"]) == (len(windows), of_left)
        assert told["closed_windows"] == windows["closed_ms"].notna().sum()
        assert "among all events" in told["counted"]

    def test_a_verdict_on_dropped_events_is_of_those_left(self, report):
        asked = (*SAMPLE, "--delay", "0s", "--html", "r.html")
        judged = report(*asked, "--where", "client = 2", "--fail-if", "dropped > 20%")
        assert judged.status == 1
        assert "broken. It is 16 of 65 (24.6 %)" in judged.out
        assert "among all events of the topic" in (judged.folder / "r.html").read_text()
        assert report(*asked, "--where", "client <> 2", "--fail-if", "dropped > 0").status == 0

    def test_conditions_all_have_to_hold(self, report):
        made = report(*SAMPLE, "--where", "client = 8", "--where", "delay_ms < 0")
        assert made.document["events"] == 0
        assert "No event fulfils the filter." in made.document["withheld"]["findings"]

    def test_what_is_no_condition_is_said(self, report):
        made = report(*SAMPLE, "--where", "Erors > 3")
        assert made.status == 2
        assert "There is no field “Erors”. There is Data.Errors" in made.err
        assert made.document["error"]["what"] == "There is no field “Erors”."

    def test_the_events_that_are_left_open_again_without_a_loss(self, report):
        made = report(*SAMPLE, "--where", "EventID <> 3", "--events", "e.parquet")
        again = report("--file", made.folder / "e.parquet").document
        assert again["events"] == made.document["events"] < 255
        for name in ("findings", "outages", "quiet", "sequence_numbers"):
            assert again[name] is None
            assert "only some events of its clients" in again["withheld"][name]
        assert "only the events where EventID <> 3" in again["notices"][-1]


class TestKeys:
    def test_windows_and_dropped_events_are_of_the_key(self, report):
        outputs = ("--windows", "w.csv", "--dropped", "d.csv")
        made = report(*SAMPLE, "--key", "session", "--delay", "0s", *outputs)
        table = load(samples(), "sessions-10", Everything()).events.table
        expected = replay(replay_input_of(table, SESSION), setting_of_delay(0))
        assert made.document["replay"]["grouped_by"] == SESSION
        assert made.document["replay"]["dropped"] == int(expected.late.sum()) > 0
        windows = pd.read_csv(made.folder / "w.csv")
        assert set(windows["key"]) <= set(table[SESSION])
        dropped = pd.read_csv(made.folder / "d.csv")
        assert dropped["key"].tolist() == table[SESSION][expected.late].tolist()

    def test_a_key_that_is_none_is_said_with_what_can_be(self, report):
        made = report(*SAMPLE, "--key", "Timestamp")
        assert made.status == 2
        assert "Windows cannot be grouped by “Timestamp”. Choose one of client, session" in made.err


def setting_of_delay(delay_ms):
    return replace(initial_setting(), delay_ms=delay_ms)
