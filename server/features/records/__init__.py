"""Shows past events: entries, staff actions and outages, as pages and files.

The ledger is `server/core/ledger`, the log of actions `server/core/entry_log`.
"""

COMMANDS = (("entries", "commands:entries", "Write every scan as CSV."),)
