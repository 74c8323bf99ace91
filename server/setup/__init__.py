"""Imports rosters and venues, and makes new events. It takes all of a file or nothing, and names
every problem.

Begin with `roster_import.py`, `venue_import.py` or `new_event.py`. It may use `occupancy`,
`people`, `venue` and what lies below, and none of its peers.
"""
