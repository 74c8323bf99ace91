"""Serves calendars and wallet passes to attendees' phones.

Begin with `pages.py`. `passkit.py` answers the phones' own requests.
"""
