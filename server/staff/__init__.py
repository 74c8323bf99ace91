"""Who may use the pages and act at the doors: users, passwords, sessions, PINs, dual control.

Begin with `users.py`. It may use `feed`, `entry_log` and `storage`.
"""
