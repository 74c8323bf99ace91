"""Hypothesis strategies for the admission decision.

Each is made once, because Hypothesis validates all of a new one before it draws.
"""

from dataclasses import replace
from functools import cache

from hypothesis import strategies as st

from badges.admission.facts import (
    AntiPassback,
    Calendar,
    Direction,
    Exits,
    Facts,
    Hall,
    Holder,
    Presence,
    Reason,
    Scan,
    Session,
)
from badges.credential.credential import Credential, CredentialFlag, Kind
from badges.record import StayRef

UNREAD = (Reason.NOT_A_BADGE, Reason.FORGED, Reason.OTHER_EVENT)
DAYS = (0, 100, 200, 300)
instants = st.integers(-10, 310)
categories = st.integers(0, 4)
some = st.frozensets(categories, max_size=4)
day_credentials = st.frozensets(st.tuples(st.integers(1, 3), st.integers(0, 2)), max_size=2)
session_ids = st.frozensets(st.integers(0, 7), max_size=3)


@cache
def credentials() -> st.SearchStrategy[Credential]:
    return st.builds(
        Credential,
        serial=st.integers(0, 3),
        issue=st.integers(1, 3),
        category=categories,
        valid_days=st.integers(0, 0xFFFF),
        zones=st.integers(0, 3),
        key_id=st.just(1),
        flags=st.sampled_from(list(map(CredentialFlag, range(4)))),
        kind=st.sampled_from(Kind),
    )


@cache
def scans() -> st.SearchStrategy[Scan]:
    return st.builds(
        Scan,
        badge=credentials() | st.sampled_from(UNREAD),
        direction=st.sampled_from(Direction),
        scanned_at=instants,
    )


@cache
def sessions() -> st.SearchStrategy[tuple[Session, ...]]:
    one_session = st.builds(
        lambda key, opens, lasts, categories: Session(key, "", opens, opens + lasts, categories),
        st.integers(0, 7),
        instants,
        st.integers(1, 150),
        some,
    )
    return st.lists(one_session, max_size=3).map(
        lambda drawn: tuple(sorted(drawn, key=lambda session: session.opens_at))
    )


@cache
def facts() -> st.SearchStrategy[Facts]:
    presence = st.none() | st.builds(Presence, st.just(StayRef("k", 1, 1)))
    return st.builds(
        Facts,
        calendar=st.just(Calendar(DAYS)),
        hall=st.builds(
            Hall,
            hall_id=st.just(1),
            name=st.just("Hall"),
            closed=st.booleans(),
            categories=some,
            zones=st.integers(0, 3),
            sessions_only=st.booleans(),
            anti_passback=st.sampled_from(AntiPassback),
            exits=st.sampled_from(Exits),
            facts_age_max_ms=st.none() | st.integers(0, 5),
        ),
        sessions=sessions(),
        holder=st.builds(
            Holder,
            revoked=st.booleans(),
            highest_issue=st.integers(0, 3),
            withdrawn_to=st.integers(0, 3),
            copied_issue=st.integers(0, 3),
            day_credentials=day_credentials,
            invited_to=session_ids,
            refused_from=session_ids,
        ),
        presence=presence,
        free_places=st.integers(-1, 2),
        key_expired=st.booleans(),
        kiosk_retired=st.booleans(),
        door_resting=st.booleans(),
        roll_call=st.booleans(),
        facts_age_ms=st.none() | st.integers(0, 9),
        passed_at=st.none() | instants,
    )


# With these a door opens. Facts drawn at random nearly always shut it, for many reasons at once,
# and so test no law.
GOOD_BADGE = {"issue": 3, "category": 1, "valid_days": 0b10, "zones": 3}
GOOD_HALL = {
    "closed": False,
    "categories": frozenset({1}),
    "zones": 3,
    "sessions_only": False,
    "anti_passback": AntiPassback.OFF,
    "facts_age_max_ms": None,
}
GOOD_FACTS = {
    "sessions": (),
    "holder": Holder(),
    "presence": None,
    "free_places": 2,
    "key_expired": False,
    "kiosk_retired": False,
    "door_resting": False,
    "roll_call": False,
    "passed_at": None,
}


_names = [*GOOD_BADGE, *GOOD_HALL, *GOOD_FACTS, "scanned_at"]
_up_to_two = st.sets(st.sampled_from(_names), max_size=2)


@st.composite
def _nearly_admitted(draw: st.DrawFn) -> tuple[Scan, Facts]:
    """Facts that open a door, with up to two random changes."""
    free = draw(_up_to_two)

    def good(fields: dict[str, object]) -> dict[str, object]:
        return {name: value for name, value in fields.items() if name not in free}

    badge, hall_facts = draw(credentials()), draw(facts())
    at = draw(instants) if "scanned_at" in free else 150
    hall = replace(hall_facts.hall, **good(GOOD_HALL))
    scan = Scan(replace(badge, **good(GOOD_BADGE)), Direction.ENTRY, at)
    return scan, replace(hall_facts, hall=hall, **good(GOOD_FACTS))


@cache
def presentations() -> st.SearchStrategy[tuple[Scan, Facts]]:
    """A scan with facts: random, or nearly those that open a door."""
    return st.tuples(scans(), facts()) | _nearly_admitted()
