COMMANDS = (
    (
        "certificate",
        "commands:certificate",
        "Show the server's certificate, or install another.",
    ),
)
