"""Proves the entry log to strangers: exports that verify themselves, witnesses, and time stamps.

Begin with `export.py`. `verify.py` and `verify_receipt.py` use nothing of ours, because they go
into each export. `witnesses/` asks others outside to confirm the log. It keeps no door waiting.
"""

COMMANDS = (
    (
        "audit",
        "commands.commands:audit",
        "Export, verify and prove the entry log.",
    ),
)

ALERTS = (("alerts:of_outside", "board"), ("alerts:of_contradictions", "webhooks"))
