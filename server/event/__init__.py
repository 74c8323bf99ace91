"""An event's directory: its settings, keys and certificate, and the server's clock.

Begin with `directory.py`. It may use `storage` and `entry_log`.
"""
