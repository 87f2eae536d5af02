"""Runs PySpark programs, all at once in one session, until it is ended. Arguments: their files."""

from __future__ import annotations

import sys
import threading
from pathlib import Path

from pyspark.sql import SparkSession

JARS = Path(__file__).parents[3] / "build/oracles/spark/lib/*"


def run(path):
    program = {"__name__": "program"}
    exec(compile(Path(path).read_text(), path, "exec"), program)
    program["main"]()


(
    SparkSession.builder.master("local[2]")
    .config("spark.driver.extraClassPath", str(JARS))
    .config("spark.ui.enabled", "false")
    .config("spark.sql.shuffle.partitions", 1)
    .config("spark.driver.bindAddress", "127.0.0.1")
    .config("spark.driver.host", "127.0.0.1")
    .getOrCreate()
)
for path in sys.argv[1:]:
    threading.Thread(target=run, args=(path,)).start()
