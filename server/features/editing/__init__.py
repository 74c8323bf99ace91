"""Lets staff change single things by hand: halls, doors, sessions, speakers, people; and undo.

An edit is a small venue file, so that one rule serves imports and edits. Begin with
`venue_edit.py`.
"""
