"""Finds likely copies: badges seen at two doors faster than people walk (docs/doors.md, Likely
copies).

Kiosks refuse such a badge (or flag it in a less strict hall), and its moves free no place, until a
new issue replaces it or staff clear it. One hasty move is no proof unless the venue file has the
walking time: it is listed and frees nothing. A second one within ten minutes makes the badge a
likely copy.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import pairwise

from msgspec import UNSET

from badges.i18n import N_, Phrase, Spoken
from badges.wire import wire
from server.core.entry_log import entry_log
from server.core.entry_log.act_names import Act
from server.core.feed import changes
from server.core.occupancy.stays import Span, Stay
from server.core.venue.rules import Rules
from server.storage import dialect
from server.storage.connection import Connection

# Walking time between doors of two halls, if not configured.
WALK_MS = 60_000
# Too short to show a badge, get the answer, and show it at another door.
AT_ONCE_MS = 3_000
# Hasty and alternating moves are counted in this window.
WINDOW_MS = 10 * 60_000
HASTY_MAX = 1  # allowed hasty moves
TURNS_MAX = 2  # allowed moves in a row between the same two halls: there and back

FAST_MOVE, LIKELY_COPY = "fast_move", "likely_copy"  # reasons of discrepancies


@dataclass(frozen=True)
class Finding:
    """Evidence that a badge was copied. `other` is the entry that conflicts with the new one."""

    other: Stay
    sure: bool  # enough to refuse the badge


@dataclass(frozen=True)
class Suspicion:
    """The server's suspicion that a badge was copied. It holds until staff clear it
    (`cleared_at`).
    """

    serial: int
    issue: int  # this issue and all earlier ones
    number: int  # of the scan that showed it
    noticed_at: int
    cleared_at: int | None

    @property
    def as_shown(self) -> str:
        """The key of what a form about it names."""
        return str(self.number)


def suspicion_words(as_shown: str) -> str:
    return Phrase("scan %(number)s", number=as_shown)


class NoSuspicionError(Spoken, ValueError):
    """Raised if the badge is not suspected as a copy, or the suspicion was cleared."""


def walk_ms(rules: Rules, first: int, other: int) -> int:
    configured = [rules.walks[hall] for hall in (first, other) if hall in rules.walks]
    return max(configured, default=WALK_MS)


def is_hasty(rules: Rules, first: Stay, other: Stay) -> bool:
    """Return whether two entries into different halls are too close in time to walk there."""
    apart = abs(first.opened_at - other.opened_at)
    return apart < walk_ms(rules, first.hall_id, other.hall_id)


def find(entered: Stay, others: Iterable[Span], rules: Rules) -> Finding | None:
    """Return the strongest evidence that the badge that `entered` was copied, or None.

    `others` are the holder's other stays. Only those by the same issue of the badge count, and
    only if both clocks were measured in the same epoch.
    """
    if not entered.clock_known:
        return None
    # An entry may open stays in several halls. Use the one in the door's own hall.
    trail: list[Span] = [(entered, None)]
    trail += [
        (stay, ended)
        for stay, ended in others
        if stay.clock_known
        and not stay.around
        and (stay.issue, stay.epoch) == (entered.issue, entered.epoch)
        and abs(stay.opened_at - entered.opened_at) <= WINDOW_MS
    ]
    if len(trail) == 1:
        return None
    trail.sort(key=lambda span: span[0].opened_at)
    other = _at_once(entered, trail, rules)
    if other is not None:
        return Finding(other, sure=True)
    moves = [
        (before_move[0], two[0])
        for before_move, two in pairwise(trail)
        if _is_move(before_move, two[0], rules)
    ]
    hasty = [move for move in moves if is_hasty(rules, *move)]
    timed = [move for move in hasty if {stay.hall_id for stay in move} & rules.walks.keys()]
    sure = bool(timed) or len(hasty) > HASTY_MAX or _to_and_fro(moves)
    suspect = timed or hasty or (moves if sure else [])
    mine = [move for move in suspect if entered in move]
    if not mine:
        return None
    before, after = mine[-1]
    return Finding(before if after == entered else after, sure=sure)


def _at_once(entered: Stay, trail: list[Span], rules: Rules) -> Stay | None:
    """Return a stay that began at another door within AT_ONCE_MS of `entered`, or None. Nested and
    surrounding halls do not count: their doors may be a step apart.
    """
    for stay, _ in trail:
        same_hall = stay.hall_id == entered.hall_id
        near = stay.hall_id in rules.surroundings[entered.hall_id] and not same_hall
        within = min(AT_ONCE_MS, walk_ms(rules, stay.hall_id, entered.hall_id))
        at_once = abs(stay.opened_at - entered.opened_at) < within
        if stay.door_id != entered.door_id and not near and at_once:
            return stay
    return None


def _is_move(span: Span, then: Stay, rules: Rules) -> bool:
    """Return whether the holder moved to another hall without a scanned exit."""
    stay, ended = span
    if then.hall_id in rules.surroundings[stay.hall_id]:
        return False
    left = ended is not None and stay.after_move is None and ended <= then.opened_at
    return not left


def _to_and_fro(moves: list[tuple[Stay, Stay]]) -> bool:
    turns = 0
    last: tuple[Stay, Stay] | None = None
    for move in moves:
        on_end = last is not None and last[1] == move[0] and last[0].hall_id == move[1].hall_id
        turns = turns + 1 if on_end else 1
        if turns > TURNS_MAX:
            return True
        last = move
    return False


def suspicion(db: Connection, serial: int) -> Suspicion | None:
    """Return the holder's newest suspicion, even if cleared, or None."""
    row = db.execute(
        "SELECT serial, issue, number, noticed_at, cleared_at FROM likely_copy WHERE serial = ?",
        (serial,),
    ).fetchone()
    return None if row is None else Suspicion(**dict(row))


def is_likely(db: Connection, serial: int, issue: int) -> bool:
    current = suspicion(db, serial)
    return current is not None and current.cleared_at is None and issue <= current.issue


def suspect(db: Connection, entered: Stay, finding: Finding, number: int, now: int) -> bool:
    """Suspect the badge as a copy, and notify all doors.

    Return False if it is suspected already, or staff cleared a suspicion about this issue and the
    new entries are not simultaneous.
    """
    current = suspicion(db, entered.serial)
    if current is not None and entered.issue <= current.issue:
        at_once = abs(entered.opened_at - finding.other.opened_at) < AT_ONCE_MS
        if current.cleared_at is None or (current.issue == entered.issue and not at_once):
            return False
    db.execute(
        "INSERT INTO likely_copy (serial, issue, number, noticed_at) VALUES (?, ?, ?, ?)"
        " ON CONFLICT (serial) DO UPDATE SET issue = excluded.issue, number = excluded.number,"
        " noticed_at = excluded.noticed_at, cleared_at = NULL",
        (entered.serial, entered.issue, number, now),
    )
    changes.publish(db, wire.HolderChanged(holder_facts(db, entered.serial)))
    return True


def clear(db: Connection, serial: int, *, by: str, now: int) -> None:
    """Clear the suspicion: staff saw the holder with the only badge. Raises NoSuspicionError."""
    current = suspicion(db, serial)
    if current is None or current.cleared_at is not None:
        raise NoSuspicionError(N_("This badge is no likely copy, or is none any more."))
    db.execute("UPDATE likely_copy SET cleared_at = ? WHERE serial = ?", (now, serial))
    entry_log.act(db, by, Act.COPY_DENIED, {"serial": serial, "issue": current.issue}, now)
    changes.publish(db, wire.HolderChanged(holder_facts(db, serial)))


def holder_facts(db: Connection, serial: int) -> wire.HolderFacts:
    """Return the facts about a holder for the doors. The roster may lack the serial."""
    issue = dialect.greatest(
        "(SELECT COALESCE(MAX(issue), 0) FROM badge WHERE serial = ?)",
        "COALESCE((SELECT highest_issue FROM unknown_holder WHERE serial = ?), 0)",
    )
    row = db.execute(
        f"SELECT {issue},"
        " EXISTS (SELECT 1 FROM attendee WHERE serial = ? AND revoked_at IS NOT NULL)"
        "  OR EXISTS (SELECT 1 FROM unknown_holder WHERE serial = ? AND revoked_at IS NOT NULL),"
        " COALESCE((SELECT issue FROM likely_copy WHERE serial = ? AND cleared_at IS NULL), 0),"
        " (SELECT COALESCE(MAX(issue), 0) FROM withdrawn_badge WHERE serial = ?)",
        (serial,) * 6,
    ).fetchone()
    highest_issue, revoked, copied_issue, withdrawn_to = row
    days = db.execute(
        "SELECT issue, day FROM day_credential WHERE serial = ? ORDER BY issue, day LIMIT ?",
        (serial, wire.DAY_CREDENTIALS_MAX),
    ).fetchall()
    return wire.HolderFacts(
        serial,
        highest_issue,
        bool(revoked),
        copied_issue,
        [(row["issue"], row["day"]) for row in days] or UNSET,
        withdrawn_to if withdrawn_to > highest_issue else UNSET,
    )
