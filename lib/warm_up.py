"""Every compiled loop made ready, so that nobody has to wait for machine code.

`python -m lib.warm_up` takes some 20 seconds on a new machine, and one or two after that:
the machine code is kept on disk, beside the modules.
"""

from __future__ import annotations

from lib.analysis import analyse, matching
from lib.charts import rows
from lib.decoding import json_arrays, json_layout, schemas
from lib.replay import blame, partitions, registry
from lib.sources.files import json_text
from lib.sources.kafka.librdkafka import batch


def warm_up() -> None:
    """Compile what is compiled, or load it from numba's cache."""
    warm_up_first()
    warm_up_rest()


def warm_up_first() -> None:
    """Compile what the first page of most topics waits for."""
    analyse.warm_up()
    rows.warm_up()
    json_layout.warm_up()
    batch.warm_up()


def warm_up_rest() -> None:
    """Compile all else."""
    schemas.warm_up()
    json_arrays.warm_up()
    json_text.warm_up()
    registry.warm_up()
    blame.warm_up()
    partitions.warm_up()
    matching.warm_up()


if __name__ == "__main__":
    warm_up()
