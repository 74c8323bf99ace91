"""Keeps an event's directory and the server's clock. The directory has the event's settings, keys
and certificate.

Begin with `directory.py`. It may use `storage` and `entry_log`.
"""
