"""What doors know of each other: a copied badge, a reissued badge, with and without the network."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from server.demo.film.film import Shown, make_film
from server.demo.network_link import Link
from server.ledger import entries
from server.people import issuing
from tests.system.support.site import LiveSite, now_ms, site, wait_for

pytestmark = [pytest.mark.system, pytest.mark.timeout(240)]

VENUE = """
[[hall]]
code = "hall"
name = "Hall"
capacity = 20
categories = ["delegate"]
[[door]]
code = "west"
hall = "hall"
name = "West"
mode = "entry"
[[door]]
code = "east"
hall = "hall"
name = "East"
mode = "entry"
"""


@pytest.fixture
def place(tmp_path: Path) -> Iterator[LiveSite]:
    with site(tmp_path, VENUE, people=8) as made:
        made.start_server()
        made.enrol("west", "west")
        yield made


@pytest.fixture
def link(place: LiveSite) -> Iterator[Link]:
    """The east door's way to the server, which can be cut."""
    with Link(("127.0.0.1", place.port)) as made:
        place.enrol("east", "east", port=made.address[1])
        yield made


def show(place: LiveSite, kiosk: str, *texts: str) -> list[dict]:
    """Carry badges before a kiosk's camera, and return its answers."""
    film = place.path / f"{kiosk}-{len(texts)}-{now_ms()}.avi"
    make_film(film, [Shown(text) for text in texts], "Test", now_ms() % 1000)
    process = place.kiosks.get(kiosk)
    before = len(process.answers) if process else 0
    if process:
        process.command[process.command.index("--camera") + 1] = str(film)
    process = place.run(kiosk, film)
    wait_for(f"answers at {kiosk}", lambda: len(process.answers) >= before + len(texts), 60)
    process.stop()
    return process.answers[before:]


def reissue(place: LiveSite, number: int) -> None:
    place.write(
        lambda db: issuing.reissue(
            db, place.event, place.serial(number), reason="lost", now=now_ms(), by="test"
        )
    )


def test_a_copied_badge_is_denied_while_both_doors_are_online(place: LiveSite, link: Link) -> None:
    (first,) = show(place, "west", place.badge(1))
    (second,) = show(place, "east", place.badge(1))
    assert (first["decision"], second["decision"]) == ("admitted", "denied")
    assert second["reason"] == "already_inside"


def test_a_copied_badge_at_an_offline_door_is_a_discrepancy(place: LiveSite, link: Link) -> None:
    show(place, "east", place.badge(0))  # it has its facts and places
    link.cut()
    (first,) = show(place, "west", place.badge(1))
    (second,) = show(place, "east", place.badge(1))
    assert (first["decision"], second["decision"]) == ("admitted", "admitted")
    assert place.query("SELECT * FROM discrepancy") == []
    link.mend()
    show(place, "east", place.badge(2))
    wait_for("the ledger", place.settled)
    (found,) = entries.discrepancies(place.database.reader)
    assert found.reason == "already_inside"
    rows = place.query(
        "SELECT s.kiosk, s.scanned_at, o.kiosk, o.scanned_at FROM discrepancy d"
        " JOIN scan s ON s.number = d.number JOIN scan o ON o.number = d.other_number"
    )
    assert rows == [("east", second["at"], "west", first["at"])]


def test_a_reissued_badge_voids_the_old_one_everywhere(place: LiveSite, link: Link) -> None:
    old = place.badge(1)
    (before,) = show(place, "east", place.badge(0))
    assert before["decision"] == "admitted"
    reissue(place, 1)
    (online,) = show(place, "west", old)
    assert online["reason"] == "superseded"
    (known,) = show(place, "east", old)
    assert known["reason"] == "superseded"


def test_an_offline_door_that_sees_the_new_badge_denies_the_old(
    place: LiveSite, link: Link
) -> None:
    old = place.badge(3)
    show(place, "east", place.badge(0))
    link.cut()
    reissue(place, 3)
    new, late = show(place, "east", place.badge(3), old)
    assert new["decision"] == "admitted"
    assert late["reason"] == "superseded"
