"""Compiles, plans and runs every program that the page offers to paste.

    python -m tests.oracles.check_programs [ENGINE …]

Every program is compiled (Java) or planned (SQL), for every setting and every way in which topics
are written. Then one setting an engine is run on a real broker, for all ways at once, while events
are written to their topics one after the other: the program has to print the windows that the page
shows. A start on a backlog and a clock too far ahead are run, too.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import closing, contextmanager, suppress
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import psutil
from kafka import KafkaProducer

from lib.replay.engine import replay
from lib.replay.engines.beam import BeamSetting
from lib.replay.engines.flink import FlinkSetting
from lib.replay.engines.kafka_streams import KafkaStreamsSetting
from lib.replay.engines.spark import SparkSetting
from lib.replay.input import replay_input
from lib.replay.windows import NO_INDEX, HoppingWindow, SessionWindow, TumblingWindow
from tests.oracles.run import BUILD, OPENED, ROOT
from tests.oracles.topics import SAMPLE, SCHEMA, mappings, windows_shown
from tests.support.broker import create_topic, produce, running_broker

HERE = Path(__file__).parent
SESSION, DELAY = SessionWindow(30_000), 5_000
WINDOWS = (SESSION, TumblingWindow(86_400_000 * 3 + 5), HoppingWindow(30_000, 3))
ENGINES = ("flink", "flink_sql", "kafka_streams", "beam", "spark")
# What is run: setting, and how many ms the events are apart, so that the engine is done with one.
RUNS = {
    "flink": (FlinkSetting(SESSION, DELAY), 1_000),
    "flink_sql": (FlinkSetting(SESSION, DELAY, api="sql"), 1_000),
    "kafka_streams": (KafkaStreamsSetting(SESSION, DELAY, commit_ms=500), 1_500),
    "beam": (BeamSetting(SESSION, DELAY), 3_000),
    "spark": (SparkSetting(SESSION, DELAY), 12_000),
}
STARTING_S, ENDING_S = 45, 180
IDLE = 0.4  # of a processor


def settings(engine):
    for window in WINDOWS:
        match engine:
            case "flink" | "flink_sql":
                yield FlinkSetting(window, DELAY)
                yield FlinkSetting(window, DELAY, emission_ms=0)
                yield FlinkSetting(window, DELAY, emission_ms=250, idle_ms=60_000)
                yield FlinkSetting(window, DELAY, 700, per_partition=False)
                yield FlinkSetting(window, DELAY, catching_up=True)
            case "kafka_streams":
                yield KafkaStreamsSetting(window, DELAY)
                yield KafkaStreamsSetting(window, DELAY, caching=False, repartitioned=False)
            case "spark":
                yield SparkSetting(window, DELAY)
                yield SparkSetting(window, DELAY, waiting=True, batch_records=1_000)
                yield SparkSetting(window, DELAY, trigger_ms=5_000)
            case "beam":
                yield BeamSetting(window, DELAY, 700)


def run(*command):
    """What the command prints."""
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(f"{command[:3]} failed:\n{done.stdout[-4_000:]}{done.stderr[-4_000:]}")
    return done.stdout


def classpath(engine):
    if engine in ("kafka_streams", "beam"):
        return f"{BUILD}/programs:{BUILD}/{engine}/lib/*"
    (jars,) = ROOT.glob(".venv-flink/lib/python*/site-packages/pyflink/lib")
    own = "flink/lib" if engine == "flink_sql" else "flink/programs/lib"
    return f"{BUILD}/programs:{BUILD}/flink:{BUILD}/{own}/*:{jars}/*"


def programs(engine, setting, names):
    language = {"flink_sql": "sql", "spark": "python"}.get(engine, "java")
    return [p for p in setting.engine.programs(setting, names) if p.language == language]


class Compiled:
    """Programs of an engine in a folder of their own, compiled together."""

    def __init__(self, engine, folder):
        self.engine, self.folder, self.files = engine, folder, []

    def add(self, text):
        suffix = {"flink_sql": "sql", "spark": "py"}.get(self.engine)
        name = f"p{len(self.files)}"
        path = self.folder / (f"{name}.{suffix}" if suffix else f"{name}/CountEvents.java")
        path.parent.mkdir(exist_ok=True)
        path.write_text(text if suffix else f"package {name};\n\n{text}")
        self.files.append(path)

    def check(self):
        if self.engine == "flink_sql":
            plans = run(*java("flink_sql"), "RunSql", "plan", *self.files)
            assert plans.count("WindowAggregate") >= len(self.files), plans
        elif self.engine == "spark":
            for path in self.files:
                compile(path.read_text(), str(path), "exec")
        else:
            lint = ("-Xlint:all,-processing,-path,-serial,-classfile", "-Werror")
            jars = classpath(self.engine)
            run("javac", *lint, "-proc:none", "-d", self.folder, "-cp", jars, *self.files)

    def command(self):
        if self.engine == "flink_sql":
            return [*java("flink_sql"), "RunSql", "run", *self.files]
        if self.engine == "spark":
            return [f"{ROOT}/.venv-spark/bin/python", HERE / "spark/run_programs.py", *self.files]
        classes = [f"{path.parent.name}.CountEvents" for path in self.files]
        return [*java(self.engine, self.folder), "RunPrograms", *classes]


def java(engine, folder=None):
    opens = [f"--add-opens=java.base/{package}=ALL-UNNAMED" for package in OPENED]
    path = classpath(engine) if folder is None else f"{folder}:{classpath(engine)}"
    return ["java", "-Xmx3g", "-XX:MaxDirectMemorySize=3g", *opens, "-cp", path]


def compile_all(engine):
    """Compile or plan the programs for every setting and every way to write."""
    with tempfile.TemporaryDirectory() as folder:
        compiled = Compiled(engine, Path(folder))
        for setting in settings(engine):
            for mapping in mappings("events", "localhost:1", "http://localhost:2"):
                for program in programs(engine, setting, mapping.names):
                    compiled.add(program.text)
        compiled.check()
        print(f"{engine}: {len(compiled.files)} programs compiled or planned", flush=True)


@contextmanager
def running(compiled, log):
    """Run programs; what they print goes to the file."""
    with log.open("w") as out:
        process = subprocess.Popen(
            compiled.command(), stdout=out, stderr=subprocess.STDOUT, start_new_session=True
        )
        try:
            yield process
        finally:
            os.killpg(process.pid, signal.SIGTERM)
            process.wait(30)


def wait_until_started(process):
    """Wait until the programs have little to do: on a busy machine they take minutes to start."""
    time.sleep(STARTING_S)
    deadline = time.monotonic() + ENDING_S
    while busy(process.pid) > IDLE and time.monotonic() < deadline:
        pass


def busy(pid, seconds=5):
    """How many processors a process and its children use for the next seconds."""

    def used():
        own, total = psutil.Process(pid), 0.0
        for each in (own, *own.children(recursive=True)):
            with suppress(psutil.NoSuchProcess):
                total += sum(each.cpu_times()[:2])
        return total

    before = used()
    time.sleep(seconds)
    return (used() - before) / seconds


def printed(log):
    """The final result of each session that was printed: a later one that holds it replaces it."""
    found = []
    for line in log.read_text(errors="replace").splitlines():
        cells = line.replace("|", " ").split()
        cells = cells[1:] if cells and cells[0].endswith(">") else cells  # Flink's subtask
        if len(cells) == 4 and all(cell.isdigit() for cell in cells[1:]):
            key, (start, end, count) = cells[0], map(int, cells[1:])
            found = [
                other
                for other in found
                if other[0] != key or not start <= other[1] <= other[2] <= end
            ]
            found.append((key, start, end, count))
    return sorted(found)


def write(servers, topics, begin_ms, pace_ms):
    """Write each event to the topic of each way, behind what is none, then wait."""
    for mapping in topics:
        produce(servers, mapping.names.topic, mapping.no_events(begin_ms))
    with closing(KafkaProducer(bootstrap_servers=servers, linger_ms=0)) as producer:
        for client, ms, partition in SAMPLE:
            for mapping in topics:
                record = mapping.record(client, begin_ms + ms, partition)
                producer.send(
                    mapping.names.topic,
                    value=record.value,
                    key=record.key,
                    headers=list(record.headers),
                    partition=record.partition,
                    timestamp_ms=record.timestamp_ms,
                )
            producer.flush()
            time.sleep(pace_ms / 1_000)


def run_all(engine, servers, setting, pace_ms, *, backlog=False):
    """Exit where a program prints other windows than the page shows."""
    begin_ms = int(time.time()) // 600 * 600_000 - 1_200_000
    with tempfile.TemporaryDirectory() as folder, schema_registry() as registry:
        topics = mappings(f"{engine}-{begin_ms}-{int(backlog)}", servers, registry)
        compiled, asked = Compiled(engine, Path(folder)), []
        for mapping in topics:
            for program in programs(engine, setting, mapping.names):
                # The topics are empty, so the start is the end; and each program is an application.
                text = program.text.replace('"count-events"', f'"{mapping.names.topic}"')
                text = text.replace("OffsetsInitializer.latest", "OffsetsInitializer.earliest")
                text = text.replace('"latest"', '"earliest"').replace("latest-off", "earliest-off")
                compiled.add(text)
                asked.append(mapping)
            create_topic(servers, mapping.names.topic, partitions=3)
        compiled.check()
        if backlog:
            write(servers, asked, begin_ms, 0)
        log = Path(folder) / "log"
        expected = sorted(
            row for m in asked for row in windows_shown(m, setting, begin_ms, pace_ms)
        )
        with running(compiled, log) as process:
            if not backlog:
                wait_until_started(process)
                write(servers, asked, begin_ms, pace_ms)
            deadline = time.monotonic() + ENDING_S
            while printed(log) != expected and time.monotonic() < deadline:
                time.sleep(1)
            time.sleep(5)
        if printed(log) != expected:
            missing = sorted(set(expected) - set(printed(log)))
            further = sorted(set(printed(log)) - set(expected))
            sys.exit(
                f"{engine}: missing {missing}, further {further}\n"
                f"{log.read_text(errors='replace')[-6_000:]}"
            )
        print(f"{engine}: {len(asked)} programs printed {len(expected)} windows", flush=True)


def check_stop(servers):
    """Exit where a clock far ahead does not stop Kafka Streams as the replay says."""
    now = int(time.time() * 1_000)
    setting = RUNS["kafka_streams"][0]
    for ahead_min, stops in ((50, False), (120, True)):
        mapping = mappings(f"ahead-{now}-{ahead_min}", servers, "")[0]
        times = [now, now + ahead_min * 60_000, now + ahead_min * 60_000 + 40_000]
        events = replay_input(np.array(times), np.zeros(3), received=np.array([now] * 3))
        assert (replay(events, setting).stopped_at != NO_INDEX) == stops
        topic = mapping.names.topic
        create_topic(servers, topic, partitions=1)
        produce(servers, topic, [mapping.record("a", ms, 0) for ms in times])
        with tempfile.TemporaryDirectory() as folder:
            compiled = Compiled("kafka_streams", Path(folder))
            [program] = programs("kafka_streams", setting, mapping.names)
            compiled.add(program.text.replace('"count-events"', f'"{topic}"'))
            compiled.check()
            log = Path(folder) / "log"
            with running(compiled, log) as process:
                wait_until_started(process)
            has_result = bool(printed(log))
            if has_result == stops:
                sys.exit(f"{ahead_min} min ahead:\n{log.read_text(errors='replace')[-4_000:]}")
    print("kafka_streams: runs 50 min ahead of the broker, stops 2 h ahead", flush=True)


@contextmanager
def schema_registry():
    """A schema registry that has the sample's schema, as far as a reader asks for it."""

    class Registry(BaseHTTPRequestHandler):
        def do_GET(self):
            answer = json.dumps({"schema": json.dumps(SCHEMA)}).encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/vnd.schemaregistry.v1+json")
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, *_):
            """Nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Registry) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def main():
    engines = sys.argv[1:] or ENGINES
    (BUILD / "programs").mkdir(parents=True, exist_ok=True)
    run("javac", "-d", BUILD / "programs", HERE / "RunPrograms.java")
    for engine in engines:
        compile_all(engine)
    with running_broker() as broker:
        for engine in engines:
            setting, pace_ms = RUNS[engine]
            run_all(engine, broker.bootstrap_servers, setting, pace_ms)
            if engine == "kafka_streams":
                check_stop(broker.bootstrap_servers)
            if engine in ("flink", "flink_sql"):
                # A busy machine may read longer than 200 ms, and emit watermarks meanwhile.
                caught_up = replace(setting, catching_up=True, emission_ms=5_000)
                run_all(engine, broker.bootstrap_servers, caught_up, 0, backlog=True)


if __name__ == "__main__":
    main()
