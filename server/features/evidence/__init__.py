"""Makes the entry log verifiable by outsiders: exports, witnesses and time stamps.

Begin with `export.py`. `verify.py` and `verify_receipt.py` import nothing of ours, because exports
contain them.
"""

COMMANDS = (("audit", "commands.commands:audit", "Export, verify and prove the entry log."),)

ALERTS = (("alerts:of_outside", "board"), ("alerts:of_contradictions", "webhooks"))
