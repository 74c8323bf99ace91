"""Reads programmes in other systems' formats: iCalendar, and schedules of frab and pretalx.

`programme_file.py` selects the reader, which returns drafts (`draft.py`). Any file is handled in
bounded time.
"""
