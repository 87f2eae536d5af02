"""Skewline's library: sources → decoding → events → one question → chart → page."""

__version__ = "0.1.0"
