"""Skewline's library: sources → decoding → events → one question → chart → page."""
