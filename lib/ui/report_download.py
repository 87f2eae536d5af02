"""The report of `lib.report`, to download."""

from __future__ import annotations

import time
from functools import partial
from typing import TYPE_CHECKING

import streamlit as st

from lib.replay.sentences import named
from lib.report.outputs import html_of, json_of, made_of
from lib.report.report import Asked, initial_setting, report_on
from lib.ui import parameters
from lib.ui.answers import analysis_of
from lib.ui.tables import weakly

if TYPE_CHECKING:
    from collections.abc import Callable

    from lib.analysis.analyse import Analysis
    from lib.loading.load import LoadedTopic
    from lib.report.outputs import Made


def download_report(topic: LoadedTopic) -> None:
    """Offer the report on a whole topic, as a page and as figures; made when it is asked for."""
    source = (parameters.get(parameters.SOURCE) or "").lower()
    analysis = analysis_of(topic)

    def written(write: Callable[[Made], bytes], topic: LoadedTopic, analysis: Analysis) -> bytes:
        report = report_on(topic, Asked(), lambda *_: analysis)
        return write(made_of(report, source=source, at_ms=time.time_ns() // 1_000_000))

    setting = named(initial_setting())
    with st.container(horizontal=True):
        for ending, mime, write, what in (
            ("html", "text/html", html_of, "One file to read and print, offline, with charts."),
            ("json", "application/json", json_of, "Every figure, for programs."),
        ):
            st.download_button(
                f"Download the report, {ending.upper()}",
                weakly(partial(written, write), topic, analysis),
                file_name=f"{topic.report.topic}-report.{ending}",
                mime=mime,
                icon=":material/summarize:",
                on_click="ignore",
                help=f"{what} Of the whole topic; windows as of {setting}.",
            )
