"""PostgreSQL behind the same stores as SQLite. Start with `engine.py`.

`translation` writes statements, tables and triggers for PostgreSQL.
"""
