"""Verdicts as a JUnit file, which CI systems show: a test case for each condition."""

from __future__ import annotations

from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

from lib.core.formatting import visible_text
from lib.report.conditions import State

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lib.report.conditions import JudgedCondition


def junit_of(topic: str, verdicts: Sequence[JudgedCondition], failed: str, seconds: float) -> bytes:
    """Return a JUnit file.

    Parameters
    ----------
    topic
        Name of the suite.
    verdicts
        What became of each condition: a broken one is a failure, one that could not be told an
        error.
    failed
        Why the report as a whole tells nothing; "" if it does. That is a case of its own.
    seconds
        How long the report took.
    """
    count = {state: sum(one.state is state for one in verdicts) for state in State}
    numbers = {
        "tests": str(len(verdicts) + 1),
        "failures": str(count[State.BROKEN]),
        "errors": str(count[State.UNKNOWN] + bool(failed)),
        "time": f"{seconds:.3f}",
    }
    suites = ET.Element("testsuites", numbers)
    suite = ET.SubElement(suites, "testsuite", {"name": visible_text(topic), **numbers})
    read = ET.SubElement(suite, "testcase", {"classname": "skewline", "name": "the topic is read"})
    if failed:
        ET.SubElement(read, "error", {"message": visible_text(failed)})
    for one in verdicts:
        name = visible_text(one.condition.text)
        case = ET.SubElement(suite, "testcase", {"classname": "skewline", "name": f"not {name}"})
        if one.state is not State.KEPT:
            tag = "failure" if one.state is State.BROKEN else "error"
            ET.SubElement(case, tag, {"message": visible_text(one.sentence)})
    ET.indent(suites)
    written: bytes = ET.tostring(suites, encoding="utf-8", xml_declaration=True)
    return written
