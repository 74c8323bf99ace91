"""Prints badges at the desks: which printers there are, how they are, and what waits for them.

Begin with `jobs.py`. A job is in the database before anybody hears that it is queued, and nothing
is printed twice without somebody's word. It may use `people`, `entry_log`, `event` and `storage`.
"""
