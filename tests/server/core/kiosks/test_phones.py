"""Phones as kiosks: who enrols by a code, how many places each may hold, and its update."""

import itertools
import json
from collections.abc import Callable, Sequence

import pytest

from badges.credential.keys import PrivateKey, PublicKey
from badges.wire import wire
from badges.wire.enrolment import EnrolmentCode, open_identity, parse_code, proof, six_words
from server.core.entry_log.act_names import Act
from server.core.event.directory import Event
from server.core.kiosks import phones, registry
from server.core.kiosks.registry import EnrolError, KioskError, KioskRow
from server.core.occupancy import phone_places, pools
from server.storage.database import Database
from tests.server.conftest import NOW
from tests.server.support.site import SMALL, Site, site, two_halls  # noqa: F401

ADMIN = "user:1"
DOORS = ("west", "east")
LATER = NOW + registry.CODE_LIFE_MS


def key_of(number: int) -> PrivateKey:
    return PrivateKey(number.to_bytes(32, "big"))


class Desk:
    """An admin who makes codes, and phones that show them."""

    def __init__(self, database: Database, event: Event) -> None:
        self.database = database
        self.event = event
        self._drawn = itertools.count(1)

    def _random(self, count: int) -> bytes:
        return next(self._drawn).to_bytes(count, "big")

    def _make(self, function: Callable, count: int, prefix: str, doors: Sequence[str], now: int):
        more = {"by": ADMIN, "now": now, "random": self._random}
        return self.database.write(
            lambda db: function(db, self.event, prefix, doors, count, **more)
        )

    def shared(
        self, count: int, *, prefix: str = "north", doors: Sequence[str] = DOORS, now: int = NOW
    ) -> EnrolmentCode:
        return self._make(phones.shared_code, count, prefix, doors, now)

    def sheet(
        self, count: int, *, prefix: str = "north", doors: Sequence[str] = DOORS, now: int = NOW
    ) -> list[phones.OneTimeCode]:
        return self._make(phones.one_time_codes, count, prefix, doors, now)

    def show(
        self, code: EnrolmentCode, key: PrivateKey, *, now: int = NOW, is_phone: bool = True
    ) -> wire.EnrolAnswer:
        """A device shows the code, as `POST /api/enrol` takes it."""
        request = enrolment(code, key, is_phone=is_phone)

        def step(db) -> wire.EnrolAnswer:
            phones.claim(db, request, now)
            return registry.enrol(db, self.event, request, now)

        return self.database.write(step)

    def refusal(self, code: EnrolmentCode, key: PrivateKey, **how) -> str:
        with pytest.raises(EnrolError) as caught:
            self.show(code, key, **how)
        return caught.value.code

    def confirm(self, kiosk: str) -> None:
        self.database.write(lambda db: registry.confirm(db, self.event, kiosk, by=ADMIN, now=NOW))

    def phone(self, kiosk: str) -> KioskRow | None:
        return next(
            (row for row in registry.kiosks(self.database.reader) if row.kiosk == kiosk), None
        )

    def acts(self, act: Act) -> list[dict]:
        bodies = self.database.reader.execute("SELECT body FROM leaf WHERE kind = 'act'")
        entries = [json.loads(body) for (body,) in bodies]
        return [entry["subject"] for entry in entries if entry["act"] == act]


def enrolment(code: EnrolmentCode, key: PrivateKey, *, is_phone: bool = True) -> wire.EnrolRequest:
    request = wire.EnrolRequest(code.token, key.public.raw, proof(key, code.token))
    if is_phone:
        request = wire.EnrolRequest(code.token, key.public.raw, request.signature, device="phone")
    return request


@pytest.fixture
def desk(site: Site, event: Event) -> Desk:  # noqa: F811
    return Desk(site.database, event)


def test_a_phone_enrols_by_a_shared_code_and_an_admin_confirms_it(desk: Desk) -> None:
    code, key = desk.shared(2), key_of(1)
    assert desk.show(code, key) == wire.EnrolAnswer(confirmed=False)
    waiting = desk.phone("north-1")
    assert (waiting.state, waiting.is_phone) == ("proven", True)
    assert waiting.words == six_words(key.public.raw, code.token)
    desk.confirm("north-1")
    answer = desk.show(code, key)
    identity = open_identity(PublicKey(answer.root_key), answer.identity)
    assert (identity.kiosk, identity.generation) == ("north-1", 1)
    (confirmed,) = desk.acts(Act.KIOSK_CONFIRMED)
    assert (confirmed["kiosk"], confirmed["device"]) == ("north-1", "phone")


def test_phones_of_a_shared_code_go_to_its_doors_in_turn(desk: Desk) -> None:
    code = desk.shared(3)
    for number in (1, 2, 3):
        desk.show(code, key_of(number))
    doors = [desk.phone(f"north-{number}").door_code for number in (1, 2, 3)]
    assert sorted(doors[:2]) == sorted(DOORS)
    assert doors[2] == doors[0]


def test_a_shared_code_enrols_no_more_phones_than_it_is_for(desk: Desk) -> None:
    code = desk.shared(2)
    desk.show(code, key_of(1))
    desk.show(code, key_of(2))
    assert desk.refusal(code, key_of(3)) == "code_used_up"
    assert desk.show(code, key_of(2)).confirmed is False, "a phone repeats its request"
    assert desk.phone("north-3") is None


def test_tries_beyond_a_shared_code_are_counted(desk: Desk) -> None:
    code = desk.shared(1)
    desk.show(code, key_of(1))
    desk.database.write(lambda db: phones.note_refused(db, code.token))
    (row,) = phones.shared_codes(desk.database.reader, NOW)
    assert (row.phones, row.used, row.refused) == (1, 1, 1)


def test_a_device_without_the_proof_uses_up_nothing(desk: Desk) -> None:
    code, key = desk.shared(1), key_of(1)
    forged = wire.EnrolRequest(code.token, key.public.raw, bytes(64), device="phone")

    def step(db) -> None:
        phones.claim(db, forged, NOW)
        registry.enrol(db, desk.event, forged, NOW)

    with pytest.raises(EnrolError):
        desk.database.write(step)
    (row,) = phones.shared_codes(desk.database.reader, NOW)
    assert row.used == 0
    assert desk.phone("north-1") is None


def test_a_phone_with_the_words_of_another_is_refused(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An attacker who saw a phone's words may search for a key with the same."""
    code = desk.shared(2)
    for module in (phones, registry):
        monkeypatch.setattr(module, "six_words", lambda key, token: "same same same same same same")
    desk.show(code, key_of(1))
    assert desk.refusal(code, key_of(2)) == "wrong_code"
    (row,) = phones.shared_codes(desk.database.reader, NOW)
    assert row.used == 1


def test_a_shared_code_ends_after_fifteen_minutes(desk: Desk) -> None:
    code = desk.shared(2)
    desk.show(code, key_of(1), now=LATER - 1)
    assert desk.refusal(code, key_of(2), now=LATER) == "code_expired"
    assert desk.show(code, key_of(1), now=LATER).confirmed is False, "it waits for its admin"


@pytest.mark.parametrize("shared", [True, False])
def test_a_code_for_phones_enrols_no_other_device(desk: Desk, *, shared: bool) -> None:
    code = desk.shared(1) if shared else desk.sheet(1)[0].code
    assert desk.refusal(code, key_of(1), is_phone=False) == "wrong_code"
    assert desk.show(code, key_of(1)).confirmed is False


def test_each_code_of_a_sheet_enrols_one_phone(desk: Desk) -> None:
    codes = desk.sheet(3)
    assert [(item.kiosk, item.door_code) for item in codes] == [
        ("north-1", "west"), ("north-2", "east"), ("north-3", "west"),
    ]  # fmt: skip
    desk.show(codes[1].code, key_of(1))
    assert desk.refusal(codes[1].code, key_of(2)) == "wrong_code"
    assert [desk.phone(item.kiosk).state for item in codes] == ["waiting", "proven", "waiting"]


def test_a_sheet_lasts_for_hours_but_the_words_of_a_phone_for_minutes(desk: Desk) -> None:
    (item,) = desk.sheet(1)
    late = NOW + phones.SHEET_LIFE_MS - 1
    desk.show(item.code, key_of(1), now=late)
    assert desk.phone("north-1").token_expires_at == late + registry.CODE_LIFE_MS
    (other,) = desk.sheet(1, prefix="south")
    assert desk.refusal(other.code, key_of(2), now=NOW + phones.SHEET_LIFE_MS) == "code_expired"


def test_numbers_go_on_where_they_ended(desk: Desk) -> None:
    desk.sheet(2)
    assert [item.kiosk for item in desk.sheet(2)] == ["north-3", "north-4"]
    desk.show(desk.shared(1), key_of(1))
    assert desk.phone("north-5").state == "proven"


def test_phones_that_never_came_are_forgotten_with_the_next_code(desk: Desk) -> None:
    desk.sheet(2)
    late = NOW + phones.SHEET_LIFE_MS
    desk.shared(1, now=late)
    assert desk.phone("north-1") is None


def test_a_refused_phone_gets_nothing_and_its_place_stays_used(desk: Desk) -> None:
    code = desk.shared(1)
    desk.show(code, key_of(1))
    desk.database.write(lambda db: phones.refuse(db, "north-1", 1, by=ADMIN, now=NOW))
    assert desk.refusal(code, key_of(1)) == "wrong_code"
    assert desk.refusal(code, key_of(2)) == "code_used_up"
    assert desk.acts(Act.PHONE_REFUSED) == [{"kiosk": "north-1", "generation": 1}]
    with pytest.raises(KioskError, match="has not shown its code"):
        desk.confirm("north-1")
    with pytest.raises(KioskError, match="waits for no confirmation"):
        desk.database.write(lambda db: phones.refuse(db, "north-1", 1, by=ADMIN, now=NOW))


def test_a_code_that_was_made_after_the_page_was_opened_stays(desk: Desk) -> None:
    first = desk.shared(2)
    shown = phones.unused_codes(desk.database.reader, NOW)
    later, sheet = desk.shared(1), desk.sheet(1)
    ended = desk.database.write(lambda db: phones.end_codes(db, shown, by=ADMIN, now=NOW))
    assert ended == 1
    assert desk.refusal(first, key_of(1)) == "code_expired"
    assert desk.show(later, key_of(1)).confirmed is False
    assert desk.show(sheet[0].code, key_of(2)).confirmed is False


def test_ending_the_codes_stops_all_that_are_unused(desk: Desk) -> None:
    shared, sheet = desk.shared(2), desk.sheet(2)
    desk.show(shared, key_of(1))
    desk.show(sheet[0].code, key_of(2))
    codes = phones.unused_codes(desk.database.reader, NOW)
    ended = desk.database.write(lambda db: phones.end_codes(db, codes, by=ADMIN, now=NOW))
    assert ended == 2
    assert desk.refusal(shared, key_of(3)) == "code_expired"
    assert desk.refusal(sheet[1].code, key_of(3)) == "wrong_code"
    assert desk.show(shared, key_of(1)).confirmed is False, "its words are still compared"
    assert desk.acts(Act.PHONE_CODES_ENDED) == [{"count": 2}]


@pytest.mark.parametrize(
    ("prefix", "doors", "count", "why"),
    [
        ("North!", DOORS, 1, "no name for a kiosk"),
        ("n" * 28, DOORS, 1, "no name for a kiosk"),
        ("north", (), 1, "at least one door"),
        ("north", ("attic",), 1, "there is no door"),
        ("north", DOORS, 0, "1 to 200 phones"),
        ("north", DOORS, 201, "1 to 200 phones"),
    ],
)
@pytest.mark.parametrize("kind", ["shared", "sheet"])
def test_bad_wishes_change_nothing(
    desk: Desk, kind: str, prefix: str, doors: Sequence[str], count: int, why: str
) -> None:
    with pytest.raises(KioskError, match=why):
        getattr(desk, kind)(count, prefix=prefix, doors=doors)
    assert desk.phone(f"{prefix}-1") is None
    assert not phones.shared_codes(desk.database.reader, NOW)


def test_the_doors_of_a_code_were_removed(desk: Desk, site: Site) -> None:  # noqa: F811
    site.execute("INSERT INTO door VALUES (9, 'attic', ?, '{}', 'both')", SMALL)
    code = desk.shared(2, doors=["attic"])
    site.execute("DELETE FROM door WHERE door_id = 9")
    assert desk.refusal(code, key_of(1)) == "wrong_code"


def test_the_link_has_the_code_as_its_fragment(desk: Desk, event: Event) -> None:
    code = desk.shared(1)
    address, _, fragment = phones.link(event.settings, code).partition("#")
    assert address == f"{event.settings.phones_at}/door/"
    assert parse_code(fragment) == code


# Places.


def free_places(site: Site, kiosk: str) -> int:  # noqa: F811
    """Places that the server has given to a kiosk of SMALL, and has not got back."""
    pool = pools.load(site.database.reader, pools.PoolKey(SMALL))
    return pool.kiosks[(kiosk, 1)].held


@pytest.fixture
def with_phone(site: Site) -> Site:  # noqa: F811
    """The kiosk `east` becomes a phone, in a hall of 100 places."""
    site.execute("UPDATE hall SET capacity = 100, fire_limit = 200 WHERE hall_id = ?", SMALL)
    site.execute("UPDATE kiosk SET device = 'phone' WHERE kiosk = 'east'")
    return site


def test_a_phone_holds_ten_places_at_most(with_phone: Site) -> None:
    for turn in range(3):
        for door in (with_phone.east, with_phone.west):
            with_phone.send(door, NOW + 2000 * turn)
    assert free_places(with_phone, "east") == phone_places.DEFAULT == 10
    assert free_places(with_phone, "west") > 80


def test_a_phones_places_are_filled_up_as_it_uses_them(with_phone: Site) -> None:
    with_phone.send(with_phone.east)
    for serial in range(1, 6):
        with_phone.east.scan(NOW, serial)
    with_phone.send(with_phone.east, NOW + 5000)
    assert free_places(with_phone, "east") == 10
    assert with_phone.figures(SMALL).inside == 5


def set_places(site: Site, places: int) -> None:  # noqa: F811
    site.database.write(lambda db: phones.set_places(db, places, by=ADMIN, now=NOW))


def test_a_lower_limit_recalls_places_at_once(with_phone: Site, desk: Desk) -> None:
    with_phone.send(with_phone.east)
    with_phone.send(with_phone.east, NOW + 5000)
    set_places(with_phone, 3)
    published = with_phone.rows("SELECT body FROM change WHERE kiosk = 'east' ORDER BY cursor")
    orders = [wire.decode_change(body).order for (body,) in published]
    newest = [order for order in orders if not order.override][-1]
    assert newest.recall - with_phone.east.returned == 7
    assert desk.acts(Act.PHONE_PLACES_SET) == [{"before": 10, "places": 3}]


def test_with_0_a_phone_gets_a_place_when_a_person_waits(with_phone: Site) -> None:
    set_places(with_phone, 0)
    east = with_phone.east
    east.returned = east.granted
    for at in (NOW, NOW + 2000):
        with_phone.send(east, at)
    assert free_places(with_phone, "east") == 0
    waits = [wire.PlaceTotals(SMALL, east.granted, east.returned, 0, wants=True)]
    with_phone.send(east, NOW + 4000, places=waits)
    assert free_places(with_phone, "east") == 1


@pytest.mark.parametrize("places", [-1, 1001])
def test_a_limit_that_is_no_limit_changes_nothing(with_phone: Site, places: int) -> None:
    with pytest.raises(KioskError, match="0 to 1000"):
        set_places(with_phone, places)
    assert phone_places.phone_places(with_phone.database.reader) == 10


# Updates.


def report(site: Site, files: str) -> None:  # noqa: F811
    health = wire.encode(wire.Health(version="1.0.0", files=files)).decode()
    site.execute("UPDATE kiosk SET health = ? WHERE kiosk = 'east'", health)


def test_phones_with_other_files_are_asked_to_leave_them(with_phone: Site, desk: Desk) -> None:
    report(with_phone, "old")
    rows = registry.kiosks(with_phone.database.reader)
    assert phones.outdated(rows, "old") == []
    outdated = phones.outdated(rows, "new")
    assert [row.kiosk for row in outdated] == ["east"]
    with_phone.database.write(lambda db: phones.ask_update(db, outdated, by=ADMIN, now=NOW))
    assert desk.phone("east").old_files == "old"
    assert desk.phone("west").old_files is None
    assert desk.acts(Act.PHONES_UPDATE_ASKED) == [{"phones": 1}]
