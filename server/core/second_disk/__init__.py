"""Copies of the event on a second disk, and detection of a database that was set back.

Begin with `copy.py`. Critical acts are on the second disk before they are answered. `line.py` makes
a database that was set back the next server of its line.
"""
