"""A supervisor at two real kiosks: places up to the fire limit and not beyond, annulments, names,
another door, and a shift's end that gives its places to the other door.
"""

import http.client
import json
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from server.core.staff import pins, users
from tests.system.support.hand_scanner import HandScanner
from tests.system.support.site import READY_S, LiveSite, free_port, now_ms, site, wait_for
from tests.system.support.venue import door_toml, hall_toml

pytestmark = pytest.mark.system

CAPACITY, FIRE_LIMIT = 4, 6
PIN = "493817"
MEI = 2  # the first user after `admin`
VENUE = (
    hall_toml("hall", CAPACITY, fire_limit=FIRE_LIMIT)
    + hall_toml("annexe", 9)
    + door_toml("west")
    + door_toml("east")
    + door_toml("annexe-door", "annexe", name="Annexe door")
)
PRINTED = ("override", "admit", "annul")  # actions with an answer, as if a badge were shown


class Desk(HandScanner):
    """The kiosk's page with a supervisor at it."""

    def __init__(self, place: LiveSite, name: str) -> None:
        port = free_port()
        super().__init__(place.run_typed(name, port), port, socket.create_connection)
        wait_for(f"facts at {name}", self._knows)

    def _knows(self) -> bool:
        status = self.status()
        return bool(status["online"] and status["hall_names"])

    def post(self, path: str, body: dict | None = None) -> tuple[int, dict]:
        count = len(self.kiosk.answers)
        status, answer = self._request("POST", f"/supervisor/{path}", body or {"": 0})
        if status == 200 and path in PRINTED:  # so that `present` does not take it for its own
            wait_for(f"the line of {path}", lambda: len(self.kiosk.answers) > count)
        return status, json.loads(answer) if answer else {}

    def unlock(self) -> None:
        wait_for("the PIN", lambda: self.status()["supervisors"])
        status, answer = self.post("unlock", {"user": MEI, "pin": PIN})
        assert status == 200, answer

    def override(self, seq: int) -> tuple[int, dict]:
        return self.post("override", {"seq": seq, "reason": "invited_by_host"})

    def let_in_beyond(self, text: str) -> None:
        """Deny, and override it, until a place has come for it. Another door may have asked a
        moment earlier and get it first, and a busy machine may be late with it.
        """

        def is_in() -> bool:
            denied = self.present(text, "entry")
            assert denied.reason == "hall_full", denied.said
            status, answer = self.override(denied.said["seq"])
            assert (status, answer.get("error")) in ((200, None), (409, "no_place")), answer
            return status == 200

        wait_for("a place beyond", is_in)

    def doors(self) -> dict[str, int]:
        status, answer = self._request("GET", "/supervisor/doors")
        assert status == 200, answer
        return {door["names"]["en"]: door["door"] for door in json.loads(answer)["doors"]}

    def status(self) -> dict:
        feed = http.client.HTTPConnection("127.0.0.1", self._page.port, timeout=READY_S)
        try:
            feed.request("GET", "/feed", headers={"Cookie": self._cookie})
            response = feed.getresponse()
            while not (line := response.readline()).startswith(b"data: {"):
                assert line
            return json.loads(line.removeprefix(b"data: "))["status"]
        finally:
            feed.close()


@pytest.fixture
def place(tmp_path: Path) -> Iterator[LiveSite]:
    with site(tmp_path, VENUE, people=20) as live:
        pin = pins.hash_pin(PIN)
        live.write(lambda db: users.add_user(db, "Mei", "supervisor", "x", by="test", now=now_ms()))
        live.write(lambda db: pins.set_pin(db, MEI, pin, by="test", now=now_ms()))
        live.start_server()
        live.enrol("west", "west")
        live.enrol("east", "east")
        yield live


@pytest.fixture
def west(place: LiveSite) -> Iterator[Desk]:
    with Desk(place, "west") as desk:
        yield desk


@pytest.fixture
def east(place: LiveSite) -> Iterator[Desk]:
    with Desk(place, "east") as desk:
        yield desk


def inside(place: LiveSite) -> tuple[int, int]:
    """On ordinary places, and beyond the capacity."""
    ((usual, beyond),) = place.query(
        "SELECT open_stays, open_overrides FROM hall WHERE code = 'hall'"
    )
    return usual, beyond


def fill(place: LiveSite, desk: Desk) -> None:
    for number in range(CAPACITY):
        desk.let_in(place.badge(number))
    assert desk.present(place.badge(CAPACITY), "entry").reason == "hall_full"


def test_overrides_end_at_the_fire_limit(place: LiveSite, west: Desk, east: Desk) -> None:
    fill(place, west)
    west.unlock()
    west.let_in_beyond(place.badge(CAPACITY))
    east.unlock()
    east.let_in_beyond(place.badge(CAPACITY + 1))
    for desk in (west, east):
        denied = desk.present(place.badge(CAPACITY + 2), "entry")
        status, answer = desk.override(denied.said["seq"])
        assert (status, answer["error"]) == (409, "no_place")
    wait_for("the ledger", lambda: inside(place) == (CAPACITY, FIRE_LIMIT - CAPACITY))
    rows = place.query("SELECT act, supervisor, note, override_place FROM scan WHERE act <> 'scan'")
    assert rows == [("override", f"user:{MEI}", "invited_by_host", 1)] * 2
    assert place.query("SELECT * FROM discrepancy") == []

    # The person let in beyond capacity at the other door, which may not know it yet.
    wait_for("the feed", lambda: place.has_heard("east"))
    assert east.present(place.badge(CAPACITY), "exit").admitted
    wait_for("the exit", lambda: inside(place) == (CAPACITY, 1))
    # Only a supervisor can use a place beyond capacity.
    west.let_in_beyond(place.badge(CAPACITY + 2))
    wait_for("the ledger", lambda: inside(place) == (CAPACITY, 2))


def test_an_annulled_admission_frees_its_place(place: LiveSite, west: Desk, east: Desk) -> None:
    fill(place, west)
    west.unlock()
    wait_for("the ledger", lambda: inside(place) == (CAPACITY, 0))
    ((last,),) = place.query("SELECT MAX(seq) FROM scan WHERE decision = 'admitted'")
    wait_for("the status", lambda: (west.status()["can_annul"] or {}).get("seq") == last)
    status, answer = west.post("annul", {"seq": last, "reason": "nobody_passed"})
    assert status == 200, answer
    wait_for("the annulment", lambda: inside(place) == (CAPACITY - 1, 0))
    assert place.query("SELECT closed_by FROM stay WHERE closed_at IS NOT NULL") == [("annul",)]
    assert west.post("annul", {"seq": last, "reason": "nobody_passed"})[1]["error"] == (
        "already_over"
    )
    wait_for("the feed", lambda: place.has_heard("east"))
    east.let_in(place.badge(CAPACITY - 1))  # the same person, at the other door


def test_somebody_without_a_badge_is_found_by_name(place: LiveSite, west: Desk) -> None:
    west.unlock()
    status, people = west.post("people", {"words": "7 NUMBER"})
    assert status == 200, people
    (person,) = [p for p in people["people"] if p["name"] == "Guest Number 7"]
    assert person["serial"] == place.serial(7)

    def is_admitted() -> bool:  # at once, unless a busy machine is late with the place
        status, answer = west.post("admit", {"serial": person["serial"]})
        assert status == 200
        return answer["admitted"]

    wait_for("a place", is_admitted)
    wait_for("the ledger", lambda: inside(place) == (1, 0))
    sql = "SELECT flags, supervisor FROM scan WHERE decision = 'admitted'"
    ((flags, supervisor),) = place.query(sql)
    assert (flags, supervisor) == ("looked_up", f"user:{MEI}")
    assert place.query("SELECT * FROM discrepancy") == []
    denied = west.present(place.badge(7), "entry")
    assert denied.reason == "already_inside"

    place.server.kill()
    wait_for("the loss of the server", lambda: not west.status()["online"])
    status, answer = west.post("people", {"words": "guest"})
    assert (status, answer["error"]) == (503, "no_server")
    again = west.present(place.badge(7), "entry")
    assert again.reason == "already_inside", "the door goes on"


def test_the_end_of_a_shift_gives_its_places_to_the_other_door(
    place: LiveSite, west: Desk, east: Desk
) -> None:
    west.let_in(place.badge(0))
    west.unlock()
    status, answer = west.post("end-shift")
    assert (status, answer["shift"]["admitted"]) == (200, 1)
    assert west.present(place.badge(1), "entry").reason == "door_resting"
    for number in range(1, CAPACITY):
        east.let_in(place.badge(number))
    assert east.present(place.badge(CAPACITY), "entry").reason == "hall_full"
    assert west.present(place.badge(0), "exit").admitted, "an exit is never refused"
    wait_for("the exit", lambda: inside(place) == (CAPACITY - 1, 0))
    east.let_in(place.badge(CAPACITY))
    west.unlock()
    assert west.post("resume")[0] == 204
    assert east.present(place.badge(1), "exit").admitted
    wait_for("the exit", lambda: inside(place) == (CAPACITY - 1, 0))
    wait_for("work", lambda: not west.status()["resting"])
    west.let_in(place.badge(8))


def test_a_kiosk_moves_to_another_door_and_back(place: LiveSite, west: Desk, east: Desk) -> None:
    west.let_in(place.badge(0))
    west.unlock()
    doors = west.doors()
    assert west.post("door", {"door": doors["Annexe door"]})[0] == 200
    wait_for("the move", lambda: west.status()["hall_names"].get("en") == "Annexe")
    west.let_in(place.badge(9))  # with places of the new hall
    for number in range(1, CAPACITY):  # and those of the old hall are the other door's
        east.let_in(place.badge(number))

    place.enrol("south", "annexe-door")
    with Desk(place, "south") as south:
        south.let_in(place.badge(10))
        wait_for("the ledger", place.settled)
        wait_for("the feed of the new hall", lambda: place.has_heard("west"))
        assert _is_inside(west, place.badge(10))

    west.unlock()
    assert west.post("door", {"door": doors["West"]})[0] == 200
    wait_for("the way back", lambda: west.status()["hall_names"].get("en") == "Hall")
    wait_for("the ledger", place.settled)
    wait_for("the feed", lambda: place.has_heard("west"))
    assert _is_inside(west, place.badge(0)), "its own stay of before"
    assert _is_inside(west, place.badge(1)), "and what happened at the other door meanwhile"
    acts = place.query(
        "SELECT COUNT(*) FROM leaf WHERE kind = 'act' AND CAST(body AS TEXT) LIKE '%kiosk_moved%'"
    )
    assert acts == [(2,)]


def _is_inside(desk: Desk, text: str) -> bool:
    return desk.present(text, "entry").reason == "already_inside"
