"""Copies on a second disk, a server from its backup, and a database that was put back.

Begin with `copy.py`. It may use its peer `kiosks`, which never uses it, and `printers`,
`occupancy`, `entry_log`, `event`, `feed` and `storage`.
"""
