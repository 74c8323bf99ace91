"""Serves what staff ask of the records: who is inside a hall, who has not come yet, and what needs
a look.
"""
