from functools import partial

import streamlit as st

from lib.analysis import outages
from lib.analysis.of_topic import OF_A_PART, is_cut
from lib.charts.outages import outage_timeline
from lib.events.table import TimeDomain
from lib.ui import parameters
from lib.ui.answers import analysis_of, outages_of
from lib.ui.chart import show_over_time
from lib.ui.cluster_pages.parts import outages_told
from lib.ui.page import begin
from lib.ui.parts.outage_table import (
    ZOOMS,
    choose_silences,
    outage_table,
    rhythm_table,
    say_no_outage,
)

visible = begin(
    "Outages",
    "Stretches in which the broker did not hear from a client: its events came later in a burst "
    "(buffered), never came (lost), or there were none (quiet).",
    needs_received=True,
    of_cluster=outages_told,
)
kinds, sensitivity = choose_silences()
every, limits = outages_of(visible.whole, sensitivity)
silences = visible.outages(every)
found = silences[silences[outages.KIND].isin(kinds)]

if is_cut(visible.topic):
    st.info(OF_A_PART, title="No outage is told.", icon=":material/content_cut:")
elif found.empty:
    say_no_outage(silences, sensitivity)
else:
    show_over_time(
        outage_timeline(
            found,
            domain_ms=visible.stretch(TimeDomain.RECEIVED),
            zero_ms=visible.zero_ms,
            scale=visible.scale,
        ),
        parameters.OUTAGE_CHART,
        TimeDomain.RECEIVED,
        visible.zero_ms,
        note=ZOOMS,
    )
    analysis = partial(analysis_of, visible.whole)
    outage_table(found, every, visible.times, visible.topic.report.topic, analysis)

with st.expander("Where the limits come from", icon=":material/help:"):
    rhythm_table(limits, visible.topic.report.topic)
