"""All that the first page offers to download, in one place."""

from __future__ import annotations

from functools import partial
from io import BytesIO
from typing import TYPE_CHECKING

import streamlit as st

from lib.core.formatting import counted
from lib.report.outputs import write_topic
from lib.ui import parameters
from lib.ui.chart import download_picture
from lib.ui.lazy import popover
from lib.ui.parts.export import shown_files
from lib.ui.parts.report_download import report_files
from lib.ui.tables import weakly

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    import pandas as pd

    from lib.charts.picture import Picture
    from lib.loading.load import LoadedTopic
    from lib.ui.visible import Visible


def files(visible: Visible, drawn: Picture) -> None:
    """Offer the events that are shown, the report on the topic, and the picture above."""
    whole = (_topic_file(visible.topic), report_files(visible.topic))
    offer_files(visible.count, shown_files(visible), whole, drawn)


def offer_files(
    count: int, events: Callable[[], None], whole: Sequence[Callable[[], object]], drawn: Picture
) -> None:
    """Offer files.

    Parameters
    ----------
    count, events
        How many events are shown, and what draws the buttons that download them.
    whole
        What draws those of the whole topic.
    drawn
        The picture above.
    """
    shown = f"The {counted(count, 'event')} shown"
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
    source = parameters.get(parameters.SOURCE) or ""

    def capture(topic: LoadedTopic) -> BytesIO:
        return captured(topic, [topic.events.table], source)

    return topic_button(topic.report.topic, weakly(capture, topic))


def captured(topic: LoadedTopic, rows: Iterable[pd.DataFrame], source: str) -> BytesIO:
    """Return a topic as a file, to open again as a source; its events may be elsewhere.

    Parameters
    ----------
    rows
        The events table, or pieces of it that follow one another.
    """
    to = BytesIO()
    write_topic(to, topic=topic, rows=rows, source=source, part=topic.report.part)
    return to


def topic_button(name: str, make: Callable[[], BytesIO], more: str = "") -> Callable[[], object]:
    """Return what draws the button that downloads a topic of this name.

    `more` is what else there is to say of the file.
    """
    return partial(
        st.download_button,
        "The topic, Parquet",
        make,
        file_name=f"{name}.parquet",
        mime="application/vnd.apache.parquet",
        icon=":material/database:",
        width="stretch",
        on_click="ignore",
        help="Its events and where they come from. Upload it here, or put it into the folder of "
        f"files, to look at it again without its broker. {more}".rstrip(),
    )
