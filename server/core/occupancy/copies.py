"""Finds likely copies, which are badges that were at two doors faster than anybody walks.

A badge that is photographed opens doors for several people. Time gives them away. One badge is at
two doors at once, or goes from hall to hall faster than people walk, or goes to and fro between two
halls. Each kiosk then refuses it (or flags it, where the hall is not that strict). Its moves free
no place, until a new issue replaces it or staff say that it is no copy.

One hasty walk is no proof, unless the venue file says how long the way takes. People take the wrong
door and turn round. Such a walk frees nothing and is listed. The second one within ten minutes is a
likely copy.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import pairwise

from msgspec import UNSET

from badges.i18n import N_, Spoken
from badges.wire import wire
from server.core.entry_log import entry_log
from server.core.entry_log.act_names import Act
from server.core.feed import changes
from server.core.occupancy.stays import Span, Stay
from server.core.venue.rules import Rules
from server.storage import dialect
from server.storage.connection import Connection

# The time from one hall's door to another's, where the venue file does not say it.
WALK_MS = 60_000
# Within this time nobody shows a badge, is answered, and shows it at another door.
AT_ONCE_MS = 3_000
# Hasty moves, and moves to and fro, are counted in a window of this length.
WINDOW_MS = 10 * 60_000
HASTY_MAX = 1  # This many hasty moves in it may be honest.
TURNS_MAX = 2  # This many moves in a row between the same two halls may be honest, there and back.

FAST_MOVE, LIKELY_COPY = "fast_move", "likely_copy"  # The names that discrepancies have for them.


@dataclass(frozen=True)
class Finding:
    """Says what is odd about an entry. `other` is the entry that it can hardly follow or
    precede.
    """

    other: Stay
    sure: bool  # The evidence is enough to refuse the badge.


@dataclass(frozen=True)
class Suspicion:
    """Records that a badge is a likely copy, or was one until `cleared_at`."""

    serial: int
    issue: int  # This issue and all earlier ones are suspect.
    number: int  # The number of the scan that showed it.
    noticed_at: int
    cleared_at: int | None


class NoSuspicionError(Spoken, ValueError):
    """Is raised when the badge is no likely copy, or is none any more."""


def walk_ms(rules: Rules, one: int, other: int) -> int:
    """Return the least time in ms from a door of one hall to a door of another, as far as it is
    known.
    """
    said = [rules.walks[hall] for hall in (one, other) if hall in rules.walks]
    return max(said, default=WALK_MS)


def is_hasty(rules: Rules, one: Stay, other: Stay) -> bool:
    """Say whether the two entries, into different halls, lie nearer in time than people walk."""
    apart = abs(one.opened_at - other.opened_at)
    return apart < walk_ms(rules, one.hall_id, other.hall_id)


def find(entered: Stay, others: Iterable[Span], rules: Rules) -> Finding | None:
    """Return what is odd about `entered`, given the holder's other stays, or None. Of several
    findings it is the surest.

    Only stays by the same issue count, and only where both kiosks knew the time, in one epoch.
    """
    if not entered.clock_known:
        return None
    # One entry may open stays in several halls. The one in the door's own hall stands for all of
    # them.
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
    moves = [(one[0], two[0]) for one, two in pairwise(trail) if _is_move(one, two[0], rules)]
    hasty = [move for move in moves if is_hasty(rules, *move)]
    told = [move for move in hasty if {stay.hall_id for stay in move} & rules.walks.keys()]
    sure = bool(told) or len(hasty) > HASTY_MAX or _to_and_fro(moves)
    suspect = told or hasty or (moves if sure else [])
    mine = [move for move in suspect if entered in move]
    if not mine:
        return None
    before, after = mine[-1]
    return Finding(before if after == entered else after, sure=sure)


def _at_once(entered: Stay, trail: list[Span], rules: Rules) -> Stay | None:
    """Return the stay that began at another door at the same time. Doors of a hall and of one
    around it do not count, for one may be a step behind the other.
    """
    for stay, _ in trail:
        same_hall = stay.hall_id == entered.hall_id
        near = stay.hall_id in rules.surroundings[entered.hall_id] and not same_hall
        within = min(AT_ONCE_MS, walk_ms(rules, stay.hall_id, entered.hall_id))
        if stay.door_id != entered.door_id and not near:
            if abs(stay.opened_at - entered.opened_at) < within:
                return stay
    return None


def _is_move(one: Span, then: Stay, rules: Rules) -> bool:
    """Say whether the holder went from one hall to another one without a scanned exit."""
    stay, ended = one
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
    """Return the newest suspicion of a badge of this holder, also one that was cleared."""
    row = db.execute(
        "SELECT serial, issue, number, noticed_at, cleared_at FROM likely_copy WHERE serial = ?",
        (serial,),
    ).fetchone()
    return None if row is None else Suspicion(**dict(row))


def is_likely(db: Connection, serial: int, issue: int) -> bool:
    """Say whether the badge is a likely copy now."""
    known = suspicion(db, serial)
    return known is not None and known.cleared_at is None and issue <= known.issue


def suspect(db: Connection, entered: Stay, finding: Finding, number: int, now: int) -> bool:
    """Take a sure finding, and tell every door of it. Returns False where it changes nothing.

    That is so where the badge is a likely copy already, or where staff have said that its holder
    walks so fast.
    """
    known = suspicion(db, entered.serial)
    if known is not None and entered.issue <= known.issue:
        at_once = abs(entered.opened_at - finding.other.opened_at) < AT_ONCE_MS
        if known.cleared_at is None or (known.issue == entered.issue and not at_once):
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
    """Record staff's word that they have seen the holder and that there is one badge. Raises
    NoSuspicionError.
    """
    known = suspicion(db, serial)
    if known is None or known.cleared_at is not None:
        raise NoSuspicionError(N_("This badge is no likely copy, or is none any more."))
    db.execute("UPDATE likely_copy SET cleared_at = ? WHERE serial = ?", (now, serial))
    entry_log.act(db, by, Act.COPY_DENIED, {"serial": serial, "issue": known.issue}, now)
    changes.publish(db, wire.HolderChanged(holder_facts(db, serial)))


def holder_facts(db: Connection, serial: int) -> wire.HolderFacts:
    """Return what doors must know of a holder beyond the badge. The holder may be on no roster
    here.
    """
    issue = dialect.greatest(
        "(SELECT COALESCE(MAX(issue), 0) FROM badge WHERE serial = ?)",
        "COALESCE((SELECT highest_issue FROM unknown_holder WHERE serial = ?), 0)",
    )
    row = db.execute(
        f"SELECT {issue},"
        " EXISTS (SELECT 1 FROM attendee WHERE serial = ? AND revoked_at IS NOT NULL)"
        "  OR EXISTS (SELECT 1 FROM unknown_holder WHERE serial = ? AND revoked_at IS NOT NULL),"
        " COALESCE((SELECT issue FROM likely_copy WHERE serial = ? AND cleared_at IS NULL), 0)",
        (serial,) * 5,
    ).fetchone()
    highest_issue, revoked, copied_issue = row
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
    )
