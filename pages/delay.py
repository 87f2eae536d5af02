from functools import partial

import streamlit as st

from lib.analysis.client_clocks import effect
from lib.analysis.delays import delay_distribution
from lib.charts import delay as charts
from lib.core.columns import CLIENT, EVENT_TIME, OFFSET, PARTITION, RECEIVED_TIME
from lib.events.table import TimeDomain
from lib.ui import parameters
from lib.ui.answers import analysis_of
from lib.ui.chart import show_over_time, show_picture
from lib.ui.cluster_pages.delay import delay_told
from lib.ui.page import begin
from lib.ui.parts.clock_table import clock_table
from lib.ui.parts.delay_parts import delay_parts
from lib.ui.parts.distribution import choose_split
from lib.ui.parts.skew import skew_plot
from lib.ui.tables import quantiles

visible = begin(
    "Delay",
    "Delay is received time − event time. Out-of-orderness is how far an event is behind the "
    "newest one before it: what a watermark has to wait for.",
    needs_received=True,
    of_cluster=delay_told,
)
answers = analysis_of(visible.whole)

st.subheader("Skew plot", anchor=False)
skew_plot(visible)

st.subheader("Delay and out-of-orderness", anchor=False)
quantiles(answers)

st.subheader("Distribution", anchor=False)
events = visible.columns(CLIENT, EVENT_TIME, RECEIVED_TIME, PARTITION, OFFSET)
clients = events[CLIENT].cat.remove_unused_categories()
by = choose_split(len(clients.cat.categories))
binned = delay_distribution(events.assign(**{CLIENT: clients}), by=by)
largest_ms = int((events[RECEIVED_TIME] - events[EVENT_TIME]).max())
show_picture(charts.distribution(binned, by, largest_ms), parameters.DISTRIBUTION_CHART)

st.subheader("Delay over time", anchor=False)
show_over_time(
    charts.over_time(events, zero_ms=visible.zero_ms, scale=visible.scale),
    parameters.DELAY_CHART,
    TimeDomain.EVENT,
    visible.zero_ms,
)

st.subheader("What delay is made of", anchor=False)
delay_parts(answers.parts, visible.times, visible.scale)

st.subheader("Clocks", anchor=False)
effect_of = partial(effect, visible.topic.events.table, answers.clocks)
clock_table(answers, visible.topic.report.topic, effect_of)
