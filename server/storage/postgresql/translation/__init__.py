"""Writes SQLite's statements and definitions for PostgreSQL. Start with `statements.py`."""
