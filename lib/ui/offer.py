"""A big load is announced before it starts: how much, and how long it will take."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import streamlit as st

from lib.core.formatting import escaped_markdown, rough_duration, size
from lib.loading.estimate import Estimate, estimate
from lib.sources.base import Everything, Latest
from lib.sources.newest import limit_of, newest_part
from lib.sources.open import UPLOAD
from lib.ui import parameters
from lib.ui.cluster.loads import settings
from lib.ui.cluster.offer import offer_cluster
from lib.ui.held import room
from lib.ui.inputs.topic_choice import ask_for_newest
from lib.ui.loads import WHILE_READ, rounded

if TYPE_CHECKING:
    from lib.sources.base import TopicInfo, TopicSource
    from lib.ui.loads import LoadKey
    from lib.ui.parameters import RangeParameters

BIG: Final = 1_000_000
BIG_BYTES: Final = 1_000_000_000
"""Records, or bytes in the topic, from which a load is announced."""

_FEWER: Final = 100_000


@dataclass(frozen=True)
class Offer:
    """A load that has not been started, and what it would bring.

    Attributes
    ----------
    planned
        Records of the range, at most.
    source, name
        Where it is read from, and how a cluster's workers open that; "" where they cannot.
    """

    key: LoadKey
    in_topic: int
    estimate: Estimate
    planned: int
    source: TopicSource
    name: str

    @property
    def memory(self) -> int:
        """Bytes that it takes until it has ended."""
        return WHILE_READ * self.estimate.decoded_bytes

    @property
    def is_for_cluster(self) -> bool:
        """Whether it is more than this machine holds, or than the settings say."""
        cluster = settings()
        if cluster is None or not self.name:
            return False
        if cluster.from_records is not None:
            return self.planned >= cluster.from_records
        return self.memory > room() or self.planned > self.key.cap


def offer_of(
    source: TopicSource, key: LoadKey, info: TopicInfo | None, name: str = UPLOAD
) -> Offer | None:
    """Return the offer of a load that is big and that the viewer has not accepted yet.

    Parameters
    ----------
    name
        Of the source, where a cluster may read it, too.
    """
    if info is None or is_accepted(key):
        return None
    planned = _planned(source, key, info)
    if not _is_big(planned, info):
        return None
    found = _estimate(key, info.records, source)
    return Offer(key, info.records, found, planned, source, "" if name == UPLOAD else name)


def is_accepted(key: LoadKey) -> bool:
    """Return whether the viewer has let the app read it, big as it is."""
    return key in st.session_state.get(parameters.ACCEPTED_LOADS, ())


def _is_big(records: int, info: TopicInfo) -> bool:
    in_bytes = 0 if info.bytes is None else info.bytes * records / max(1, info.records)
    cluster = settings()
    is_for_cluster = cluster is not None and records >= (cluster.from_records or BIG)
    return records > BIG or in_bytes > BIG_BYTES or is_for_cluster


def _planned(source: TopicSource, key: LoadKey, info: TopicInfo) -> int:
    """Return how many records a range has at most; asked for only where it may be big."""
    match key.wanted:
        case Everything():
            return info.records
        case Latest(count):
            return min(count, info.records)
    return _in_range(key, info.records, source) if _is_big(info.records, info) else info.records


def show_offer(offer: Offer, of: RangeParameters = parameters.OF_FIRST) -> None:
    """Say what a load will bring, and let the viewer start it or ask for less."""
    expected = offer.estimate
    takes, left = offer.memory, room()
    fewer = _FEWER if takes <= left else rounded(expected.records * left / takes)
    with st.container(border=True):
        st.markdown(f"**{escaped_markdown(offer.key.topic)} is large**")
        more = ""
        if offer.in_topic > offer.key.cap:
            more = f" The newest {offer.key.cap:,} of its {offer.in_topic:,} records will be kept."
        if takes > left:
            more = (
                f" That takes {size(takes)} of memory, and {size(max(0, left))} are to be used: "
                "choose fewer records, a shorter time or some partitions."
            )
        st.markdown(
            f"Reading it will bring about {expected.records:,} records, {size(expected.bytes)}, "
            f"and take {rough_duration(expected.seconds * 1000)}.{more}"
        )
        with st.container(horizontal=True):
            if takes <= left:
                st.button(
                    "Read it", type="primary", icon=":material/download:",
                    on_click=_accept, args=(offer.key,),
                )  # fmt: skip
            st.button(f"Read the newest {fewer:,}", on_click=ask_for_newest, args=(fewer, of))
    if offer.is_for_cluster:
        offer_cluster(offer.source, offer.key, offer.name)


@st.cache_resource(max_entries=100, ttl=60, show_spinner=False)
def _in_range(key: LoadKey, in_topic: int, _source: TopicSource) -> int:  # noqa: ARG001
    cap = limit_of(key.wanted, key.cap)
    return newest_part(_source, key.topic, key.wanted, cap).plan.size


@st.cache_resource(max_entries=20, show_spinner="Estimating how long it will take…")
def _estimate(key: LoadKey, in_topic: int, _source: TopicSource) -> Estimate:  # noqa: ARG001
    return estimate(_source, key.topic, key.wanted, cap=key.cap)


def _accept(key: LoadKey) -> None:
    accepted = st.session_state.get(parameters.ACCEPTED_LOADS, ())
    st.session_state[parameters.ACCEPTED_LOADS] = {*accepted, key}
