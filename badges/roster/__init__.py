"""Reads rosters from CSV or XLSX files to checked rows, with every problem named at once.

Begin with `reader.py`. It may use no other room.
"""
