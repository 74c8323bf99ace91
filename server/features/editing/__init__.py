"""Lets staff edit single things: halls, doors, sessions, speakers, people; and undo.

An edit is a plan, like an import, so both follow the same rules. Begin with `venue_edit.py`.
"""
