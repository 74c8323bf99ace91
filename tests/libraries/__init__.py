"""Holds the pinned libraries to the times of docs/security.md. Begin with `faults.py`."""
