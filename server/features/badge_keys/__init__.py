"""Lets admins add a badge key, choose the one that signs new badges, and drop one. Who would be
locked out is counted before.
"""

COMMANDS = (("keys", "commands:keys", "List the keys that sign badges, add one, or drop one."),)
