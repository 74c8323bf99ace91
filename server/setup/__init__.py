"""Rosters, venues and new events: all of a file or nothing, with every problem named.

Begin with `roster_import.py`, `venue_import.py` or `new_event.py`. It may use `occupancy`,
`people`, `venue` and what lies below, and none of its peers.
"""
