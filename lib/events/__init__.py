"""The events table: which field plays which role, arrival order, derived sessions, export."""
