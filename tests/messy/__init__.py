"""Messy rosters and venue files, made by code, and what becomes of each.

`python -m tests.messy` prints the table: the file, what is messy in it, and what was said.
"""
