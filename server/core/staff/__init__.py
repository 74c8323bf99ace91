"""Knows who may use the pages and act at the doors. It keeps users, passwords, sessions, PINs and
dual control.

Begin with `users.py`. It may use `feed`, `entry_log` and `storage`.
"""
