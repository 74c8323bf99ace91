"""Says what the screen shows of supervisors at this door. Instants are Unix ms by the kiosk's
clock.
"""

from dataclasses import dataclass

from badges.admission.facts import Reason


@dataclass(frozen=True)
class PinHolder:
    """Names somebody who has a PIN here."""

    user: int
    name: str
    locked_until: int | None  # Before that time their PIN is not checked.


@dataclass(frozen=True)
class Unlocked:
    """Says whose PIN was right a short while ago."""

    user: int
    name: str
    until: int


@dataclass(frozen=True)
class Totals:
    """Holds what was recorded here since the shift began."""

    admitted: int = 0  # Including those admitted by name or by a supervisor's word.
    denied: int = 0
    exits: int = 0
    overrides: int = 0
    annulled: int = 0
    looked_up: int = 0  # Those admitted by name, without a badge.
    seen: int = 0  # Noted in a roll call. Somebody who is seen twice counts twice.


@dataclass(frozen=True)
class ShiftFigures(Totals):
    """Holds the figures of a shift that has ended, or is about to."""

    since: int | None = None
    ended_at: int | None = None


@dataclass(frozen=True)
class RecentAnswer:
    """Holds an answer that a supervisor may still change, until a while after it was given."""

    seq: int
    at: int
    until: int
    badge: str | None  # Its number, as printed.
    name: str | None  # The holder's name, where it is known.


@dataclass(frozen=True)
class RecentDenial(RecentAnswer):
    """Holds a denial that may still be overridden."""

    reason: Reason


@dataclass(frozen=True)
class SupervisorStatus:
    """Holds all of this as one part of the screen's status."""

    supervisors: tuple[PinHolder, ...] = ()
    supervisor: Unlocked | None = None  # None where nobody is unlocked.
    pin_locked_until: int | None = None  # Before that time nobody's PIN is checked.
    resting: bool = False  # The shift has ended.
    shift: ShiftFigures | None = None  # The figures of that shift.
    # At which assembly point the kiosk takes a roll call. "" means at none.
    roll_call: str = ""
    can_override: RecentDenial | None = None  # The newest denial.
    can_annul: RecentAnswer | None = None  # The last admission.
