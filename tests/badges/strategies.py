"""Hypothesis strategies for the admission decision."""

from hypothesis import strategies as st

from badges.admission import Direction, Facts, Reason, Scan
from badges.admission.facts import (
    AntiPassback,
    Calendar,
    Exits,
    Hall,
    Holder,
    Presence,
    Session,
    StayId,
)
from badges.credential import Credential, CredentialFlag

UNREAD = (Reason.NOT_A_BADGE, Reason.FORGED, Reason.OTHER_EVENT)
DAYS = (0, 100, 200, 300)
instants = st.integers(-10, 310)
categories = st.integers(0, 4)
some = st.frozensets(categories, max_size=4)
session_ids = st.frozensets(st.integers(0, 7), max_size=3)


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
    )


def scans() -> st.SearchStrategy[Scan]:
    return st.builds(
        Scan,
        badge=credentials() | st.sampled_from(UNREAD),
        direction=st.sampled_from(Direction),
        scanned_at=instants,
    )


def sessions() -> st.SearchStrategy[tuple[Session, ...]]:
    one = st.builds(
        lambda key, opens, lasts, who: Session(key, "", opens, opens + lasts, who),
        st.integers(0, 7),
        instants,
        st.integers(1, 150),
        some,
    )
    return st.lists(one, max_size=3).map(
        lambda found: tuple(sorted(found, key=lambda session: session.opens_at))
    )


def facts() -> st.SearchStrategy[Facts]:
    presence = st.none() | st.builds(Presence, st.just(StayId("k", 1, 1)))
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
            copied_issue=st.integers(0, 3),
            invited_to=session_ids,
            refused_from=session_ids,
        ),
        presence=presence,
        free_places=st.integers(-1, 2),
        key_expired=st.booleans(),
        kiosk_retired=st.booleans(),
        door_resting=st.booleans(),
        facts_age_ms=st.none() | st.integers(0, 9),
    )
