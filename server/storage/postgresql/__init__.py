"""Keeps an event in PostgreSQL, behind the same stores as SQLite.

Begin with `engine.py`. Stores write one text for both engines, and `translation` writes it for
PostgreSQL, tables and triggers too, so that whoever changes a store or adds a migration has
nothing else to do.
"""
