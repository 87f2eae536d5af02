import streamlit as st

from lib.ui import parameters
from lib.ui.chart import download_picture
from lib.ui.export import export_shown
from lib.ui.findings import show_findings
from lib.ui.headline import advice_line, figures, summary_of, when
from lib.ui.page import begin
from lib.ui.report_download import download_report
from lib.ui.show import first_records, load_report
from lib.ui.story import CHART_PX, picture
from lib.ui.tour import tour

visible = begin(
    "Skewline",
    "When events happened and when they arrived: who was cut off, whose clock is wrong, how long "
    "to wait for late events.",
)
left, right = st.columns([5, 3])
picture_place, findings_place = (
    left.container(),
    right.container(height=CHART_PX + 60, border=False),
)
summary = summary_of(visible)
figures(visible, summary)
advice_place = st.container()
st.caption(when(visible, summary))

with picture_place:
    drawn = picture(visible)
with findings_place:
    st.subheader("What stands out in the whole topic", anchor=False)
    show_findings(visible.topic, visible.times.zone)
    tour()
with st.container(horizontal=True):
    export_shown(visible)
    download_report(visible.topic)
    download_picture(drawn, parameters.STORY_CHART, "The picture, ")

st.subheader("First records", anchor=False)
first_records(visible, 100, parameters.FIRST_RECORDS)

st.subheader("Load report", anchor=False)
load_report(visible.topic)

with advice_place:
    advice_line(visible)  # last: it may take a second, and the rest is there
