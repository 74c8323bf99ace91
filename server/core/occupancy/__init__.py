"""Knows who is in which hall, who holds which places, and which badges are likely copies.

Begin with `pools.py`. It may use `venue`, `staff`, `feed` and `entry_log`.
"""
