from lib.ui.live import live, live_told
from lib.ui.page import begin

visible = begin(
    "Live",
    "The end of the topic as it grows, read every two seconds, whatever range, window and filters "
    "the sidebar has.",
    of_cluster=live_told,
    tells_window=False,
)
live(visible)
