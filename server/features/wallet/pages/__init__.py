"""Serves attendees' programmes and passes, for the calendars and wallets of their phones.

Begin with `pages.py`. `passkit.py` is what a phone asks by itself.
"""
