"""The badge desk: find a person, correct, register walk-ins, print, hand over.

A form takes effect once, however often it is sent, and not at all if another clerk has changed the
same person since. Begin with `acts.py`, and `pages/home.py` for the pages.
"""
