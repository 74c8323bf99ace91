"""Effects of the badge desk at doors with and without the network: a corrected card that voids the
previous one, and a day credential.
"""

import contextlib
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from server.core.people import day_credentials
from server.demo.network_link import Link
from tests.system.support.desk import Desk
from tests.system.support.hand_scanner import HandScanner
from tests.system.support.site import LiveSite, free_port, site, wait_for
from tests.system.support.venue import door_toml, hall_toml

pytestmark = pytest.mark.system

BUSY_S = 240.0  # on any busy machine
CORRECTED = 5  # people
VENUE = hall_toml("hall", 900, anti_passback="off") + door_toml("west") + door_toml("east")


@dataclass
class Doors:
    """West is online, and the link is east's way to the server."""

    place: LiveSite
    link: Link
    west: HandScanner
    east: HandScanner
    desk: Desk


@pytest.fixture
def doors(tmp_path: Path) -> Iterator[Doors]:
    with contextlib.ExitStack() as parts:
        place = parts.enter_context(site(tmp_path, VENUE, people=12))
        place.start_server()
        link = parts.enter_context(Link(place.address))
        place.enrol("west", "west")
        place.enrol("east", "east", port=link.address[1])
        scanners: list[HandScanner] = []
        for name in ("west", "east"):
            port = free_port()
            process = place.run_typed(name, port)
            scanner = HandScanner(process, port, place.ground.connect)
            scanners.append(parts.enter_context(scanner))
        for scanner in scanners:
            wait_for("a door that knows itself", lambda waiting=scanner: waiting.turn("entry"))
            scanner.let_in(place.badge(0))
        west, east = scanners
        yield Doors(place, link, west, east, parts.enter_context(Desk(place)))


def until_refused(door: HandScanner, text: str, reason: str) -> None:
    """Show the card again and again, until the door refuses it."""
    deadline = time.monotonic() + BUSY_S
    while time.monotonic() < deadline:
        answer = door.present(text, "entry")
        if not answer.admitted:
            assert answer.reason == reason
            return
    raise AssertionError("the card was never refused")


def test_a_card_whose_name_was_corrected_is_refused_everywhere(doors: Doors) -> None:
    """At online doors at once, at an offline door as soon as it has seen the new card."""
    place, west, east = doors.place, doors.west, doors.east
    people = range(1, CORRECTED + 1)
    old = {number: place.badge(number) for number in people}
    for number in people:
        assert west.present(old[number], "entry").admitted
    assert east.present(old[1], "entry").admitted
    doors.link.cut()
    for number in people:
        serial = place.serial(number)
        doors.desk.correct(serial, family_name=f"Corrected {number}")
        assert west.present(old[number], "entry").admitted, "a correction alone voids no card"
        doors.desk.reissue(serial, "changed")
        until_refused(west, old[number], "superseded")
    for number in people:
        new = place.badge(number)
        assert new != old[number]
        offline = east.present(old[number], "entry")
        assert offline.admitted, "nothing told the offline door"
        assert east.present(new, "entry").admitted
        late = east.present(old[number], "entry")
        assert (late.admitted, late.reason) == (False, "superseded")
        assert west.present(new, "entry").admitted
    doors.link.mend()
    wait_for("the ledger", place.settled)
    listed = place.query(
        "SELECT s.kiosk, COUNT(*) FROM discrepancy d JOIN scan s ON s.number = d.number"
        " WHERE d.reason = 'superseded' GROUP BY s.kiosk"
    )
    # West may have admitted a person between the desk's answer and the server's message.
    assert dict(listed)["east"] == CORRECTED, "the ledger tells of each"


def test_a_day_credential_at_both_doors(doors: Doors) -> None:
    """The badge is denied at the online door at once, at the other once it has seen the
    credential.
    """
    place, west, east = doors.place, doors.west, doors.east
    serial, badge = place.serial(1), place.badge(1)
    assert west.present(badge, "entry").admitted
    doors.link.cut()
    doors.desk.give_day_credential(serial, 0)
    until_refused(west, badge, "day_credential")
    (given,) = day_credentials.of_attendee(place.database.reader, serial)
    assert east.present(badge, "entry").admitted, "nothing told the offline door"
    for door in (west, east):
        assert door.present(given.credential, "entry").admitted
        assert door.present(badge, "entry").reason == "day_credential"
