"""Serves the entry log to auditors: as a timeline, at a glance, compared, and as files.

Begin with `timeline.py`.
"""
