"""Finds what staff should look at now, and keeps who has taken it on.

Begin with `troubles.py`. It may use `mail`, `wallet`, `kiosks`, `ledger`, `printers`, `occupancy`,
`venue`, `staff`, `event` and `entry_log`.
"""
