import streamlit as st

from lib.summary import summarise
from lib.text import duration
from lib.ui.findings import show_findings
from lib.ui.page import begin
from lib.ui.show import load_report, moment

visible = begin(
    "Overview",
    "What the topic holds in the chosen window: how much, of whom, and how late it arrived.",
)
summary = summarise(visible.table, visible.rows)

with st.container(horizontal=True):
    st.metric("Events", f"{summary.events:,}", border=True)
    st.metric("Clients", f"{summary.clients:,}", border=True)
    st.metric("Sessions", f"{summary.sessions:,}", border=True)
    st.metric(
        "Median delay",
        duration(summary.median_delay_ms),
        border=True,
        help="Delay is received time − event time. Half of the events had no more than this.",
    )
    st.metric("Largest delay", duration(summary.largest_delay_ms), border=True)
    st.metric(
        "From the future",
        f"{summary.ahead:,}",
        border=True,
        help="Events received before they happened: their client's clock runs ahead.",
    )

st.caption(
    f"Events happened from {moment(summary.first_event_ms, visible)} to "
    f"{moment(summary.last_event_ms, visible)} and arrived from "
    f"{moment(summary.first_received_ms, visible)} to "
    f"{moment(summary.last_received_ms, visible)}."
)

st.subheader("What stands out", anchor=False)
show_findings(visible.topic)

st.subheader("First records", anchor=False)
first = visible.first(100)
st.dataframe(
    first,
    hide_index=True,
    height=250,
    alt="The first records of the window in arrival order, with their normalized times",
    column_config={
        "Timestamp": st.column_config.NumberColumn(format="%d", help="Event time, epoch ms"),
        "KafkaTimestamp": st.column_config.NumberColumn(format="%d", help="Received, epoch ms"),
        "EventTimestamp0": st.column_config.NumberColumn(format="%.3f", help="s since zero"),
        "ReceivedTimestamp0": st.column_config.NumberColumn(format="%.3f", help="s since zero"),
    },
)
st.caption(f"The first {len(first):,} of {summary.events:,} events, in arrival order.")

st.subheader("Load report", anchor=False)
load_report(visible.topic)
