"""Attendees and their badges: found, registered, issued, replaced and revoked.

Begin with `attendees.py`. It may use its peer `occupancy`, which never uses it, and `venue`,
`event`, `feed` and `entry_log`.
"""
