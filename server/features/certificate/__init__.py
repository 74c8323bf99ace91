"""Shows the server's certificate, and installs another."""

COMMANDS = (
    (
        "certificate",
        "commands:certificate",
        "Show the server's certificate, or install another.",
    ),
)
