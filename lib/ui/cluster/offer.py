"""A load that this machine does not hold is offered to the cluster, where one is set."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import streamlit as st

from lib.cluster.kept_fields import KeptFields
from lib.core.errors import SkewlineError
from lib.core.formatting import counted, escaped_markdown, rough_duration, size
from lib.ui import parameters
from lib.ui.cluster.loads import ask_cluster, look_at, settings
from lib.ui.failures import show_words

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lib.cluster.topic import ClusterEstimate
    from lib.sources.base import TopicSource
    from lib.ui.loads import LoadKey

_LESS: Final = "choose the newest, a shorter time or some partitions"


def offer_cluster(source: TopicSource, key: LoadKey, name: str) -> None:
    """Say what the topic would take of the cluster that is set, and let the viewer ask it.

    Parameters
    ----------
    name
        Of the source, as workers open it.
    """
    cluster = settings()
    if cluster is None:
        return
    with st.container(border=True):
        st.markdown("**The Dask cluster can read it whole**")
        takes = _estimate(key, KeptFields(), cluster.address, source)
        if not isinstance(takes, SkewlineError) and takes.others:
            _choose_fields(takes.others)
            takes = _estimate(key, _kept(), cluster.address, source)
        if isinstance(takes, SkewlineError):
            st.warning(escaped_markdown(takes.remedy), title=escaped_markdown(takes.what))
            show_words(takes)
            return
        _say(takes)
        st.button(
            "Ask the cluster",
            type="primary" if takes.fits else "secondary",
            icon=":material/hub:",
            on_click=_ask,
            args=(source, key, name, takes),
            help="Its workers read the topic, and tell the figures of the pages. Nothing of it is "
            "loaded here.",
        )


def _choose_fields(others: Sequence[str]) -> None:
    st.multiselect(
        "Other fields to keep",
        others,
        key=parameters.KEPT_FIELDS,
        placeholder="None",
        help="Filters know them, windows can be grouped by them, and they are shown with records. "
        "Fields that have a role are kept always.",
    )


def _kept() -> KeptFields:
    """Return the fields that are chosen now, which a page that is drawn may not know yet."""
    return KeptFields(named=tuple(st.session_state.get(parameters.KEPT_FIELDS, ())))


def _ask(source: TopicSource, key: LoadKey, name: str, takes: ClusterEstimate) -> None:
    ask_cluster(source, key, name, _kept(), takes)


def _say(takes: ClusterEstimate) -> None:
    each = size(takes.bytes / takes.workers)
    st.markdown(
        f"{takes.said}, {each} on each of {counted(takes.workers, 'worker')}; "
        f"{rough_duration(1000 * takes.seconds)} for {takes.offsets:,} offsets."
    )
    if not takes.fits:
        st.warning(
            f"About {takes.fitting:,} records would fit: {_LESS}. What workers cannot hold they "
            "spill to disk, which takes many times as long.",
            title="The workers' memory is not enough.",
            icon=":material/memory:",
        )


@st.cache_resource(max_entries=20, ttl=60, show_spinner="Asking the cluster what it has…")
def _estimate(
    key: LoadKey,
    keep: KeptFields,
    address: str,
    _source: TopicSource,
) -> ClusterEstimate | SkewlineError:
    return look_at(_source, key, address, keep)
