"""The admission decision: `decide(scan, facts)`, written once and run by kiosk and server alike."""

from badges.admission.decide import decide
from badges.admission.facts import (
    Admitted,
    Decision,
    Denied,
    Direction,
    Facts,
    Flag,
    Reason,
    Scan,
)

__all__ = [
    "Admitted",
    "Decision",
    "Denied",
    "Direction",
    "Facts",
    "Flag",
    "Reason",
    "Scan",
    "decide",
]
