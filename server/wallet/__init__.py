"""Gives attendees their programme and badge for their own calendars and wallets.

Begin with `calendar_feed.py`. It may use `programme`, `people`, `venue`, `event` and `entry_log`.
"""
