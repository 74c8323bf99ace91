"""The venue as the database has it: categories, zones, halls, doors, sessions, and the rules they
make.

Begin with `store.py`. It may use `feed`, `entry_log` and `storage`.
"""
