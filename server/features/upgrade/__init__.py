"""Lets a sysadmin change to another version during the event: before (`check`), while servers of
both versions work, and after (`finish`). It installs no programs (docs/upgrade.md).
"""

COMMANDS = (("upgrade", "commands:upgrade", "Check, show or finish an upgrade of Hallkeeper."),)
