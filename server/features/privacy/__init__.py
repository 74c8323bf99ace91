"""Exports and erases one person's data, and erases records whose retention period is over."""

COMMANDS = (
    (
        "person",
        "commands.person:person",
        "Export or erase one person's data.",
    ),
    (
        "retention",
        "commands.retention:retention",
        "Say how long which records are kept.",
    ),
)
