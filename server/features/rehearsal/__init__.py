"""Predicts the doors' answers for a person, or a whole day. Writes nothing.

It decides by `badges.admission.decide`, on a kiosk's facts. Begin with `would_enter.py`.
"""

COMMANDS = (
    (
        "would-enter",
        "commands:would_enter",
        "Show whether a person would be admitted, and why not.",
    ),
    ("rehearse", "commands:rehearse", "Play a day through with the whole roster."),
)
