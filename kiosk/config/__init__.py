"""The kiosk's directory: who it is, its key, its settings, and its disk.

Begin with `settings.py`. It may use `texts` and `badges`.
"""
