"""Translates what is written for SQLite into PostgreSQL's words, statements and definitions.

Begin with `statements.py`.
"""
