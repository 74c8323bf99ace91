"""Lets staff change single things by hand: halls, doors, sessions, speakers, people; and undo.

An edit is a plan, as a venue file has many, so imports and edits follow the same rules. Begin with
`venue_edit.py`.
"""
