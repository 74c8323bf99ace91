"""Restores a server from its backup, sends backups to a restic repository, and moves an event to
PostgreSQL or back.

`server/core/second_disk` makes the backups.
"""

COMMANDS = (
    (
        "backup",
        "commands:backup",
        "Copy the event, keys and all, while it is served.",
    ),
    (
        "restore",
        "commands:restore",
        "Make the event's server again from a backup.",
    ),
    ("move", "commands:move", "Move the event to PostgreSQL, or back."),
)

ALERTS = (("alerts:of_repository", "board", "webhooks"),)
