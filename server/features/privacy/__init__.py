"""Exports and erases one person's data, and erases expired records."""

COMMANDS = (
    ("person", "commands.person:person", "Export or erase one person's data."),
    ("retention", "commands.retention:retention", "Set how long each kind of record is kept."),
)
