"""Three kiosks on video while the server dies for 20 s and one kiosk is killed five times.

What was shown green is in the ledger exactly once, and the hall with two doors never exceeds its
capacity.
"""

import time
from pathlib import Path

import pytest

from server.demo.film.film import Shown, make_films
from tests.system.support.site import LiveSite, Process, site, wait_for

pytestmark = [pytest.mark.system, pytest.mark.timeout(300)]

CAPACITY = 12
VENUE = f"""
[[hall]]
code = "small"
name = "Small hall"
capacity = {CAPACITY}
categories = ["delegate"]
[[hall]]
code = "large"
name = "Large hall"
capacity = 500
categories = ["delegate"]
[[door]]
code = "small-west"
hall = "small"
name = "West"
mode = "entry"
[[door]]
code = "small-east"
hall = "small"
name = "East"
mode = "entry"
[[door]]
code = "large-main"
hall = "large"
name = "Main"
mode = "entry"
"""
DOORS = {"west": "small-west", "east": "small-east", "main": "large-main"}
PEOPLE = {"west": range(0, 10), "east": range(10, 20), "main": range(20, 38)}
OUTAGE_S = 20
KILLS = 5


@pytest.fixture(scope="module")
def films(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("films")


def draw(place: LiveSite, folder: Path) -> dict[str, Path]:
    made = {name: folder / f"{name}.avi" for name in DOORS}
    make_films(
        [(made[name], [Shown(place.badge(n)) for n in PEOPLE[name]]) for name in DOORS], "Test", 5
    )
    return made


def kill_while_admitting(kiosk: Process, restart: Path, place: LiveSite) -> None:
    """Kill it just after a green, five times; it begins its film again each time."""
    for _ in range(KILLS):
        shown = len(kiosk.greens())
        wait_for("a green", lambda shown=shown: len(kiosk.greens()) > shown, 60)
        kiosk.kill()
        place.run("main", restart, "--until-end")


def most_inside(place: LiveSite) -> int:
    """The most that were ever in the small hall by the doors' own journals, exits there
    being none.
    """
    sql = "SELECT COUNT(*) FROM scan JOIN hall USING (hall_id) WHERE code = ? AND decision = ?"
    return place.query(sql, "small", "admitted")[0][0]


def test_nothing_shown_green_is_lost_and_no_hall_is_overfilled(tmp_path: Path, films: Path) -> None:
    with site(tmp_path, VENUE, people=40) as place:
        cameras = draw(place, films)
        place.start_server()
        for name, door in DOORS.items():
            place.enrol(name, door)
        for name in DOORS:
            place.run(name, cameras[name], "--until-end")
        wait_for("first scans", lambda: all(k.greens() for k in place.kiosks.values()), 60)

        place.server.kill()
        died = time.monotonic()
        kill_while_admitting(place.kiosks["main"], cameras["main"], place)
        time.sleep(max(0, OUTAGE_S - (time.monotonic() - died)))
        place.start_server()

        wait_for("the films' end", lambda: not any(k.alive for k in place.kiosks.values()), 180)
        wait_for("all scans to arrive", place.settled)
        greens = {
            (name, said["seq"]) for name, kiosk in place.kiosks.items() for said in kiosk.greens()
        }
        ledger = place.query("SELECT kiosk, seq FROM scan WHERE decision = 'admitted'")
        assert len(set(ledger)) == len(ledger)
        assert greens - set(ledger) == set()
        assert len(greens) > 20
        assert most_inside(place) == CAPACITY
        small_hall = [place.kiosks["west"], place.kiosks["east"]]
        assert any(said["reason"] == "hall_full" for k in small_hall for said in k.answers)
        assert place.query("SELECT reason FROM discrepancy") == []
