"""Shows what happened: entries, staff's acts and outages, as pages and files.

The ledger is `server/core/ledger`, the log of acts `server/core/entry_log`.
"""

COMMANDS = (("entries", "commands:entries", "Write every scan as CSV."),)
