"""Holds the pinned libraries to the deadlines of docs/security.md. Begin with `faults.py`."""
