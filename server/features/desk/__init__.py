"""The badge desk: find a person, correct, register walk-ins, print, hand over.

Begin with `submissions.py`, and `pages/home.py`.
"""
