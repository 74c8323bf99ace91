"""Messy rosters and venue files, made by code, and the result of importing each.

`python -m tests.messy` prints the table: the file, its defects, and the output.
"""
