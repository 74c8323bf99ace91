"""Reads, checks and imports a forum's programme and exhibition.

Begin with `plan.py`. `fields.py` has the columns of venue files, `check.py` checks references, and
`write.py` imports. `formats` reads the files of other systems, `adopt.py` turns them into plans,
and `exhibitors.py` does so for tables of exhibitors.
"""
