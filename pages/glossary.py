import streamlit as st

from lib.ui.glossary import glossary

st.title("Glossary", anchor=False)
with st.container(width=800):
    st.markdown(glossary())
