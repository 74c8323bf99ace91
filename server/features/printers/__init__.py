"""Prints badges at the desks: printers, their state, and the queue of cards.

Nothing is printed twice unless a clerk asks. Begin with `jobs.py`.
"""

COMMANDS = (
    ("printer", "commands:printer", "Set up the badge desks' printers, and see how they are."),
)

ALERTS = (("alerts:of_printers", "board"),)
