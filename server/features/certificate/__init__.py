"""Shows and installs the server's TLS certificate."""

COMMANDS = (
    ("certificate", "commands:certificate", "Show the server's certificate, or install another."),
)
