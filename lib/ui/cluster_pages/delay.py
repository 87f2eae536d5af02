"""What the Delay page shows of a topic that a cluster holds."""

from __future__ import annotations

from typing import TYPE_CHECKING

import streamlit as st

from lib.analysis.delays import distribution_table
from lib.charts.delay import distribution, drawn_over_time
from lib.charts.skew import drawn_skew
from lib.charts.skew_data import BY_WATERMARK, WATERMARK
from lib.core.columns import CLIENT
from lib.events.table import TimeDomain
from lib.ui import parameters
from lib.ui.chart import show_over_time, show_picture
from lib.ui.cluster_pages.parts import refusals_shown
from lib.ui.parts.clock_table import clock_table
from lib.ui.parts.delay_parts import delay_parts
from lib.ui.parts.distribution import choose_split
from lib.ui.parts.skew import choose_watermark
from lib.ui.tables import quantiles

if TYPE_CHECKING:
    from lib.analysis.tally import Tally
    from lib.ui.cluster.told import OnCluster
    from lib.ui.view import View


def delay_told(view: View, told: OnCluster) -> None:
    """Draw delays, how they are spread and went over time, what they are made of, and clocks."""
    report, analysis, zero_ms = told.report, told.of_all.report.analysis, view.times.zero_ms
    assert analysis is not None  # as the page tells of received times
    assert report.drawn is not None
    assert report.drawn.delay is not None
    st.subheader("Skew plot", anchor=False)
    with refusals_shown():
        skew = told.skew(choose_watermark())
        plot = drawn_skew(skew, BY_WATERMARK, WATERMARK, zero_ms=zero_ms, scale=view.scale)
        show_over_time(plot, parameters.SKEW_CHART, TimeDomain.EVENT, zero_ms)
    st.subheader("Delay and out-of-orderness", anchor=False)
    quantiles(analysis)
    st.subheader("Distribution", anchor=False)
    with refusals_shown():
        _distribution(told, report.drawn.extremes.delays)
    st.subheader("Delay over time", anchor=False)
    over_time = drawn_over_time(report.drawn.delay, zero_ms=zero_ms, scale=view.scale)
    show_over_time(over_time, parameters.DELAY_CHART, TimeDomain.EVENT, zero_ms)
    st.subheader("What delay is made of", anchor=False)
    with refusals_shown():
        delay_parts(told.of_all.parts(), view.times, view.scale)
    st.subheader("Clocks", anchor=False)
    with refusals_shown():
        clock_table(analysis, report.topic.report.topic, told.of_all.effect)


def _distribution(told: OnCluster, delays: Tally) -> None:
    """Draw how delays are spread, of all clients that are seen or of each."""
    assert told.report.analysis is not None  # as of the whole topic
    by = choose_split(told.report.analysis.clocks[CLIENT].nunique())
    binned = distribution_table(delays) if by is None else told.distribution()
    drawn = distribution(binned, by, int(delays.value[-1]))
    show_picture(drawn, parameters.DISTRIBUTION_CHART)
