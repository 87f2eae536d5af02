"""Skewline's library: topics → decode → events → one question → chart → page."""
