"""Lets staff edit halls, doors, sessions, speakers and people; and undo.

An edit is a plan, like an import, so both follow the same rules. Begin with `venue_edit.py`.
"""
