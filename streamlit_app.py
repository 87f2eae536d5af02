"""Skewline, the app: page config, navigation, the shared sidebar; nothing else."""

from lib.core.memory import give_back_memory, keep_to_one_heap
from lib.ui.compiling import compile_in_background, page_is_drawn
from lib.ui.ending import end_in_time
from lib.ui.failures import start_logging, unforeseen_shown
from lib.ui.navigation import configure_page, navigation
from lib.ui.sidebar import sidebar
from lib.ui.sign_in import require_sign_in, show_viewer
from lib.ui.sources import check_settings
from lib.ui.view import set_view

keep_to_one_heap()
configure_page()
start_logging()
check_settings()
compile_in_background()
end_in_time()
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
