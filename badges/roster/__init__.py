"""Rosters as files: from CSV or XLSX to checked rows, with every problem named at once.

Begin with `reader.py`. It may use no other room.
"""
