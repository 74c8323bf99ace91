"""The kiosk's directory: its identity, key, settings and disk.

Begin with `settings.py`.
"""
