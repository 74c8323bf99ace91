"""Gives attendees their programme as a calendar, and their badge for Apple and Google Wallet.

Begin with `calendar_feed.py`.
"""

COMMANDS = (
    ("wallet", "commands:wallet", "Let attendees keep badges in a wallet (docs/wallet.md)."),
)

ALERTS = (("alerts:of_certificates", "board"),)
