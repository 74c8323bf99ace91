"""Proves the entry log to strangers: exports, their verifier, receipts of one entry, and what is
left when a person's part of the log is erased.

Begin with `export.py`. It may use `entry_log`, `event` and `storage`. `verify.py` uses nothing of
ours, because it goes into each export.
"""
