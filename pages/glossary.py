import streamlit as st

from lib.ui.glossary import glossary
from lib.ui.page import show_progress
from lib.ui.view import current_view

st.title("Glossary", anchor=False)
with st.container(width=800):
    st.markdown(glossary())
view = current_view()
if view.load is not None:
    show_progress(view.name, view.load)  # when it ends, the sidebar is drawn again
