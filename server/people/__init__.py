"""Attendees and their badges: found, registered, issued, replaced and revoked.

Begin with `attendees.py`. It may use `venue`, `occupancy`, `event`, `feed` and `entry_log`.
"""
