"""Skewline, the app: page config, navigation, the shared sidebar; nothing else.

`streamlit run` imports it once for its server, and runs it as `__main__` whenever a page is drawn:
what pages need has been imported before anybody asks for one.
"""

import streamlit as st

from lib.core.memory import give_back_memory
from lib.ui.compiling import page_is_drawn
from lib.ui.failures import unforeseen_shown
from lib.ui.inputs.sign_in import require_sign_in, show_viewer
from lib.ui.navigation import configure_page, navigation
from lib.ui.server import server_runs
from lib.ui.sidebar import sidebar
from lib.ui.view import set_view

if __name__ == "__main__":
    configure_page()
    page = navigation()
    try:
        with unforeseen_shown():
            require_sign_in()
            set_view(sidebar())
            show_viewer()
            page.run()
            page_is_drawn()
    finally:
        give_back_memory()  # what a run took is many times what it leaves
else:
    app = st.App(__file__, lifespan=server_runs)
