"""Says where the event's servers are and how they are, also where several serve it."""

COMMANDS = (
    ("servers", "commands:servers", "Say where the event's servers are."),
    (
        "status",
        "status:status",
        "Say how the servers and their database are.",
    ),
)
