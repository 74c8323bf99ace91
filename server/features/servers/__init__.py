"""Lists the event's servers and their state."""

COMMANDS = (
    ("servers", "commands:servers", "Show or set the addresses of the event's servers."),
    ("status", "status:status", "Show the state of the servers and their database."),
)
