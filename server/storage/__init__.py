"""Keeps the database and durable files. There are one writer, many readers, migrations, and clear
errors for a full disk.

Begin with `database.py`. It may use no other room of the server. Only this room knows SQLite and
PostgreSQL. Other rooms write SQL that both take, and find the rest in `dialect.py`, `errors.py` and
`database_file.py`.
"""
