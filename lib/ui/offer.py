"""A big load is announced before it starts: how much, and how long it will take."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import streamlit as st

from lib.core.formatting import duration, size
from lib.loading.estimate import Estimate, estimate
from lib.sources.base import Everything

if TYPE_CHECKING:
    from lib.sources.base import TopicInfo, TopicSource
    from lib.ui.loads import LoadKey

BIG: Final = 1_000_000
"""Records from which a load is announced."""

_FEWER: Final = 100_000
_ACCEPTED: Final = "accepted_loads"


@dataclass(frozen=True)
class Offer:
    """A load that has not been started, and what it would bring."""

    key: LoadKey
    in_topic: int
    estimate: Estimate


def offer_of(source: TopicSource, key: LoadKey, info: TopicInfo | None) -> Offer | None:
    """Return the offer of a load that is big and that the viewer has not accepted yet."""
    is_big = info is not None and info.records > BIG and isinstance(key.wanted, Everything)
    if info is None or not is_big or key in st.session_state.get(_ACCEPTED, ()):
        return None
    return Offer(key, info.records, _estimate(key, source))


def show_offer(offer: Offer) -> None:
    """Say what a load will bring, and let the viewer start it or ask for less."""
    expected = offer.estimate
    with st.container(border=True):
        st.markdown(f"**{offer.key.topic} is large**")
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
            st.button(f"Read the newest {_FEWER:,}", on_click=_ask_for_fewer)


@st.cache_data(max_entries=20, show_spinner="Estimating how long it will take…")
def _estimate(key: LoadKey, _source: TopicSource) -> Estimate:
    return estimate(_source, key.topic, key.wanted, cap=key.cap)


def _accept(key: LoadKey) -> None:
    st.session_state[_ACCEPTED] = {*st.session_state.get(_ACCEPTED, ()), key}


def _ask_for_fewer() -> None:
    st.session_state["range"] = "latest"
    st.session_state["latest"] = _FEWER
