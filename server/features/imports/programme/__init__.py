"""Reads, checks and imports a forum's programme and exhibition.

Begin with `plan.py`. `fields.py` has the columns of venue files, `check.py` checks references,
`write.py` imports. `formats` reads other systems' files, `adopt.py` and `exhibitors.py` make plans.
"""
