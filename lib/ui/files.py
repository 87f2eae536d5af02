"""All that the first page offers to download, in one place."""

from __future__ import annotations

from functools import partial
from io import BytesIO
from typing import TYPE_CHECKING

import streamlit as st

from lib.core.formatting import counted
from lib.events.export import write_capture
from lib.ui import parameters
from lib.ui.chart import download_picture
from lib.ui.export import shown_files
from lib.ui.lazy import popover
from lib.ui.report_download import report_files
from lib.ui.tables import weakly

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from lib.charts.picture import Picture
    from lib.loading.load import LoadedTopic
    from lib.ui.visible import Visible


def files(visible: Visible, drawn: Picture) -> None:
    """Offer the events that are shown, the report on the topic, and the picture above."""
    events, topic = shown_files(visible), _topic_file(visible.topic)
    shown = f"The {counted(visible.count, 'event')} shown"
    whole = (topic, report_files(visible.topic))
    popover("Download", partial(_fill, shown, events, whole, drawn), icon=":material/download:")


def _fill(
    shown: str,
    events: Callable[[], None],
    whole: Sequence[Callable[[], object]],
    drawn: Picture,
) -> None:
    st.markdown(f"**{shown}**")
    events()
    st.markdown("**The whole topic**")
    for draw in whole:
        draw()
    st.markdown("**The picture above**")
    download_picture(
        drawn, parameters.STORY_CHART, "The picture, ", type="secondary", width="stretch"
    )


def _topic_file(topic: LoadedTopic) -> Callable[[], object]:
    """Return what draws the button that downloads a loaded topic, to open again as a source."""
    name, source = topic.report.topic, parameters.get(parameters.SOURCE) or ""

    def capture(topic: LoadedTopic) -> bytes:
        written = BytesIO()
        write_capture(
            topic.events,
            written,
            topic=name,
            source=source,
            fields=topic.fields,
            corrected=topic.corrected,
            part=topic.report.part,
        )
        return written.getvalue()

    return partial(
        st.download_button,
        "The topic, Parquet",
        weakly(capture, topic),
        file_name=f"{name}.parquet",
        mime="application/vnd.apache.parquet",
        icon=":material/database:",
        width="stretch",
        on_click="ignore",
        help="Its events and where they come from. Upload it here, or put it into the folder of "
        "files, to look at it again without its broker.",
    )
