"""Reads, checks and takes over what files say of a forum's programme and exhibition.

Begin with `plan.py`. `fields.py` has the columns of venue files, `check.py` finds what refers to
nothing, and `write.py` takes it over. `formats` reads the files of other systems, `adopt.py` makes
plans of them, and `exhibitors.py` of tables of exhibitors.
"""
