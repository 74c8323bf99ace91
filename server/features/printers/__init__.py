"""Prints badges at the desks: which printers there are, how they are, and which cards wait.

A job is in the database before a page says that it is queued, and nothing is printed twice without
a clerk's word. Begin with `jobs.py`. Each kind of printer is a file in `drivers/`.
"""

COMMANDS = (
    (
        "printer",
        "commands:printer",
        "Set up the badge desks' printers, and see how they are.",
    ),
)

ALERTS = (("alerts:of_printers", "board"),)
