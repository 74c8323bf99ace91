"""Holds the kiosk's directory, which is who it is, its key, its settings, and its disk.

Begin with `settings.py`. It may use `relay` and `texts`.
"""
