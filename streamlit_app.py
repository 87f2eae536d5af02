"""Skewline, the app: page config, navigation, the shared sidebar; nothing else."""

import streamlit as st

from lib.core.memory import give_back_memory
from lib.ui.compiling import compile_in_background
from lib.ui.navigation import navigation
from lib.ui.sidebar import sidebar
from lib.ui.view import set_view

st.set_page_config(page_title="Skewline", page_icon=":material/timeline:", layout="wide")

compile_in_background()
page = navigation()
set_view(sidebar())
try:
    page.run()
finally:
    give_back_memory()  # what a run took is many times what it leaves
