"""Keeps the feed of changes that kiosks must hear of. They are written with their cause and handed
to held connections.

Begin with `hub.py`. It may use `storage`.
"""
