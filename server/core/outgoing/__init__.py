"""Bounded HTTP requests to other machines. Begin with `posting.py`."""
