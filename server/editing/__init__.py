"""Changes that staff make by hand on pages, in single things of the venue and in people, and how
they are undone.

Begin with `venue_edit.py`. An edit is a small venue file, so that one rule serves both ways.
Nothing here knows of forms or of Flask.
"""
