"""Mails attendees their badges, each mail once, and tracks delivery.

Begin with `sending.py`.
"""

COMMANDS = (
    ("links", "commands.links:links", "Write everyone's link as CSV."),
    ("mail", "commands.mail:mail", "Send attendees their badges by mail (docs/mail.md)."),
)

ALERTS = (("alerts:of_mails", "board"),)
