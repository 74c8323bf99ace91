"""The admission decision, as a flat list of checks. The first check that fails is the answer.

The order goes from causes that the holder can't change to those that pass by themselves.
tests/badges/admission/test_laws.py tests its laws: `decide` is total and repeatable, revoking or
fewer places never open a door, and an exit is never refused.
"""

from collections.abc import Callable, Iterator

from badges.admission.facts import (
    Admitted,
    AntiPassback,
    Decision,
    Denied,
    Direction,
    Facts,
    Flag,
    Outer,
    Reason,
    Scan,
    Session,
)
from badges.admission.kept import kept_until, serving
from badges.credential.credential import Credential, CredentialFlag, Kind


def decide(scan: Scan, facts: Facts) -> Decision:
    """Never raises, and depends only on its arguments."""
    if scan.direction is Direction.EXIT:
        return _exit(scan, facts)
    if isinstance(scan.badge, Reason):
        return Denied(scan.badge)
    for check in _CHECKS:
        denied = check(scan.badge, scan.scanned_at, facts)
        if denied is not None:
            return denied
    sessions = [s for s in _on(scan.scanned_at, facts) if _admits(s, scan.badge, facts)]
    return Admitted(
        flags=_flags(scan.badge, facts),
        session_id=sessions[0].session_id if sessions else None,
        kept_place=facts.holder.accessible and facts.free_kept > 0,
    )


def _exit(scan: Scan, facts: Facts) -> Admitted:
    """People may always leave, so an unverified exit is flagged, never refused."""
    if isinstance(scan.badge, Reason):
        return Admitted(flags=frozenset({Flag.UNVERIFIED}))
    if facts.passed_at is not None:
        # Perhaps the same person again, so it must not end another person's stay.
        return Admitted(flags=frozenset({Flag.REPEATED}))
    if facts.presence is None:
        return Admitted(flags=frozenset({Flag.NO_ENTRY}))
    return Admitted(closes=facts.presence.stay)


def _revoked(badge: Credential, at: int, facts: Facts) -> Denied | None:
    return Denied(Reason.REVOKED) if facts.holder.revoked else None


def _superseded(badge: Credential, at: int, facts: Facts) -> Denied | None:
    """Deny earlier issues, and later ones that staff took back."""
    highest, withdrawn_to = facts.holder.highest_issue, facts.holder.withdrawn_to
    is_void = badge.issue < highest or highest < badge.issue <= withdrawn_to
    return Denied(Reason.SUPERSEDED) if is_void else None


def _likely_copy(badge: Credential, at: int, facts: Facts) -> Denied | None:
    if facts.hall.anti_passback is not AntiPassback.HARD:
        return None
    return Denied(Reason.LIKELY_COPY) if badge.issue <= facts.holder.copied_issue else None


def _roll_call(badge: Credential, at: int, facts: Facts) -> Denied | None:
    """Return the answer that records a roll call, or None outside one. A card that a day
    credential replaces gets None too, and is denied later, because another person may carry it.
    """
    if not facts.roll_call:
        return None
    if facts.kiosk_retired:
        return Denied(Reason.KIOSK_RETIRED)
    day = event_day(facts.calendar.day_starts, at)
    other_day = badge.kind is Kind.DAY and badge.day != day
    if other_day or _day_credential(badge, at, facts) is not None:
        return None
    return Denied(Reason.ROLL_CALL)


def _not_valid_today(badge: Credential, at: int, facts: Facts) -> Denied | None:
    return None if _is_valid(badge, at, facts) else Denied(Reason.NOT_VALID_TODAY)


def _is_valid(badge: Credential, at: int, facts: Facts) -> bool:
    """Return whether the badge is valid on the day of a time."""
    day = event_day(facts.calendar.day_starts, at)
    if day is None or not badge.valid_days >> day & 1:
        return False
    return badge.kind is not Kind.DAY or badge.day == day


def _day_credential(badge: Credential, at: int, facts: Facts) -> Denied | None:
    """Deny the badge that a day credential replaces on this day, so that each person has one valid
    card.
    """
    if badge.kind is Kind.DAY:
        return None
    day = event_day(facts.calendar.day_starts, at)
    if (badge.issue, day) not in facts.holder.day_credentials:
        return None
    return Denied(Reason.DAY_CREDENTIAL)


def _expired(badge: Credential, at: int, facts: Facts) -> Denied | None:
    return Denied(Reason.EXPIRED) if facts.key_expired else None


def _not_entitled(badge: Credential, at: int, facts: Facts) -> Denied | None:
    if not badge.zones & facts.hall.zones:
        return Denied(Reason.NOT_ENTITLED, categories=facts.hall.categories)
    on = _on(at, facts)
    if any(_admits(session, badge, facts) for session in on):
        return None
    refused_by_name = any(session.session_id in facts.holder.refused_from for session in on)
    if badge.category in facts.hall.categories and not refused_by_name:
        return None
    coming = [session for session in facts.sessions if session.closes_at > at]
    nearest, later = coming[0] if coming else None, next(_later(badge, at, facts), None)
    is_early = later is not None and not _is_another_days(later, nearest, at, facts)
    if not on and (is_early or not _admits_anybody(coming, facts)):
        # The holder is early, or the programme is over: the hall is closed, not forbidden.
        return None
    own = _next(badge, at, facts)
    return Denied(
        Reason.NOT_ENTITLED,
        opens_at=own.opens_at if own else None,
        session_id=nearest.session_id if nearest else None,
        categories=facts.hall.categories.union(nearest.categories if nearest else ()),
    )


def _is_another_days(later: Session, nearest: Session | None, at: int, facts: Facts) -> bool:
    """Return whether the holder's next session is on another day, and the hall's next one today.

    The holder then stands before today's session, so the answer is about that one.
    """
    if nearest is None:
        return False
    today, soon, then = (
        event_day(facts.calendar.day_starts, moment)
        for moment in (at, nearest.opens_at, later.opens_at)
    )
    return soon == today != then


def _hall_closed(badge: Credential, at: int, facts: Facts) -> Denied | None:
    if facts.hall.closed:
        return Denied(Reason.HALL_CLOSED)
    for around in facts.outer:
        if around.hall.closed:
            return Denied(Reason.HALL_CLOSED, hall_id=around.hall.hall_id)
    always_open = not facts.hall.sessions_only and badge.category in facts.hall.categories
    if always_open or _on(at, facts):
        return None
    later = _next(badge, at, facts)
    return Denied(
        Reason.HALL_CLOSED,
        opens_at=later.opens_at if later else None,
        session_id=later.session_id if later else None,
    )


def _before_restart(badge: Credential, at: int, facts: Facts) -> Denied | None:
    """Deny a badge whose admission a restart interrupted. Staff decide: its holder may not have
    seen a light, or another person has the badge.

    The first admission keeps its place either way, so a second person needs another.
    """
    if facts.passed_at is None:
        return None
    return Denied(Reason.BEFORE_RESTART, since=facts.passed_at)


def _already_inside(badge: Credential, at: int, facts: Facts) -> Denied | None:
    here = facts.presence
    if here is not None and facts.hall.anti_passback is AntiPassback.HARD:
        return Denied(Reason.ALREADY_INSIDE, since=here.since, door=here.door)
    for around in facts.outer:
        there = around.presence
        if there is not None and around.hall.anti_passback is AntiPassback.HARD:
            inside, hall_id = Reason.ALREADY_INSIDE, around.hall.hall_id
            return Denied(inside, since=there.since, door=there.door, hall_id=hall_id)
    return None


def _kiosk_retired(badge: Credential, at: int, facts: Facts) -> Denied | None:
    return Denied(Reason.KIOSK_RETIRED) if facts.kiosk_retired else None


def _door_resting(badge: Credential, at: int, facts: Facts) -> Denied | None:
    return Denied(Reason.DOOR_RESTING) if facts.door_resting else None


def _hall_full(badge: Credential, at: int, facts: Facts) -> Denied | None:
    own = Outer(facts.hall, free_places=facts.free_places, free_kept=facts.free_kept)
    for hall in (own, *facts.outer):
        if not serving(hall, facts.holder, at):
            return Denied(
                Reason.HALL_FULL,
                hall_id=None if hall is own else hall.hall.hall_id,
                kept=hall.free_kept,
                kept_until=kept_until(hall.hall, at) if hall.free_kept else None,
            )
    return None


def _facts_too_old(badge: Credential, at: int, facts: Facts) -> Denied | None:
    limit = facts.hall.facts_age_max_ms
    if limit is None or (facts.facts_age_ms is not None and facts.facts_age_ms <= limit):
        return None
    return Denied(Reason.FACTS_TOO_OLD)


_CHECKS: tuple[Callable[[Credential, int, Facts], Denied | None], ...] = (
    _revoked,
    _superseded,
    _likely_copy,
    # A person at an assembly point counts as seen, whatever a door would check.
    _roll_call,
    _not_valid_today,
    _day_credential,
    _expired,
    _not_entitled,
    _hall_closed,
    _before_restart,
    _already_inside,
    # A retired or resting kiosk has returned its places. The reason for that is the better answer
    # than "hall full".
    _kiosk_retired,
    _door_resting,
    _hall_full,
    _facts_too_old,
)


def event_day(day_starts: tuple[int, ...], at: int) -> int | None:
    """The index of the event's day at `at` (Unix ms), or None outside the event."""
    for day in range(len(day_starts) - 1):
        if day_starts[day] <= at < day_starts[day + 1]:
            return day
    return None


def _on(at: int, facts: Facts) -> list[Session]:
    return [session for session in facts.sessions if session.opens_at <= at < session.closes_at]


def _admits(session: Session, badge: Credential, facts: Facts) -> bool:
    if session.session_id in facts.holder.refused_from:
        return False
    return badge.category in session.categories or session.session_id in facts.holder.invited_to


def _admits_anybody(coming: list[Session], facts: Facts) -> bool:
    return bool(coming or facts.hall.categories or not facts.hall.sessions_only)


def _later(badge: Credential, at: int, facts: Facts) -> Iterator[Session]:
    """Yield the sessions that will admit this holder, perhaps on days of another badge."""
    for session in facts.sessions:
        if session.opens_at > at and _admits(session, badge, facts):
            yield session


def _next(badge: Credential, at: int, facts: Facts) -> Session | None:
    """Return the next session that will admit this badge, for the door to name."""
    later = _later(badge, at, facts)
    return next((session for session in later if _is_valid(badge, session.opens_at, facts)), None)


def _flags(badge: Credential, facts: Facts) -> frozenset[Flag]:
    flags = set()
    if badge.issue <= facts.holder.copied_issue:
        flags.add(Flag.LIKELY_COPY)
    if facts.presence is not None and facts.hall.anti_passback is AntiPassback.SOFT:
        flags.add(Flag.PASSBACK)
    for around in facts.outer:
        if around.presence is not None and around.hall.anti_passback is AntiPassback.SOFT:
            flags.add(Flag.PASSBACK)
    return frozenset(flags | asked_by(badge))


def asked_by(badge: Credential) -> frozenset[Flag]:
    """The flags required by the badge itself: ATTENTION if staff must check the ID of a day
    credential's holder.
    """
    flags: set[Flag] = set()
    if badge.kind is Kind.DAY:
        flags.add(Flag.DAY_CREDENTIAL)
    elif not badge.flags:
        return frozenset()
    if badge.flags & CredentialFlag.ATTENTION:
        flags.add(Flag.CHECK_DAY if badge.kind is Kind.DAY else Flag.ATTENTION)
    if badge.flags & CredentialFlag.ESCORT:
        flags.add(Flag.ESCORT)
    return frozenset(flags)
