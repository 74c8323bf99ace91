"""Proves the entry log to strangers, by exports that verify themselves and by receipts of single
entries, and erases a person's part of it.

Begin with `export.py`. It may use `entry_log`, `event` and `storage`. `verify.py` uses nothing of
ours, because it goes into each export, and `verify_receipt.py` nothing else.
"""
