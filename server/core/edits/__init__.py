"""Describes what staff edit, in words, and keeps the last edit of each user so that it can be
undone.

Begin with `last_edit.py`. Edits themselves are made by `server/features/editing` and others.
"""
