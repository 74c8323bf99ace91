"""Finds pages, people, halls, sessions, doors and kiosks from the header's box, for all staff.

Without a text it lists all pages that the user may open. Features supply the searches (`Finder`).
"""
