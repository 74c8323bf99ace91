"""Lists the event's servers and their state."""

COMMANDS = (
    ("servers", "commands:servers", "Say where the event's servers are."),
    (
        "status",
        "status:status",
        "Say how the servers and their database are.",
    ),
)
