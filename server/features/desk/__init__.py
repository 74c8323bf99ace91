"""Serves the badge desk: find a person, correct, register walk-ins, print, hand over.

A form is done once, however often it is sent, and not at all where another clerk has acted on the
same person since it was made. Begin with `acts.py`, and `pages/home.py` for the pages.
"""
