"""SQLite, the default database: one file. Start with `engine.py`."""
