"""Compiles, plans or runs every program that the advisor offers to paste.

python -m tests.oracles.check_programs
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path

from lib.replay.code import Names
from lib.replay.engines.beam import BeamSetting
from lib.replay.engines.flink import FlinkSetting
from lib.replay.engines.kafka_streams import KafkaStreamsSetting
from lib.replay.engines.spark import SparkSetting
from lib.replay.windows import SessionWindow, TumblingWindow
from tests.oracles.run import BUILD, OPENED, ROOT

HERE = Path(__file__).parent
NAMES = Names(topic="an 'odd' topic", key="Client`ID'", time='Time"stamp')
WINDOWS = (SessionWindow(30_001), TumblingWindow(86_400_000 * 3 + 5))
# Of a, two events in a session, one exactly the gap later, and one that closes it; one of b.
LINES = [
    {NAMES.key: key, NAMES.time: 1_540_726_486_041 + ms}
    for key, ms in [("a", 0), ("b", 10), ("a", 1_000), ("a", 31_001), ("a", 90_000)]
]
# Spark has not closed the last window when its input ends; to Beam the gap parts two sessions.
COUNTS_OF_A = {
    ("spark", SessionWindow): [3],
    ("spark", TumblingWindow): [],
    ("beam", SessionWindow): [1, 1, 2],
    ("beam", TumblingWindow): [4],
}


def settings():
    for window in WINDOWS:
        yield FlinkSetting(window, 5_000)
        yield FlinkSetting(window, 5_000, emission_ms=250, per_partition=True, idle_ms=60_000)
        yield FlinkSetting(window, 5_000, allowed_lateness_ms=700)
        yield KafkaStreamsSetting(window, 5_000)
        yield KafkaStreamsSetting(window, 5_000, caching=False)
        yield SparkSetting(window, 5_000)
        yield BeamSetting(window, 5_000, 700)


def run(*command):
    """What the command prints."""
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(f"{command} failed:\n{done.stdout[-2_000:]}{done.stderr[-4_000:]}")
    return done.stdout


def flink_classpath():
    (jars,) = ROOT.glob(".venv-flink/lib/python*/site-packages/pyflink/lib")
    return f"{BUILD}/flink:{BUILD}/flink/lib/*:{jars}/*"


def check(setting, program, folder):
    """Exits where the program does not compile, cannot be planned, or counts wrongly."""
    match setting, program.language:
        case FlinkSetting(), "sql":
            path = folder / "query.sql"
            path.write_text(program.text)
            opens = [f"--add-opens=java.base/{package}=ALL-UNNAMED" for package in OPENED]
            plan = run("java", *opens, "-cp", flink_classpath(), "ExplainSql", path)
            assert "WindowAggregate" in plan, plan
        case _, "java":
            path = folder / "CountEvents.java"
            path.write_text(program.text)
            streams = f"{BUILD}/kafka_streams/lib/*"
            jars = flink_classpath() if isinstance(setting, FlinkSetting) else streams
            run("javac", "-Xlint:all,-processing,-path", "-Werror", "-d", folder, "-cp", jars, path)
        case _:
            path, lines = folder / "program.py", folder / "lines" / "events.json"
            path.write_text(program.text)
            lines.parent.mkdir()
            lines.write_text("\n".join(map(json.dumps, LINES)))
            engine = "spark" if isinstance(setting, SparkSetting) else "beam"
            python = f"{ROOT}/.venv-{engine}/bin/python"
            counts = json.loads(run(python, HERE / engine / "run_program.py", path, lines))
            of_a = sorted(row[-1] for row in counts if row[0] == "a")
            assert of_a == COUNTS_OF_A[engine, type(setting.window)], counts


def main():
    programs = 0
    for setting in settings():
        for program in setting.engine.programs(setting, NAMES):
            with tempfile.TemporaryDirectory() as folder:
                check(setting, program, Path(folder))
            programs += 1
    print(f"{programs} programs compiled, planned or run")


if __name__ == "__main__":
    main()
