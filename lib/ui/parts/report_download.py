"""The report of `lib.report`, to download."""

from __future__ import annotations

import time
from functools import partial
from typing import TYPE_CHECKING, Final

import streamlit as st

from lib.replay.sentences import named
from lib.report.made import made_of
from lib.report.outputs import html_of, json_of
from lib.report.report import Asked, initial_setting, report_on
from lib.ui import parameters
from lib.ui.answers import analysis_of
from lib.ui.tables import weakly

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from lib.analysis.analyse import Analysis
    from lib.loading.load import LoadedTopic
    from lib.report.made import Made
    from lib.report.report import Report

_FORMATS: Final = {"html": "text/html", "json": "application/json"}


def told_report_files(report: Report) -> Callable[[], None]:
    """Return what draws the buttons that download a report of which the events are elsewhere."""
    source = (parameters.get(parameters.SOURCE) or "").lower()

    def written(write: Callable[[Made], bytes], report: Report) -> bytes:
        return write(made_of(report, source=source, at_ms=time.time_ns() // 1_000_000))

    makes = [weakly(partial(written, write), report) for write in (html_of, json_of)]
    return partial(_files, f"{report.topic.report.topic}-report", makes)


def report_files(topic: LoadedTopic) -> Callable[[], None]:
    """Return what draws the buttons that download the report on a whole topic.

    It is made when it is asked for, as a page and as figures.
    """
    source = (parameters.get(parameters.SOURCE) or "").lower()
    analysis = analysis_of(topic)

    def written(write: Callable[[Made], bytes], topic: LoadedTopic, analysis: Analysis) -> bytes:
        report = report_on(topic, Asked(), lambda *_: analysis)
        return write(made_of(report, source=source, at_ms=time.time_ns() // 1_000_000))

    makes = [weakly(partial(written, write), topic, analysis) for write in (html_of, json_of)]
    return partial(_files, f"{topic.report.topic}-report", makes)


def _files(name: str, makes: Sequence[Callable[[], bytes]]) -> None:
    for make, (ending, mime) in zip(makes, _FORMATS.items(), strict=True):
        st.download_button(
            f"The report, {ending.upper()}",
            make,
            file_name=f"{name}.{ending}",
            mime=mime,
            icon=":material/summarize:",
            width="stretch",
            on_click="ignore",
        )
    st.caption(
        "HTML: one file to read and print, offline, with charts. JSON: every figure, for programs. "
        f"Windows as of {named(initial_setting())}."
    )
