"""Keeps copies of the event on a second disk, and finds out when the database was set back.

Begin with `copy.py`. Acts that must not be forgotten are on the second disk before they are
answered. `line.py` makes a database that was set back the next server of its line.
"""
