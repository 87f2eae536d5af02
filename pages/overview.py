import streamlit as st

from lib.ui import parameters
from lib.ui.answers import analysis_of
from lib.ui.cluster_pages.parts import overview_told
from lib.ui.page import begin
from lib.ui.parts.files import files
from lib.ui.parts.findings import show_findings
from lib.ui.parts.headline import advice_line, figures, summary_of, when
from lib.ui.parts.story import begun, height_of, picture, picture_data, story
from lib.ui.parts.tour import tour
from lib.ui.show import first_records, load_report, what_was_read

visible = begin(
    "Skewline",
    "When events happened and when they arrived: who was cut off, whose clock is wrong, how long "
    "to wait for late events.",
    of_cluster=overview_told,
)
left, right = st.columns([5, 3])
summary = summary_of(visible)
figures(summary, delays_tell=visible.delays_tell)
advice_place = st.container()
st.caption(when(summary, visible.times))

with left:
    place = st.empty()
with place.container():
    data = picture_data(visible)
    begun(visible, data)
drawn = story(visible, data)
with place.container():
    picture(drawn, visible.zero_ms)
found = analysis_of(visible.topic).findings  # many are scrolled, so that nothing below moves
with right.container(
    height=height_of(drawn, caption=True) if found else "content",
    border=False,
    key=parameters.FINDINGS,
):
    st.subheader("What stands out in the whole topic", anchor=False)
    show_findings(visible.topic, visible.times.zone)
    tour()
files(visible, drawn.picture)

below = st.expander("First records", key=parameters.FIRST_RECORDS_OPEN, on_change="rerun")
if below.open:
    with below:
        first_records(visible, 100, parameters.FIRST_RECORDS)
below = st.expander(
    f"Load report: {what_was_read(visible.topic)}",
    key=parameters.LOAD_REPORT_OPEN,
    expanded=visible.topic.rejected.num_rows > 0,
    on_change="rerun",
)
if below.open:
    with below:
        load_report(visible.topic)

with advice_place:
    advice_line(visible)  # last: it may take a second, and the rest is there
