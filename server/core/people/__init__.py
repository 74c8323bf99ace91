"""Finds and registers attendees, and issues, replaces and revokes their badges.

Begin with `attendees.py`. It may use its peer `occupancy`, which never uses it, and `venue`,
`event`, `feed` and `entry_log`.
"""
