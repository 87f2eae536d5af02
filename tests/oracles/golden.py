"""What the engines answered for the fixed cases, kept in `golden/`, and whether it can be trusted.

A file holds the engine's version, the cases, the answers (None where the engine itself failed),
digests of what they were made from, and a digest of all that: a file edited by hand, or made by
an older program, from older cases or by another version of the engine, is noticed.
"""

from __future__ import annotations

import gzip
import hashlib
import json
import re
from pathlib import Path

from tests.oracles.cases import fixed

HERE = Path(__file__).parent
PINS = {
    "flink": ("flink/requirements.txt", r"apache-flink-libraries==(\S+)"),
    "kafka_streams": ("kafka_streams/pom.xml", r"<kafka.version>(.+)</kafka.version>"),
    "spark": ("spark/requirements.txt", r"pyspark==(\S+)"),
    "beam": ("beam/pom.xml", r"<beam.version>(.+)</beam.version>"),
    "beam_python": ("beam/requirements.txt", r"apache-beam==(\S+)"),
}
PROGRAMS = {
    "flink": "flink/FlinkOracle.java",
    "kafka_streams": "kafka_streams/src/main/java/oracle/KafkaStreamsOracle.java",
    "spark": "spark/spark_oracle.py",
    "beam": "beam/src/main/java/oracle/BeamOracle.java",
    "beam_python": "beam/beam_oracle.py",
}


def version_of(engine):
    """The version of the engine that the oracles install."""
    file, pattern = PINS[engine]
    return re.search(pattern, (HERE / file).read_text()).group(1)


def digest(content):
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def origin_of(engine):
    """What a golden file must have been made from to be current."""
    return {
        "engine": engine,
        "version": version_of(engine),
        "program": hashlib.sha256((HERE / PROGRAMS[engine]).read_bytes()).hexdigest(),
        "cases": digest(fixed(engine)),
    }


def path_of(engine):
    return HERE / "golden" / f"{engine}.json.gz"


def write(engine, cases, answers):
    content = {"origin": origin_of(engine), "cases": cases, "answers": answers}
    content["digest"] = digest(content)
    packed = json.dumps(content, separators=(",", ":")).encode()
    path_of(engine).write_bytes(gzip.compress(packed, mtime=0))


def read(engine):
    return json.loads(gzip.decompress(path_of(engine).read_bytes()))
