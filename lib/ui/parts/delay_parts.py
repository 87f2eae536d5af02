"""What delay is made of, in figures and charts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import streamlit as st

from lib.analysis.delay_parts import PART, missing_parts
from lib.charts import delay_parts as charts
from lib.charts.delay_parts import WORDS
from lib.charts.picture import Picture
from lib.core.formatting import counted
from lib.ui import parameters
from lib.ui.chart import show_picture
from lib.ui.tables import quantiles_in_words, show_table

if TYPE_CHECKING:
    from lib.analysis.delay_parts import DelayParts
    from lib.charts.times import TimeScale
    from lib.core.moments import Times

_MEANING: Final = (
    "“Before it was sent” is how old an event was when its client sent it. “Network, and sending "
    "again” is what it took beyond the client's fastest. “Clock and fastest transit” is that "
    "fastest and by how much the client's clock is off: these two cannot be told apart. Of one "
    "event, the parts add up to the delay; quantiles do not."
)


def delay_parts(parts: DelayParts | None, times: Times, scale: TimeScale) -> None:
    """Draw the parts of a topic's delay, per client and over time, or say what is missing.

    `parts` are those of a topic that has received times.
    """
    if parts is None:
        st.caption(missing_parts(sent=False, received=True, recorded=False))
        return
    st.caption(" ".join(filter(None, ("Of the whole topic.", parts.missing, _MEANING))))
    words = parts.of_topic[PART].astype(str).map({str(part): word for part, word in WORDS.items()})
    table = parts.of_topic.drop(columns=parts.of_topic.columns[0]).assign(**{PART: words})
    show_table(quantiles_in_words(table), alt="Quantiles of each part of the delay, s")
    drawn = charts.per_client(parts.by_client)
    some = (
        f"The {drawn.shown:,} clients with the longest parts, of "
        f"{counted(drawn.clients, 'client')}."
        if drawn.shown < drawn.clients
        else ""
    )
    show_picture(
        Picture(
            drawn.chart,
            "Each part of the delay of each client: half of the events had no more",
            some,
        ),
        parameters.PARTS_CHART,
    )
    show_picture(
        Picture(
            charts.over_time(parts.over_time, zero_ms=times.zero_ms, scale=scale),
            "Each part of the delay over event time: 90 % of the events had no more",
            "",
        ),
        parameters.PARTS_TIME_CHART,
    )
