"""An event's directory: its settings, keys and certificate, its lock and calendar, and the server's
clock.

Begin with `directory.py`. It may use `storage` and `entry_log`.
"""
