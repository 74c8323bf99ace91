"""Adds, confirms, fences and retires kiosks, and shows their state.

The registry is `server/core/kiosks`.
"""

COMMANDS = (
    (
        "kiosk",
        "commands:kiosk",
        "Add, confirm and retire the kiosks at the doors.",
    ),
)
