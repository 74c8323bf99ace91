"""What the screen shows of supervisors at this door. Instants are Unix ms by the kiosk's clock."""

from dataclasses import dataclass

from badges.admission.facts import Reason


@dataclass(frozen=True)
class PinHolder:
    """Somebody who has a PIN here."""

    user: int
    name: str
    locked_until: int | None  # their PIN is not looked at before


@dataclass(frozen=True)
class Unlocked:
    """Whose PIN was right a short while ago."""

    user: int
    name: str
    until: int


@dataclass(frozen=True)
class Totals:
    """Holds what was recorded here since the shift began."""

    admitted: int = 0  # also by name and by a supervisor's word
    denied: int = 0
    exits: int = 0
    overrides: int = 0
    annulled: int = 0
    looked_up: int = 0  # admitted by name, without a badge


@dataclass(frozen=True)
class ShiftFigures(Totals):
    """A shift that has ended, or is about to."""

    since: int | None = None
    ended_at: int | None = None


@dataclass(frozen=True)
class RecentAnswer:
    """An answer that a supervisor may still change, until a while after it was given."""

    seq: int
    at: int
    until: int
    badge: str | None  # its number, as printed
    name: str | None  # the holder's, where it is known


@dataclass(frozen=True)
class RecentDenial(RecentAnswer):
    """A denial that may still be overridden."""

    reason: Reason


@dataclass(frozen=True)
class SupervisorStatus:
    """All of it, as one part of the screen's status."""

    supervisors: tuple[PinHolder, ...] = ()
    supervisor: Unlocked | None = None  # None: nobody is unlocked
    pin_locked_until: int | None = None  # nobody's PIN is looked at before
    resting: bool = False  # the shift has ended
    shift: ShiftFigures | None = None  # that shift
    can_override: RecentDenial | None = None  # the newest denial
    can_annul: RecentAnswer | None = None  # the last admission
