"""After warming up nothing has to be compiled any more, whatever is loaded, analysed, replayed."""

import json
import subprocess
import sys

from tests.support.app import REPOSITORY

IN_A_NEW_PROCESS = """
import json
import runpy
import sys

from numba.core.dispatcher import Dispatcher


def compiled():
    modules = {name: module for name, module in sys.modules.items() if name.startswith("lib.")}
    return {
        (f"{loop.__module__}.{loop.__name__}", str(signature))
        for module in modules.values()
        for loop in vars(module).values()
        if isinstance(loop, Dispatcher)
        for signature in loop.signatures
    }


runpy.run_module("lib.warm_up", run_name="__main__")
before = compiled()
assert before, "nothing has been compiled"

from lib.analysis.analyse import analyse
from lib.loading.load import load
from lib.replay.engine import replay
from lib.replay.engines.beam import BeamSetting
from lib.replay.engines.flink import FlinkSetting
from lib.replay.engines.kafka_streams import KafkaStreamsSetting
from lib.replay.engines.spark import SparkSetting
from lib.replay.input import replay_input_of
from lib.replay.windows import SessionWindow, TumblingWindow
from lib.sources.base import Everything
from lib.sources.files.folder import samples
from lib.sources.kafka import KafkaSettings, KafkaTopics

source = KafkaTopics(KafkaSettings(sys.argv[1], reader="librdkafka")) if sys.argv[1:] else samples()
for topic in ("sessions-10", "sessions-100"):
    events = load(source, topic, Everything()).events.table
    analyse(events)
    arrivals = replay_input_of(events)
    for window in (SessionWindow(20_000), TumblingWindow(20_000)):
        for setting in (
            FlinkSetting(window, 2_000),
            FlinkSetting(window, 2_000, api="sql"),
            FlinkSetting(window, 2_000, per_partition=True, emission_ms=200, idle_ms=5_000),
            KafkaStreamsSetting(window, 2_000),
            SparkSetting(window, 2_000, batch_records=100),
            BeamSetting(window, 2_000),
        ):
            replay(arrivals, setting)
print(json.dumps(sorted(compiled() - before)))
"""


def compiled_later(*arguments):
    """Return the loops that a process compiles after it has warmed up."""
    command = [sys.executable, "-c", IN_A_NEW_PROCESS, *arguments]
    ran = subprocess.run(command, cwd=REPOSITORY, check=False, capture_output=True, text=True)
    assert ran.returncode == 0, ran.stderr
    return json.loads(ran.stdout)


def test_the_samples_need_nothing_more():
    assert compiled_later() == []


def test_a_topic_that_librdkafka_reads_needs_nothing_more(samples_on_broker):
    assert compiled_later(samples_on_broker) == []
