from dataclasses import replace

import streamlit as st

from lib.ui.cluster_pages.windows import windows_told
from lib.ui.end_of_run import end_run
from lib.ui.page import begin
from lib.ui.parts.advice import advisor, choose_goal, tradeoff
from lib.ui.parts.blame import whose_fault
from lib.ui.parts.engine_settings import choose_setting, say_remark, say_stop
from lib.ui.parts.outcome import curves, dropped_list, figures, gaps, on_received_time, skew
from lib.ui.replays import gaps_of, keys_of, received_of, replay_of, true_sessions

visible = begin(
    "Windows",
    "What an engine would have made of the whole topic with a session gap, watermark delay or "
    "grace: replayed event by event in arrival order.",
    needs_received=True,
    replays=True,
    of_cluster=windows_told,
)
setting, key = choose_setting(keys_of(visible))
visible = replace(visible, key=key)
say_remark(visible.topic, key, setting, int(visible.table[key].isna().sum()))
replayed, outcome = replay_of(visible, setting)
stops = say_stop(outcome)

st.subheader("Result", anchor=False)
figures(outcome, with_latency=not visible.order_only)
if visible.order_only or stops:
    dropped_list(visible, replayed)
    end_run()  # all else stands on when events were received, and on the whole topic
on_received_time(received_of(visible, setting), setting.window, outcome)

st.subheader("A setting that holds", anchor=False)
goal = choose_goal(setting, has_sessions=true_sessions(visible) is not None)
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
curves(visible, setting, goal)
if true_sessions(visible) is None:
    gaps(gaps_of(visible), setting)
