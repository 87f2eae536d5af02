"""Asks the real engines about the fixed cases and about new ones, and compares `lib.replay`.

    python -m tests.oracles.run ENGINE [--write] [--seed N] [--count N]

Exits with 1 where an answer differs. `--write` keeps the answers to the fixed cases as golden
data. `tests/oracles/oracles.mk` sets the engines up.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from tests.oracles import golden
from tests.oracles.answers import answer_of, differs
from tests.oracles.cases import ENGINES, fixed, generated

ROOT = Path(__file__).parents[2]
BUILD = ROOT / "build" / "oracles"
OPENED = ("java.util", "java.lang", "java.time")


def command(engine):
    """The engine's program, which takes a file of cases and one for the answers."""
    match engine:
        case "flink":
            (jars,) = ROOT.glob(".venv-flink/lib/python*/site-packages/pyflink/lib")
            opens = [f"--add-opens=java.base/{package}=ALL-UNNAMED" for package in OPENED]
            return ["java", *opens, "-cp", f"{BUILD}/flink:{jars}/*", "FlinkOracle"]
        case "kafka_streams" | "beam":
            name = "KafkaStreamsOracle" if engine == "kafka_streams" else "BeamOracle"
            classes = f"{BUILD}/{engine}/classes:{BUILD}/{engine}/lib/*"
            return ["java", "-cp", classes, f"oracle.{name}"]
        case "spark":
            return [f"{ROOT}/.venv-spark/bin/python", golden.HERE / golden.PROGRAMS[engine]]
        case "beam_python":
            return [f"{ROOT}/.venv-beam/bin/python", golden.HERE / golden.PROGRAMS[engine]]


def ask(engine, cases):
    """The engine's answers to the cases."""
    with tempfile.TemporaryDirectory() as folder:
        asked, answered = Path(folder) / "cases.json", Path(folder) / "answers.json"
        asked.write_text(json.dumps(cases))
        done = subprocess.run(
            [*command(engine), asked, answered], capture_output=True, text=True, check=False
        )
        if done.returncode:
            sys.exit(f"{engine} failed:\n{done.stderr[-4_000:]}")
        raw = json.loads(answered.read_text())
    return [answer_of(case, answer) for case, answer in zip(cases, raw, strict=True)]


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("engine", choices=ENGINES)
    parser.add_argument("--write", action="store_true")
    parser.add_argument("--seed", type=int, default=int(time.time()))
    parser.add_argument("--count", type=int, default=100)
    options = parser.parse_args()

    kept = fixed(options.engine)
    cases = [*kept, *generated(options.engine, options.seed, options.count)]
    answers = ask(options.engine, cases)
    if options.write:
        golden.write(options.engine, kept, answers[: len(kept)])
    wrong = [case for case, answer in zip(cases, answers, strict=True) if differs(case, answer)]
    failed = sum(answer is None for answer in answers)
    for case in wrong[:10]:
        print(json.dumps(case))
    print(
        f"{options.engine} {golden.version_of(options.engine)}: {len(cases)} sequences, "
        f"{len(wrong)} differ, {failed} the engine itself failed on (seed {options.seed})"
    )
    sys.exit(bool(wrong))


if __name__ == "__main__":
    main()
