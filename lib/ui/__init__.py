"""The only part of `lib` that imports Streamlit: sidebar, state, cached loader, page furniture."""
