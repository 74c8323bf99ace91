"""Reads, checks and takes over what files say of a forum's programme and exhibition.

Begin with `plan.py`. `fields.py` has the columns of venue files, `check.py` finds what refers to
nothing, and `write.py` takes it over.
"""
