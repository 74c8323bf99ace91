"""Serves other systems: tokens, the HTTP interface under /api/v1, webhooks, metrics and probes.

Begin with `interface/routes.py` and `outbox.py`.
"""

COMMANDS = (("token", "commands:token", "Make, list and revoke tokens of integrations."),)

ALERTS = (
    ("alerts:of_webhooks", "board"),
    ("alerts:of_tokens", "board"),
    ("alerts:of_disabled_webhooks", "webhooks"),
)
