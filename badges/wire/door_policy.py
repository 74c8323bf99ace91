"""Converts the wire's facts about a hall and its sessions into those of a decision."""

from msgspec import UNSET

from badges.admission.facts import AntiPassback, Exits, Hall, Session
from badges.wire.wire import HallFacts, SessionFacts


def hall_of(facts: HallFacts) -> Hall:
    return Hall(
        hall_id=facts.hall,
        name=_main_name(facts.names),
        closed=facts.closed,
        categories=frozenset(facts.categories),
        zones=facts.zones,
        sessions_only=facts.sessions_only,
        anti_passback=AntiPassback(facts.anti_passback),
        exits=Exits(facts.exits),
        facts_age_max_ms=facts.facts_age_max_ms,
        keeps_places=facts.released is not UNSET,
        released=() if facts.released is UNSET else tuple(facts.released),
    )


def session_of(facts: SessionFacts) -> Session:
    return Session(
        session_id=facts.session,
        title=_main_name(facts.titles),
        opens_at=facts.opens_at,
        closes_at=facts.closes_at,
        categories=frozenset(facts.categories),
    )


def _main_name(names: dict[str, str]) -> str:
    return names.get("en") or next(iter(names.values()), "")
