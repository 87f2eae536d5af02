import streamlit as st

from lib.analysis.sessions import session_counts
from lib.analysis.tally import Tally
from lib.charts.histogram import session_histogram
from lib.ui import parameters
from lib.ui.chart import show_picture
from lib.ui.cluster_pages.parts import sessions_told
from lib.ui.end_of_run import end_run
from lib.ui.page import begin
from lib.ui.parts.session_detail import choose_bins, every_session, session_detail

visible = begin(
    "Sessions",
    "How many events the sessions have, and how long they last by either clock.",
    of_cluster=sessions_told,
)
counts = session_counts(visible.table, visible.rows)
if counts.empty:
    st.info("No event in the window belongs to a session.", icon=":material/info:")
    end_run()

st.subheader("Events per session", anchor=False)
bins = choose_bins()
show_picture(
    session_histogram(Tally.of(counts["counts"].to_numpy()), bins),
    parameters.SESSION_HISTOGRAM,
    "A session that the window or the filter cuts counts with its visible events only, here and in "
    "the table; lost and duplicate ones are of all its events.",
)

st.subheader("Every session", anchor=False)
sessions = visible.sessions()
chosen = every_session(sessions, visible)

st.subheader("One session in detail", anchor=False)
session_detail(sessions, chosen, visible)
