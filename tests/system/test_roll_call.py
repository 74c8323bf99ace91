"""A roll call at three assembly points while the network is cut.

Three real kiosks note 1,020 people, and the server has each exactly once afterwards, even after one
kiosk was killed.
"""

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from server.core.muster import muster
from server.core.muster.snapshot import Sureness
from server.core.occupancy.grants import LIVE_MS
from server.core.staff import pins, users
from server.features.muster import lists
from server.features.muster.lists import State, Wanted
from tests.system.support.site import LiveSite, now_ms, site, wait_for
from tests.system.support.venue import door_toml, hall_toml
from tests.system.test_supervisor import MEI, PIN, Desk

pytestmark = pytest.mark.system

PEOPLE = 1_020  # More than the feed reads and trims at once, and seven batches of each kiosk.
POINTS = ("north", "east", "south")
SEEN_TWICE = 50  # people seen by both the second and the third point
MISSING = 40  # who never come to any point
VENUE = hall_toml("hall", PEOPLE + 500) + "".join(map(door_toml, POINTS))


class Point(Desk):
    """A kiosk's page, where a supervisor begins the roll call and a scanner types badges."""

    def begin_roll_call(self, name: str) -> None:
        self.unlock()
        status, answer = self.post("roll-call", {"point": name})
        assert status == 204, answer
        wait_for("the roll call", lambda: self.status()["roll_call"] == name)

    def restart(self) -> None:
        """Lose power, and come back."""
        self.kiosk.kill()
        self.kiosk.answers.clear()
        self.kiosk.start()
        self._direction = ""
        wait_for("the page again", self._open)
        wait_for("facts again", lambda: bool(self.status()["hall_names"]))

    def see(self, badge: str) -> None:
        answer = self.present(badge, "entry")
        assert answer.reason == "roll_call", answer.said


@pytest.fixture
def place(tmp_path: Path) -> Iterator[LiveSite]:
    with site(tmp_path, VENUE, people=PEOPLE) as live:
        pin = pins.hash_pin(PIN)
        live.write(lambda db: users.add_user(db, "Mei", "supervisor", "x", by="test", now=now_ms()))
        live.write(lambda db: pins.set_pin(db, MEI, pin, by="test", now=now_ms()))
        live.start_server()
        for name in POINTS:
            live.enrol(name, name)
        yield live


def test_three_points_without_network(place: LiveSite) -> None:
    desks = {name: Point(place, name) for name in POINTS}
    try:
        badges = [place.badge(n) for n in range(PEOPLE)]
        for desk in desks.values():
            desk.turn("entry")
        each(desks, lambda desk, n: desk.let_in(badges[n]), shares(range(PEOPLE)))
        wait_for("all entries", lambda: stays(place) == PEOPLE)
        place.server.kill()
        wait_for("offline", lambda: not any(desk.status()["online"] for desk in desks.values()))
        for name, desk in desks.items():
            desk.begin_roll_call(name[:1].upper())
        seen = shares(range(MISSING, PEOPLE))
        seen["south"] = [*seen["east"][:SEEN_TWICE], *seen["south"]]
        each(desks, lambda desk, n: desk.see(badges[n]), seen)
        desks["south"].restart()
        wait_for("the roll call", lambda: desks["south"].status()["roll_call"] == "S")
        again = range(PEOPLE - 5, PEOPLE)
        for n in again:
            desks["south"].see(badges[n])
        ((heard,),) = place.query("SELECT MAX(seen_at) FROM kiosk")
        # By then the doors count as not heard by the server's clock, which is put forward.
        late = max(now_ms(), heard + LIVE_MS + 1)
        roll_call = place.write(lambda db: muster.begin(db, "drill", by="user:1", now=late))
        counts = lists.counts(place.database.reader, roll_call.muster_id)  # type: ignore[attr-defined]
        assert counts.total("missing") == PEOPLE
        assert counts.sureness[Sureness.DOOR_AWAY] == PEOPLE, "the doors are not heard"
        place.start_server()
        total = sum(map(len, seen.values())) + len(again)
        wait_for("the points' scans", lambda: scans(place) == total)
        counts = lists.counts(place.database.reader, roll_call.muster_id)  # type: ignore[attr-defined]
        assert (counts.total("seen"), counts.total("missing")) == (PEOPLE - MISSING, MISSING)
        wanted = Wanted(state=State.MISSING)
        missing = lists.lines(place.database.reader, roll_call.muster_id, wanted)  # type: ignore[attr-defined]
        assert {line.serial for line in missing} == {place.serial(n) for n in range(MISSING)}
        ((noted, distinct),) = place.query(
            "SELECT COUNT(*), COUNT(DISTINCT number) FROM muster_seen"
        )
        assert noted == distinct == total, "each scan once"
        assert stays(place) == PEOPLE, "no stay ended by it"
    finally:
        for desk in desks.values():
            desk.close()


def shares(people: range) -> dict[str, list[int]]:
    return {name: list(people[at :: len(POINTS)]) for at, name in enumerate(POINTS)}


def each(desks: dict[str, Point], step, people: dict[str, list[int]]) -> None:
    failed: list[BaseException] = []

    def work(name: str) -> None:
        try:
            for n in people[name]:
                step(desks[name], n)
        except BaseException as error:
            failed.append(error)

    threads = [threading.Thread(target=work, args=(name,)) for name in desks]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failed, failed


def stays(place: LiveSite) -> int:
    return int(place.query("SELECT COUNT(*) FROM stay WHERE closed_at IS NULL")[0][0])


def scans(place: LiveSite) -> int:
    return int(place.query("SELECT COUNT(*) FROM scan WHERE reason = 'roll_call'")[0][0])
