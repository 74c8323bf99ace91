"""Reads programmes as other systems write them: calendars, and schedules of frab and pretalx.

Begin with `programme_file.py`. Each format makes drafts (`draft.py`), which know nothing of the
event yet. Whatever a file holds, reading it ends soon and with a plain sentence.
"""
