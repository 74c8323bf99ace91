"""Reads programmes in other systems' formats: iCalendar, and schedules of frab and pretalx.

`programme_file.py` selects the reader. Each reader returns drafts (`draft.py`), not yet compared
with the event. Any input is either read or refused with a message in bounded time.
"""
