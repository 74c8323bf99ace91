"""Serves the pages on which staff change the venue and people, import files, and undo.

What a change means is said in `server/features/editing`.
"""
