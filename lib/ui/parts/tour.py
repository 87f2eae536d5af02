"""What to look at first, on the sample topics."""

from __future__ import annotations

from typing import Final

import streamlit as st

from lib.sources.open import SAMPLES, label_of
from lib.ui import parameters

STEPS: Final = """
- Above: when events happened. Below: when they arrived. A row is a client.
- Shaded: the client was cut off; its events arrive later, in a burst.
- **Show** moves the picture to a finding, **Clear window and filters** leads back.
- **Windows**: what Flink, Kafka Streams, Spark and Beam would drop.
"""


def tour() -> None:
    """Draw a short tour where the source is the samples."""
    if parameters.get(parameters.SOURCE) == label_of(SAMPLES):
        with st.expander("New here? What to look at", icon=":material/tour:", expanded=True):
            st.markdown(STEPS)
