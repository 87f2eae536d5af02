import streamlit as st

from lib.replay import SessionWindow
from lib.ui import judgement
from lib.ui.advice import advisor
from lib.ui.page import begin
from lib.ui.whatif import choose_setting, replay_of, true_sessions

visible = begin(
    "Windows",
    "What an engine would have made of the whole topic with a session gap, watermark delay or "
    "grace: replayed event by event in arrival order, grouped by client.",
)
setting = choose_setting()
replayed, judged = replay_of(visible.topic, setting)

st.subheader("Result", anchor=False)
judgement.figures(judged)
if isinstance(setting.window, SessionWindow):
    judgement.on_received_time(visible, setting.window, judged)

st.subheader("Recommendation", anchor=False)
advisor(visible, setting)

st.subheader("Other settings", anchor=False)
judgement.curves(visible, setting)
if true_sessions(visible.topic) is None:
    judgement.gaps(visible, setting)

st.subheader("Skew plot", anchor=False)
judgement.skew(visible, replayed)

st.subheader("Dropped events", anchor=False)
judgement.dropped_list(visible, replayed)
