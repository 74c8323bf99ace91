"""Keeps the venue in the database, with categories, zones, halls, doors, sessions, and the rules
that they make.

Begin with `store.py`. It may use `feed`, `entry_log` and `storage`.
"""
