"""A big load is announced before it starts: how much, and how long it will take."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import streamlit as st

from lib.core.formatting import duration, escaped_markdown, size
from lib.loading.estimate import Estimate, estimate
from lib.sources.base import Everything
from lib.ui import parameters
from lib.ui.topic_choice import ask_for_newest

if TYPE_CHECKING:
    from lib.sources.base import TopicInfo, TopicSource
    from lib.ui.loads import LoadKey
    from lib.ui.parameters import RangeParameters

BIG: Final = 1_000_000
"""Records from which a load is announced."""

_FEWER: Final = 100_000


@dataclass(frozen=True)
class Offer:
    """A load that has not been started, and what it would bring."""

    key: LoadKey
    in_topic: int
    estimate: Estimate


def offer_of(source: TopicSource, key: LoadKey, info: TopicInfo | None) -> Offer | None:
    """Return the offer of a load that is big and that the viewer has not accepted yet."""
    is_big = info is not None and info.records > BIG and isinstance(key.wanted, Everything)
    if info is None or not is_big or key in st.session_state.get(parameters.ACCEPTED_LOADS, ()):
        return None
    return Offer(key, info.records, _estimate(key, info.records, source))


def show_offer(offer: Offer, of: RangeParameters = parameters.OF_FIRST) -> None:
    """Say what a load will bring, and let the viewer start it or ask for less."""
    expected = offer.estimate
    with st.container(border=True):
        st.markdown(f"**{escaped_markdown(offer.key.topic)} is large**")
        kept = ""
        if offer.in_topic > offer.key.cap:
            kept = f" The newest {offer.key.cap:,} of its {offer.in_topic:,} records will be kept."
        st.markdown(
            f"Reading it will bring about {expected.records:,} records, {size(expected.bytes)}, "
            f"and take about {duration(expected.seconds * 1000)}.{kept}"
        )
        with st.container(horizontal=True):
            st.button(
                "Read it", type="primary", icon=":material/download:",
                on_click=_accept, args=(offer.key,),
            )  # fmt: skip
            st.button(f"Read the newest {_FEWER:,}", on_click=ask_for_newest, args=(_FEWER, of))


@st.cache_data(max_entries=20, show_spinner="Estimating how long it will take…")
def _estimate(key: LoadKey, in_topic: int, _source: TopicSource) -> Estimate:  # noqa: ARG001
    return estimate(_source, key.topic, key.wanted, cap=key.cap)


def _accept(key: LoadKey) -> None:
    accepted = st.session_state.get(parameters.ACCEPTED_LOADS, ())
    st.session_state[parameters.ACCEPTED_LOADS] = {*accepted, key}
