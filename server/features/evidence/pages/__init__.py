"""Pages of the entry log for auditors: timeline, summary, comparison and export.

Begin with `timeline.py`.
"""
