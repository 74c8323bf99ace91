"""The database and durable files: one writer, many readers, migrations, and what a full disk says.

Begin with `database.py`. It may use no other room of the server.
"""
