"""Designs and prints cards, and issues badges.

`badges/printing` draws the cards.
"""

COMMANDS = (
    ("issue", "commands:issue", "Issue badges to those who have none."),
    ("reissue", "commands:reissue", "Replace badges; the earlier ones are void."),
    ("print", "commands:print_badges", "Make a PDF of badges."),
)
