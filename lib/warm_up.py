"""Every compiled loop made ready, so that nobody has to wait for machine code.

`python -m lib.compile_ahead` takes some 20 seconds on a new machine, and one or two after that:
the machine code is kept on disk, beside the modules.
"""

from __future__ import annotations

from lib import analysis, uniform, whatif
from lib.topics.kafka import gather


def compile_ahead() -> None:
    """Compile what is compiled, or load it from numba's cache; what is waited for first, first."""
    analysis.warm_up()
    uniform.warm_up()
    gather.warm_up()
    whatif.warm_up()


if __name__ == "__main__":
    compile_ahead()
