import streamlit as st

from lib.analysis.summary import AHEAD_MEANS, MEDIAN_DELAY_MEANS, summarise
from lib.core.formatting import duration
from lib.ui.findings import show_findings
from lib.ui.page import begin
from lib.ui.report_download import download_report
from lib.ui.show import first_records, load_report, moment

visible = begin(
    "Overview",
    "What is in the chosen window: how many events, from which clients, how late.",
)
summary = summarise(visible.table, visible.rows)

with st.container(horizontal=True):
    st.metric("Events", f"{summary.events:,}", border=True)
    st.metric("Clients", f"{summary.clients:,}", border=True)
    st.metric("Sessions", f"{summary.sessions:,}", border=True)
    median_ms, largest_ms = summary.median_delay_ms, summary.largest_delay_ms
    if visible.delays_tell and median_ms is not None and largest_ms is not None:
        st.metric(
            "Median delay",
            duration(median_ms),
            border=True,
            help=MEDIAN_DELAY_MEANS,
        )
        st.metric("Largest delay", duration(largest_ms), border=True)
        st.metric(
            "From the future",
            f"{summary.ahead:,}",
            border=True,
            help=AHEAD_MEANS,
        )

happened = (
    f"Events happened from {moment(summary.first_event_ms, visible)} to "
    f"{moment(summary.last_event_ms, visible)}"
)
if summary.first_received_ms is None or summary.last_received_ms is None:
    st.caption(f"{happened}.")
else:
    st.caption(
        f"{happened} and arrived from {moment(summary.first_received_ms, visible)} to "
        f"{moment(summary.last_received_ms, visible)}."
    )

st.subheader("What stands out", anchor=False)
show_findings(visible.topic)
download_report(visible.topic)

st.subheader("First records", anchor=False)
first_records(visible, 100)

st.subheader("Load report", anchor=False)
load_report(visible.topic)
