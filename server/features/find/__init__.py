"""Finds pages, people, halls, sessions, doors and kiosks from the box in the header, for all staff.

Without a text the page lists all pages that the user may open. Each feature has its own searches
(`Finder`); this one shows them.
"""
