"""Attendees and their badges. Begin with `attendees.py`."""
