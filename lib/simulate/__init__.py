"""A traffic simulator: topics of client events, and the truth about them.

`simulate(Scenario(…))` in Python, `python -m lib.simulate --help` on the command line.
"""

from lib.simulate.scenario import Outage, Scenario
from lib.simulate.simulation import Simulation, simulate
from lib.simulate.truth import Truth, write_truth

__all__ = ["Outage", "Scenario", "Simulation", "Truth", "simulate", "write_truth"]
