"""Keeps the kiosks. They are added, enrolled, moved, fenced, and told what their door needs to
know.

Begin with `registry.py`. It may use `occupancy`, `people`, `venue`, `event`, `feed` and
`entry_log`.
"""
