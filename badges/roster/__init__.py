"""Rosters: CSV or XLSX files, read into checked rows, with all problems at once.

Begin with `reader.py`.
"""
