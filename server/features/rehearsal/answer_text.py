from collections.abc import Callable, Iterator
from dataclasses import asdict
from typing import Any

from badges.admission.facts import Denied, Reason
from badges.credential.credential import ALL_ZONES, Credential, Kind
from badges.i18n import ENGLISH, N_
from server.core.event.calendar import Clock
from server.core.venue import store
from server.core.venue.store import SessionRow
from server.features.rehearsal.would_enter import Answer, WouldEnter, day_of
from server.storage.connection import Connection
from server.storage.localized import text_in

SESSIONS_TOLD = 8

Fact = tuple[str, str]  # Subject and value
Say = Callable[..., str]  # Translates a marked text with its fields


def english(text: str, **fields: object) -> str:
    return text % fields if fields else text


def facts(
    db: Connection, forecast: WouldEnter, clock: Clock, say: Say = english, language: str = ENGLISH
) -> Iterator[Fact]:
    """Yield the facts behind the answer. `say` translates."""
    categories = {
        category.code: text_in(category.names, language) for category in store.categories(db)
    }
    zones = store.zones(db)
    hall = forecast.answers[0].facts.hall
    yield say(N_("Badge")), _badge(forecast, say)
    day = day_of(forecast)
    if day is None:
        yield say(N_("Day")), say(N_("outside the event"))
    else:
        yield say(N_("Day")), say(N_("day %(number)s of the event"), number=day + 1)
    badge = forecast.badge
    if isinstance(badge, Credential):
        yield say(N_("Category")), categories.get(badge.category, str(badge.category))
        yield say(N_("Badge's days")), _days(badge.valid_days, forecast, say)
        yield say(N_("Badge's zones")), _zones(badge.zones, zones, say)
    yield say(N_("Hall's zones")), _zones(hall.zones, zones, say)
    always = say(N_(", ")).join(categories.get(code, str(code)) for code in sorted(hall.categories))
    if hall.sessions_only:
        always = say(N_("no one: it opens only for sessions"))
    yield say(N_("Hall lets in at any time")), always or say(N_("nobody"))
    if hall.closed:
        yield say(N_("Hall")), say(N_("closed by staff now"))
    coming = [row for row in forecast.place.sessions if row.closes_at > forecast.at]
    for row in coming[:SESSIONS_TOLD]:
        details = say(N_("; ")).join(_session(row, forecast, categories, clock, say))
        yield say(N_("Session %(code)s"), code=row.code), details
    if len(coming) > SESSIONS_TOLD:
        more = f"{len(coming) - SESSIONS_TOLD:,}"
        yield say(N_("Sessions")), say(N_("and %(count)s later ones"), count=more)
    if not coming:
        yield say(N_("Sessions")), say(N_("none is to come in this hall"))


def assumptions(forecast: WouldEnter, say: Say = english) -> Iterator[str]:
    yield say(N_("The kiosk is at work and has just heard of the server."))
    if forecast.as_now:
        yield say(N_("Whether the person is inside, and how many places are free, are as now."))
    else:
        yield say(N_("A place is free. Whether the person is inside already is not looked at."))
    if not forecast.has_badge:
        yield say(N_("The person has no badge yet. The answer is for a badge issued now."))
    yield say(N_("Rules, revocations and closed halls are as they are now."))


def notes(forecast: WouldEnter, say: Say = english) -> Iterator[str]:
    badge, person = forecast.badge, forecast.person
    if isinstance(badge, Credential) and badge.issue >= person.issue:
        carried = (badge.category, badge.valid_days, badge.zones)
        if carried != (person.category, person.valid_days, person.zones):
            yield say(
                N_(
                    "The badge differs from the roster, and doors decide by the badge: replace "
                    "it (page Badges, or hallkeeper issue --changed)."
                )
            )
    if not forecast.answers[0].doors:
        yield say(
            N_(
                "Hall %(code)s has no door that lets anybody in. The answer is that of a door "
                "without halls around."
            ),
            code=forecast.place.hall.code,
        )


def as_json(db: Connection, forecast: WouldEnter, clock: Clock) -> dict[str, Any]:
    codes = {row.session_id: row.code for row in forecast.place.sessions}
    categories = {item.code: item.key for item in store.categories(db)}
    person = forecast.person
    badge = forecast.badge if isinstance(forecast.badge, Credential) else None
    return {
        "person": {"number": person.number, "id": person.external_id, "name": person.name},
        "category": None if badge is None else categories.get(badge.category),
        "issue": None if badge is None else badge.issue,
        "hall": forecast.place.hall.code,
        "at": clock.iso(forecast.at),
        "admitted": forecast.admitted,
        "answers": [_answer(item, codes) for item in forecast.answers],
        "facts": [{"about": about, "is": text} for about, text in facts(db, forecast, clock)],
        "assumed": list(assumptions(forecast)),
        "notes": list(notes(forecast)),
    }


def _answer(answer: Answer, codes: dict[int, str]) -> dict[str, Any]:
    decision = answer.decision
    reason = decision.reason.value if isinstance(decision, Denied) else None
    flags = [] if isinstance(decision, Denied) else sorted(flag.value for flag in decision.flags)
    return {
        "doors": list(answer.doors),
        "admitted": answer.admitted,
        "reason": reason,
        "flags": flags,
        "session": None if decision.session_id is None else codes.get(decision.session_id),
        "says": {language: asdict(explanation) for language, explanation in answer.says.items()},
    }


def _badge(forecast: WouldEnter, say: Say) -> str:
    if isinstance(forecast.badge, Reason):
        return say(N_("can't be read by a door (%(reason)s)"), reason=forecast.badge.value)
    if not forecast.has_badge:
        return say(N_("none yet"))
    words = [say(N_("issue %(number)s"), number=forecast.badge.issue)]
    if forecast.badge.kind is Kind.DAY:
        number = forecast.badge.issue
        words = [say(N_("a day credential in place of issue %(number)s"), number=number)]
    holder = forecast.answers[0].facts.holder
    if forecast.badge.issue < holder.highest_issue:
        words.append(say(N_("replaced by issue %(number)s"), number=holder.highest_issue))
    if holder.revoked:
        words.append(say(N_("revoked")))
    if forecast.badge.issue <= holder.copied_issue:
        words.append(say(N_("likely copied")))
    return say(N_(", ")).join(words)


def _days(valid_days: int, forecast: WouldEnter, say: Say) -> str:
    days = len(forecast.answers[0].facts.calendar.day_starts) - 1
    valid = [day + 1 for day in range(days) if valid_days >> day & 1]
    if len(valid) == days:
        return say(N_("every day"))
    return say(N_(", ")).join(map(str, valid)) or say(N_("none of the event"))


def _zones(bits: int, named_bits: dict[str, int], say: Say) -> str:
    if bits == ALL_ZONES:
        return say(N_("all"))
    codes = {bit: code for code, bit in named_bits.items()}
    named = (
        codes.get(bit) or say(N_("number %(number)s"), number=bit)
        for bit in range(32)
        if bits >> bit & 1
    )
    return say(N_(", ")).join(named) or say(N_("none"))


def _session(
    row: SessionRow, forecast: WouldEnter, categories: dict[int, str], clock: Clock, say: Say
) -> Iterator[str]:
    yield say(
        N_("the doors admit people to it %(day)s %(from)s–%(until)s"),
        **{
            "day": clock.day(row.opens_at),
            "from": clock.minute(row.opens_at),
            "until": clock.minute(row.closes_at),
        },
    )
    named = say(N_(", ")).join(categories.get(code, str(code)) for code in row.categories)
    if len(row.categories) == len(categories):
        yield say(N_("for everyone"))
    elif named:
        yield say(N_("for %(categories)s"), categories=named)
    else:
        yield say(N_("for the invited alone"))
    if row.session_id in forecast.guest_of:
        invited = forecast.guest_of[row.session_id]
        yield say(N_("this person is invited")) if invited else say(N_("this person is refused"))
