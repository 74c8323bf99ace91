"""Bounded HTTP requests to other systems. Begin with `posting.py`."""
