"""Tells an answer, with the facts that it rests on and what it takes for granted.

It is told for people and for machines.
"""

from collections.abc import Iterator
from typing import Any

from badges.admission.facts import Denied, Reason
from badges.credential.credential import Credential, Kind
from server.event.calendar import Clock
from server.people.attendees import Attendee
from server.rehearsal.would_enter import Answer, WouldEnter, day_of
from server.storage.connection import Connection
from server.storage.localized import text_in
from server.venue import store
from server.venue.store import SessionRow

SESSIONS_TOLD = 8
_ALL_ZONES = 0xFFFFFFFF

Fact = tuple[str, str]  # what it is about, and what is so


def facts(db: Connection, found: WouldEnter, clock: Clock) -> list[Fact]:
    """Return the facts that the answer rests on, each with what it is about."""
    categories = {one.code: text_in(one.names, "en") for one in store.categories(db)}
    zones = store.zones(db)
    hall = found.answers[0].facts.hall
    told: list[Fact] = [("Badge", _badge(found))]
    day = day_of(found)
    told.append(("Day", "outside the event" if day is None else f"day {day + 1} of the event"))
    if isinstance(found.badge, Credential):
        told += [
            ("Category", categories.get(found.badge.category, str(found.badge.category))),
            ("Badge's days", _days(found.badge.valid_days, found)),
            ("Badge's zones", _zones(found.badge.zones, zones)),
        ]
    told.append(("Hall's zones", _zones(hall.zones, zones)))
    always = ", ".join(categories.get(code, str(code)) for code in sorted(hall.categories))
    if hall.sessions_only:
        always = "nobody, for it opens for sessions alone"
    told.append(("Hall lets in at any time", always or "nobody"))
    if hall.closed:
        told.append(("Hall", "closed by staff now"))
    coming = [row for row in found.place.sessions if row.closes_at > found.at]
    for row in coming[:SESSIONS_TOLD]:
        told.append((f"Session {row.code}", _session(row, found, categories, clock)))
    if len(coming) > SESSIONS_TOLD:
        told.append(("Sessions", f"and {len(coming) - SESSIONS_TOLD:,} later ones"))
    if not coming:
        told.append(("Sessions", "none is to come in this hall"))
    return told


def assumptions(found: WouldEnter) -> list[str]:
    """Return what the answer takes for granted, each in a sentence."""
    told = ["The kiosk is at work and has just heard of the server."]
    if found.as_now:
        told.append("Whether the person is inside, and how many places are free, are as now.")
    else:
        told.append("A place is free. Whether the person is inside already is not looked at.")
    if not found.has_badge:
        told.append("The person has no badge yet. The answer is that of one that is issued now.")
    told.append("Rules, revocations and closed halls are as they are now.")
    return told


def notes(found: WouldEnter) -> list[str]:
    """Return what is odd about the question, each in a sentence."""
    told = []
    badge, person = found.badge, found.person
    if isinstance(badge, Credential) and badge.issue >= person.issue:
        carried = (badge.category, badge.valid_days, badge.zones)
        if carried != (person.category, person.valid_days, person.zones):
            told.append(
                "The badge says otherwise than the roster, and doors go by the badge: replace it"
                " (hallkeeper issue --changed)."
            )
    if not found.answers[0].doors:
        told.append(
            f"Hall {found.place.hall.code} has no door that lets anybody in. The answer is that of"
            " a door without halls around."
        )
    return told


def as_json(db: Connection, found: WouldEnter, clock: Clock) -> dict[str, Any]:
    """Return all of it for machines."""
    codes = {row.session_id: row.code for row in found.place.sessions}
    categories = {one.code: one.key for one in store.categories(db)}
    return {
        "person": _person(found.person),
        "category": (
            categories.get(found.badge.category) if isinstance(found.badge, Credential) else None
        ),
        "issue": found.badge.issue if isinstance(found.badge, Credential) else None,
        "hall": found.place.hall.code,
        "at": clock.machine(found.at),
        "admitted": found.admitted,
        "answers": [_answer(one, codes) for one in found.answers],
        "facts": [{"about": about, "is": text} for about, text in facts(db, found, clock)],
        "assumed": assumptions(found),
        "notes": notes(found),
    }


def _person(person: Attendee) -> dict[str, Any]:
    return {"number": person.number, "id": person.external_id, "name": person.name}


def _answer(answer: Answer, codes: dict[int, str]) -> dict[str, Any]:
    decision = answer.decision
    reason = decision.reason.value if isinstance(decision, Denied) else None
    flags = [] if isinstance(decision, Denied) else sorted(flag.value for flag in decision.flags)
    says = {
        language: {"word": one.word, "reason": one.reason, "next_step": one.next_step}
        for language, one in answer.says.items()
    }
    return {
        "doors": list(answer.doors),
        "admitted": answer.admitted,
        "reason": reason,
        "flags": flags,
        "session": None if decision.session_id is None else codes.get(decision.session_id),
        "says": says,
    }


def _badge(found: WouldEnter) -> str:
    if isinstance(found.badge, Reason):
        return f"can't be read by a door ({found.badge.value})"
    if not found.has_badge:
        return "none yet"
    words = [f"issue {found.badge.issue}"]
    if found.badge.kind is Kind.DAY:
        words = [f"a day credential, which stands in for issue {found.badge.issue}"]
    holder = found.answers[0].facts.holder
    if found.badge.issue < holder.highest_issue:
        words.append(f"replaced by issue {holder.highest_issue}")
    if holder.revoked:
        words.append("revoked")
    if found.badge.issue <= holder.copied_issue:
        words.append("likely copied")
    return ", ".join(words)


def _days(valid_days: int, found: WouldEnter) -> str:
    days = len(found.answers[0].facts.calendar.day_starts) - 1
    valid = [day + 1 for day in range(days) if valid_days >> day & 1]
    if len(valid) == days:
        return "every day"
    return ", ".join(map(str, valid)) or "none of the event"


def _zones(bits: int, known: dict[str, int]) -> str:
    if bits == _ALL_ZONES:
        return "all"
    codes = {bit: code for code, bit in known.items()}
    named = (codes.get(bit, f"number {bit}") for bit in range(32) if bits >> bit & 1)
    return ", ".join(named) or "none"


def _session(row: SessionRow, found: WouldEnter, categories: dict[int, str], clock: Clock) -> str:
    return "; ".join(_session_parts(row, found, categories, clock))


def _session_parts(
    row: SessionRow, found: WouldEnter, categories: dict[int, str], clock: Clock
) -> Iterator[str]:
    opens = f"doors admit to it {clock.day(row.opens_at)} {clock.minute(row.opens_at)}"
    yield f"{opens} to {clock.minute(row.closes_at)}"
    named = ", ".join(categories.get(code, str(code)) for code in row.categories)
    everybody = len(row.categories) == len(categories)
    yield f"for {'everybody' if everybody else named or 'the invited alone'}"
    if row.session_id in found.guest_of:
        yield "this person is " + ("invited" if found.guest_of[row.session_id] else "refused")
