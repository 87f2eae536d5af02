import streamlit as st

from lib.core.columns import CLIENT
from lib.ui.engine_settings import choose_setting
from lib.ui.live import choose_minutes, choose_pause, live
from lib.ui.page import begin

visible = begin(
    "Live",
    "The end of the topic as it grows, read every two seconds, whatever range, window and filters "
    "the sidebar has.",
    tells_window=False,
)
with st.container(horizontal=True, vertical_alignment="bottom"):
    minutes = choose_minutes()
    paused = choose_pause()
with st.expander("Engine and setting that late events are told for", icon=":material/tune:"):
    setting, _ = choose_setting([CLIENT])
live(visible, minutes, setting, paused=paused)
