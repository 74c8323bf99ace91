"""Answers beforehand what the doors would answer, for one person or for a whole day.

Nothing is written. The answers are those of `badges.admission.decide`, on the facts that a kiosk
would have. Begin with `would_enter.py`.
"""

COMMANDS = (
    (
        "would-enter",
        "commands:would_enter",
        "Say whether somebody would be let in, and why not.",
    ),
    (
        "rehearse",
        "commands:rehearse",
        "Play a day through with the whole roster.",
    ),
)
