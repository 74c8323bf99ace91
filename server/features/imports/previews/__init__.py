"""Previews uploaded files. Nothing is written before a confirmation.

Begin with `roster.py`. `files.py` lists the other kinds of files.
"""
