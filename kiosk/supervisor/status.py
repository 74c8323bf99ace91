"""The part of the screen's status about supervisors. Instants are Unix ms by the kiosk's clock."""

from dataclasses import dataclass

from badges.admission.facts import Reason


@dataclass(frozen=True)
class PinHolder:
    user: int
    name: str
    locked_until: int | None  # their PIN is not checked before this time


@dataclass(frozen=True)
class Unlocked:
    user: int
    name: str
    until: int


@dataclass(frozen=True)
class Totals:
    """Numbers of records since the shift began."""

    admitted: int = 0  # including those admitted by name or by an override
    denied: int = 0
    exits: int = 0
    overrides: int = 0
    annulled: int = 0
    looked_up: int = 0  # admitted by name, without a badge
    seen: int = 0  # noted in a roll call; a person seen twice counts twice


@dataclass(frozen=True)
class ShiftFigures(Totals):
    since: int | None = None
    ended_at: int | None = None


@dataclass(frozen=True)
class RecentAnswer:
    seq: int
    at: int
    until: int
    badge: str | None  # its number, as printed
    name: str | None  # the holder's name, if known


@dataclass(frozen=True)
class RecentDenial(RecentAnswer):
    reason: Reason


@dataclass(frozen=True)
class SupervisorStatus:
    supervisors: tuple[PinHolder, ...] = ()
    supervisor: Unlocked | None = None  # None if none is unlocked
    pin_locked_until: int | None = None  # no PIN is checked before this time
    resting: bool = False  # the shift has ended
    shift: ShiftFigures | None = None  # of the ended shift
    # The assembly point of a roll call; "" if none.
    roll_call: str = ""
    can_override: RecentDenial | None = None  # the newest denial
    can_annul: RecentAnswer | None = None  # the last admission
