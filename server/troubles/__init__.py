"""Finds what staff should look at now, and keeps who has taken it on.

Begin with `troubles.py`. It may use `kiosks`, `ledger`, `occupancy`, `venue`, `event` and
`entry_log`.
"""
