"""Gives attendees their programme as a calendar, and their badge for Apple's and Google's wallets.

Begin with `calendar_feed.py`. `pages/passkit.py` is what a phone asks by itself.
"""

COMMANDS = (
    (
        "wallet",
        "commands:wallet",
        "Let attendees keep badges in a wallet (docs/wallet.md).",
    ),
)

ALERTS = (("alerts:of_certificates", "board"),)
