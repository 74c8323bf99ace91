"""A door into a room inside a hall: the decision in both, its words, its record, and its places."""

from dataclasses import replace

import pytest

from badges.admission.decide import decide
from badges.admission.facts import (
    Admitted,
    AntiPassback,
    Denied,
    Direction,
    Facts,
    Flag,
    Hall,
    Outer,
    Reason,
    Scan,
)
from badges.admission.phrases import explain
from badges.places.account import Account, NoPlaceError, enter_all
from badges.places.pool import Pool, PoolKey
from badges.record import (
    OuterHall,
    ScanRecord,
    StayRef,
    WireError,
    decode_record,
    encode_record,
)
from kiosk.texts import catalogue
from tests.badges.admission.test_decide import BADGE, FACTS, HALL, INSIDE, NOON, enter

EXPO = Hall(hall_id=4, name="Expo")
SITE = Hall(hall_id=5, name="Site")


def facts(*outer: Outer, **changes: object) -> Facts:
    return replace(FACTS, outer=outer, **changes)


def free(hall: Hall = EXPO, places: int = 1, **changes: object) -> Outer:
    return Outer(replace(hall, **changes), free_places=places)


def inside(policy: AntiPassback) -> Outer:
    return replace(free(anti_passback=policy), presence=INSIDE)


@pytest.mark.parametrize(
    ("case", "answer"),
    [
        (facts(free(), free(SITE)), Admitted(session_id=5)),
        (facts(free(places=0), free(SITE)), Denied(Reason.HALL_FULL, hall_id=4)),
        (facts(free(), free(SITE, 0)), Denied(Reason.HALL_FULL, hall_id=5)),
        (facts(free(places=0), free_places=0), Denied(Reason.HALL_FULL)),  # its own hall first
        (facts(free(closed=True)), Denied(Reason.HALL_CLOSED, hall_id=4)),
        (
            facts(inside(AntiPassback.HARD), free(SITE, 0)),
            Denied(Reason.ALREADY_INSIDE, since=NOON - 3_600_000, door="West", hall_id=4),
        ),
        (
            facts(inside(AntiPassback.SOFT)),
            Admitted(frozenset({Flag.PASSBACK}), session_id=5),
        ),
        (facts(inside(AntiPassback.OFF)), Admitted(session_id=5)),
        (facts(free(anti_passback=AntiPassback.SOFT)), Admitted(session_id=5)),
    ],
)
def test_the_outer_halls_decide_too(case: Facts, answer: Admitted | Denied) -> None:
    assert enter(case) == answer


def test_no_hall_around_refuses_an_exit() -> None:
    shut = facts(free(places=0, closed=True), inside(AntiPassback.HARD))
    assert isinstance(decide(Scan(BADGE, Direction.EXIT, NOON), shut), Admitted)


@pytest.mark.parametrize(
    ("denied", "english", "chinese"),
    [
        (
            Denied(Reason.HALL_FULL, hall_id=4),
            "Expo: no place left here",
            "博览会：此处已无名额",
        ),
        (Denied(Reason.HALL_CLOSED, hall_id=4), "Expo is closed", "博览会已关闭"),
        (Denied(Reason.ALREADY_INSIDE, hall_id=4), "Already inside Expo", "此证件已在博览会内"),
        (
            Denied(Reason.ALREADY_INSIDE, since=NOON, hall_id=4),
            "Already inside Expo since 10:13",
            "10:13起已在博览会内",
        ),
        (
            Denied(Reason.HALL_FULL, hall_id=9),
            "The hall around this one: no place left here",
            "外层会场：此处已无名额",
        ),
        (
            Denied(Reason.HALL_CLOSED, hall_id=9),
            "The hall around this one is closed",
            "外层会场已关闭",
        ),
    ],
)
def test_the_hall_that_is_the_reason_is_named(denied: Denied, english: str, chinese: str) -> None:
    names = {"en": "Expo", "zh": "博览会"}
    for language, words in (("en", english), ("zh", chinese)):
        explanation = explain(
            denied,
            Direction.ENTRY,
            language=language,
            words=catalogue.ANSWERS.get(language),
            time_zone="UTC",
            at=NOON,
            categories={},
            hall=HALL.name,
            outer={4: names[language]},
        )
        assert explanation.reason == words


PLAIN = ScanRecord(
    kiosk="west", generation=1, seq=1, direction="entry", door=1, hall=3, scanned_at=5,
    skew_ms=0, facts_age_ms=0, decision="admitted", serial=7, issue=1,
)  # fmt: skip


def test_a_record_of_one_hall_has_the_bytes_that_it_always_had() -> None:
    assert encode_record(PLAIN) == (
        b'{"act":"scan","by":null,"category":null,"closes":null,"credited":false,'
        b'"decision":"admitted","direction":"entry","door":1,"facts_age_ms":0,"flags":[],'
        b'"generation":1,"hall":3,"issue":1,"kiosk":"west","note":null,"override_place":false,'
        b'"reason":null,"scanned_at":5,"seq":1,"serial":7,"session":null,"skew_ms":0,"v":1}'
    )
    assert PLAIN.outer_halls == ()


def test_a_record_of_several_halls() -> None:
    stay = StayRef("east", 2, 9)
    outer = (OuterHall(hall=4), OuterHall(hall=5, closes=stay, credited=True))
    raw = encode_record(ScanRecord(**{**_fields(), "outer": outer}))
    assert b'"outer":[{"hall":4},{"closes":{"generation":2,"kiosk":"east","seq":9},' in raw
    assert decode_record(raw).outer_halls == outer


@pytest.mark.parametrize(
    ("outer", "message"),
    [
        (b"[]", "length >= 1"),
        (b"[" + b",".join(b'{"hall":%d}' % n for n in range(10, 19)) + b"]", "length <= 8"),
        (b'[{"hall":4},{"hall":4}]', "one hall twice"),
        (b'[{"hall":3}]', "one hall twice"),
        (b'[{"closes":null,"hall":4}]', "not in canonical form"),
        (b'[{"hall":4,"more":1}]', "unknown field"),
    ],
)
def test_invalid_outer_halls_are_refused(outer: bytes, message: str) -> None:
    raw = encode_record(PLAIN).replace(b'"override', b'"outer":' + outer + b',"override')
    with pytest.raises(WireError, match=message):
        decode_record(raw)


def _fields() -> dict[str, object]:
    return {name: getattr(PLAIN, name) for name in ScanRecord.__struct_fields__}


def test_a_place_of_each_or_of_none() -> None:
    accounts = {PoolKey(3): Account(granted=2), PoolKey(4): Account(granted=1)}
    entered = enter_all(accounts)
    assert [account.free for account in entered.values()] == [1, 0]
    with pytest.raises(NoPlaceError):
        enter_all(entered)


def test_who_is_counted_in_leaves_like_others() -> None:
    pool = Pool(1).enrol(("a", 1)).grant(("a", 1), 1).count_in()
    assert (pool.worst_case, pool.free) == (2, -1)
    stay = StayRef("b", 1, 1)  # of a kiosk without an account in this hall
    assert pool.close_stay(stay).worst_case == 1
