"""Sends mails to attendees, each once, and keeps what became of them.

Begin with `sending.py`. It may use `wallet`, `people`, `event` and `entry_log`.
"""
