"""Stores the database and durable files. Start with `database.py`.

This package uses no other part of the server, and only it knows SQLite and PostgreSQL. Stores write
SQL that both accept; for the rest see `dialect.py`.
"""
