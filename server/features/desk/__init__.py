"""The badge desk: find a person, correct, register walk-ins, print, hand over.

Begin with `acts.py`, and `pages/home.py` for the pages.
"""
