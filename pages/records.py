import streamlit as st

from lib.ui import parameters
from lib.ui.cluster_pages.parts import records_told
from lib.ui.page import begin
from lib.ui.parts.export import export_shown
from lib.ui.parts.record_reader import record_reader
from lib.ui.show import first_records

visible = begin(
    "Records",
    "The records themselves, read again from where they are: key, headers, value and neighbours.",
    of_any_topic=record_reader,
    of_cluster=records_told,
)
st.subheader("Events", anchor=False)
first_records(visible, 1_000, parameters.EVENTS_LISTED, picks=True)
export_shown(visible)
