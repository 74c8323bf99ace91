"""Adds, confirms, fences and retires the kiosks at the doors, and shows how they are.

The registry is `server/core/kiosks`.
"""

COMMANDS = (
    (
        "kiosk",
        "commands:kiosk",
        "Add, confirm and retire the kiosks at the doors.",
    ),
)
