"""Knowledge shared by doors: a copied badge, a reissued badge, with and without the network."""

import contextlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from kiosk.cli.status import status_of
from server.core.ledger import entries
from server.core.occupancy import figures
from server.core.people import issuing
from server.demo.network_link import Link
from tests.system.support.hand_scanner import HandScanner
from tests.system.support.site import LiveSite, free_port, now_ms, site, wait_for
from tests.system.support.venue import door_toml, hall_toml

pytestmark = pytest.mark.system

VENUE = hall_toml("hall", 20) + door_toml("west") + door_toml("east")


@pytest.fixture
def place(tmp_path: Path) -> Iterator[LiveSite]:
    with site(tmp_path, VENUE, people=8) as live:
        live.start_server()
        live.enrol("west", "west")
        yield live


@pytest.fixture
def link(place: LiveSite) -> Iterator[Link]:
    """The east door's link to the server, which can be cut."""
    with Link(("127.0.0.1", place.port)) as connection:
        place.enrol("east", "east", port=connection.address[1])
        yield connection


@contextlib.contextmanager
def at(place: LiveSite, name: str, *, online: bool = True) -> Iterator[HandScanner]:
    """Start the kiosk and let it receive past events, if it can. Stop it at the end."""
    port = free_port()
    process = place.run_typed(name, port)
    with HandScanner(process, port, place.ground.connect) as scanner:
        wait_for(f"{name} to know its door", lambda: scanner.turn("entry"))
        if online:
            wait_for(f"{name} to hear", lambda: place.has_heard(name))
        yield scanner
    process.stop()


def prepare_east(place: LiveSite) -> None:
    """Wait until it has its facts and places."""
    with at(place, "east") as east:
        east.let_in(place.badge(0))
        wait_for("places at east", lambda: free_places(place, "east") > 0)


def free_places(place: LiveSite, name: str) -> int:
    return sum(status_of(place.path / name)["free_places"].values())


def reissue(place: LiveSite, number: int) -> None:
    place.write(
        lambda db: issuing.reissue(
            db, place.event, place.serial(number), reason="lost", now=now_ms(), by="test"
        )
    )


def test_a_copied_badge_is_denied_while_both_doors_are_online(place: LiveSite, link: Link) -> None:
    with at(place, "west") as west:
        west.let_in(place.badge(1))
        wait_for("the ledger", place.settled)
    with at(place, "east") as east:
        assert east.present(place.badge(1), "entry").reason == "already_inside"


def test_a_copied_badge_at_an_offline_door_is_a_discrepancy(place: LiveSite, link: Link) -> None:
    prepare_east(place)
    link.cut()
    with at(place, "west") as west:
        first = west.let_in(place.badge(1))
    with at(place, "east", online=False) as east:
        second = east.present(place.badge(1), "entry")
        assert second.admitted
        assert place.query("SELECT * FROM discrepancy") == []
        link.mend()
        wait_for("the ledger", place.settled)
    (discrepancy,) = entries.discrepancies(place.database.reader)
    assert discrepancy.reason == "already_inside"
    rows = place.query(
        "SELECT s.kiosk, s.scanned_at, o.kiosk, o.scanned_at FROM discrepancy d"
        " JOIN scan s ON s.number = d.number JOIN scan o ON o.number = d.other_number"
    )
    assert rows == [("east", second.said["at"], "west", first.said["at"])]


def test_a_reissued_badge_voids_the_old_one_everywhere(place: LiveSite, link: Link) -> None:
    old = place.badge(1)
    prepare_east(place)
    reissue(place, 1)
    for name in ("west", "east"):
        with at(place, name) as door:
            assert door.present(old, "entry").reason == "superseded"


def test_an_offline_door_that_saw_the_new_badge_denies_the_old(place: LiveSite, link: Link) -> None:
    old = place.badge(3)
    prepare_east(place)
    link.cut()
    reissue(place, 3)
    with at(place, "east", online=False) as east:
        assert east.present(place.badge(3), "entry").admitted
        assert east.present(old, "entry").reason == "superseded"


def test_copies_get_nobody_in_when_the_kiosk_dies_and_comes_back(tmp_path: Path) -> None:
    """The hall is full of people who saw their lights."""
    venue = VENUE.replace("capacity = 20", "capacity = 3")
    with site(tmp_path, venue, people=3) as place:
        place.start_server()
        place.enrol("west", "west")
        with at(place, "west") as west:
            for number in range(3):
                west.let_in(place.badge(number))
            place.kiosks["west"].kill()
        with at(place, "west") as west:
            copies = [west.present(place.badge(number), "entry") for number in range(3)]
            wait_for("the ledger", place.settled)
        # If the restart took over a minute, the door asks about none, and admits none.
        assert {copy.reason for copy in copies} <= {"before_restart", "already_inside"}
        (hall,) = figures.hall_figures(place.database.reader)
        assert (hall.inside, hall.worst_case) == (3, 3)
        asked = sum(copy.reason == "before_restart" for copy in copies)
        listed = place.query("SELECT COUNT(*) FROM discrepancy WHERE reason = 'before_restart'")
        assert listed == [(asked,)]
