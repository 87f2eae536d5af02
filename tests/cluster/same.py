"""Documents of one machine and of a cluster, compared."""

from __future__ import annotations

from tests.report.conftest import VALIDATOR

FAULTS = (
    "--clients=12", "--sessions=40", "--events=6000", "--outage-share=0.2", "--shared-outages=1",
    "--clock-share=0.2", "--lost-share=0.01", "--duplicate-share=0.01", "--disorder-share=0.02",
    "--step-share=0.1",
)  # fmt: skip


def assert_same(documents, *, but=frozenset()):
    """Compare whole documents: what a cluster does not tell is null there, with why."""
    one, other = documents
    VALIDATOR.validate(other)
    made = {"at_ms", "at"}
    assert {n: v for n, v in one["made"].items() if n not in made} == {
        n: v for n, v in other["made"].items() if n not in made
    }
    for name in one.keys() - {"made", "withheld"} - but:
        assert one[name] == other[name], name
    for name in but:
        assert other[name] is None
        assert other["withheld"][name]
    assert {n: why for n, why in other["withheld"].items() if n not in but} == {
        n: why for n, why in one["withheld"].items() if n not in but
    }
