"""Serves the printers of the desks: how they are, what they were given, and how they are set.

Begin with `pages.py`. The store is `server/printers`.
"""
