"""The file that a viewer uploaded, as a source."""

from __future__ import annotations

from typing import TYPE_CHECKING

import streamlit as st

from lib.sources.files.folder import UploadedTopic
from lib.ui import parameters

if TYPE_CHECKING:
    from lib.core.schemas import SchemaSource


def uploaded(
    schemas: SchemaSource,
    key: str = parameters.UPLOAD,
    held_as: str = parameters.UPLOADED_FILE,
) -> UploadedTopic | None:
    """Draw the upload and return its file as a source; None while there is none.

    The session keeps the source: a file is hashed and listed once, not once a rerun.

    Parameters
    ----------
    schemas
        Where the schemas of its records come from.
    """
    file = st.file_uploader(
        "A file of events",
        key=key,
        help="JSON Lines, CSV or Parquet, plain or compressed with gzip or zstd; what kcat -C -J "
        "or kafka-console-consumer wrote; or a topic downloaded from Skewline.",
    )
    if file is None:
        st.session_state.pop(held_as, None)
        return None
    held: tuple[str, UploadedTopic] | None = st.session_state.get(held_as)
    if held is None or held[0] != file.file_id:
        held = (file.file_id, UploadedTopic(file.name, file.getvalue(), schemas=schemas))
        st.session_state[held_as] = held
    return held[1]
