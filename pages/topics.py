import streamlit as st

from lib.analysis.two_topics import names_of
from lib.ui.cluster_pages.two_topics import two_topics_told
from lib.ui.page import begin
from lib.ui.parts.matched import matched, on_one_axis
from lib.ui.parts.other_topic import choose_other, loaded_from

visible = begin(
    "Two topics",
    "A second topic beside the one of the sidebar: a mirror, what a pipeline made of it, or the "
    "same topic at another time. Both as they were loaded, whatever window and filters the sidebar "
    "has.",
    tells_window=False,
    of_cluster=two_topics_told,
)
first = visible.opened
assert first is not None  # a topic that is shown was opened
second = choose_other()
topics = loaded_from(first), loaded_from(second)
names = names_of(topics[0].report.topic, topics[1].report.topic)

st.subheader("On one axis", anchor=False)
on_one_axis(visible, *topics, names)

st.subheader("Matched", anchor=False)
matched(visible, first, second, topics, names)
