"""Copies on a second disk, a server from its backup, and a database that was put back.

Begin with `copy.py`. It may use `ledger`, `occupancy`, `event`, `feed` and `storage`.
"""
