import streamlit as st

from lib.replay.of_topic import true_sessions
from lib.replay.windows import SessionWindow
from lib.ui.advice import advisor, choose_goal, tradeoff
from lib.ui.blame import whose_fault
from lib.ui.engine_settings import choose_setting, say_remark, say_stop
from lib.ui.outcome import curves, dropped_list, figures, gaps, on_received_time, skew
from lib.ui.page import begin
from lib.ui.replays import replay_of

visible = begin(
    "Windows",
    "What an engine would have made of the whole topic with a session gap, watermark delay or "
    "grace: replayed event by event in arrival order, grouped by client.",
    needs_received=True,
    replays=True,
)
setting = choose_setting()
say_remark(visible.topic, setting)
replayed, outcome = replay_of(visible.topic, setting)
stops = say_stop(replayed)

st.subheader("Result", anchor=False)
figures(outcome, with_latency=not visible.order_only)
if visible.order_only or stops:
    dropped_list(visible, replayed)
    st.stop()  # all else stands on when events were received, and on the whole topic
if isinstance(setting.window, SessionWindow):
    on_received_time(visible, setting.window, outcome)

st.subheader("A setting that holds", anchor=False)
goal = choose_goal(visible, setting)
advisor(visible, setting, goal)

st.subheader("Skew plot", anchor=False)
skew(visible, replayed)

st.subheader("Dropped events", anchor=False)
dropped_list(visible, replayed)

st.subheader("Whose fault", anchor=False)
whose_fault(visible, setting, goal)

st.subheader("Latency against dropped events", anchor=False)
tradeoff(visible, setting, goal)

st.subheader("Other settings", anchor=False)
curves(visible, setting)
if true_sessions(visible.topic) is None:
    gaps(visible, setting)
