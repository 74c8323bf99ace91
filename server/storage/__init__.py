"""The database and durable files: one writer, many readers, migrations, and what a full disk says.

Begin with `database.py`. It may use no other room of the server. SQLite is known here alone: other
rooms write SQL that PostgreSQL would take too, and find the rest in `dialect.py`, `errors.py` and
`database_file.py`.
"""
