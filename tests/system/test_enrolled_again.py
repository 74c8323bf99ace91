"""A kiosk that is enrolled again: what it admitted before reaches the ledger, each scan once."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from kiosk.cli.status import status_of, status_text
from server.demo.network_link import Link
from tests.system.support.site import LiveSite, site, wait_for
from tests.system.support.venue import door_toml, hall_toml
from tests.system.test_doors import at, free_places

pytestmark = pytest.mark.system

VENUE = hall_toml("hall", 20) + door_toml("west")
OFFLINE = (1, 2, 3)  # people who came in while the door was offline
INSIDE = "SELECT serial, COUNT(*) FROM scan WHERE decision = 'admitted' GROUP BY serial"


@pytest.fixture
def place(tmp_path: Path) -> Iterator[LiveSite]:
    with site(tmp_path, VENUE, people=8) as live:
        live.start_server()
        yield live


def admit_offline(place: LiveSite, link: Link) -> None:
    """Three green lights that the server does not hear of."""
    with at(place, "west") as west:
        west.let_in(place.badge(0))
        wait_for("the ledger", lambda: status_of(place.path / "west")["waiting"] == 0)
        wait_for("places", lambda: free_places(place, "west") >= len(OFFLINE))
        link.cut()
        for number in OFFLINE:
            assert west.present(place.badge(number), "entry").admitted
    assert status_of(place.path / "west")["waiting"] == len(OFFLINE)


def all_are_in(place: LiveSite) -> bool:
    """Whether each person's entry is in the ledger. Raises AssertionError if one is there twice."""
    entries = dict(place.query(INSIDE))
    assert set(entries.values()) <= {1}
    return set(entries) == {place.serial(number) for number in (0, *OFFLINE)}


def test_scans_are_sent_before_if_the_server_answers(place: LiveSite) -> None:
    with Link(place.address) as link:
        place.enrol("west", "west", port=link.address[1])
        admit_offline(place, link)
        link.mend()
        place.enrol("west", "west", again=True)
    assert all_are_in(place)
    assert place.query("SELECT generation, state FROM kiosk ORDER BY generation") == [
        (1, "retired"),
        (2, "active"),
    ]


def test_scans_that_could_not_be_sent_before_are_sent_later(place: LiveSite) -> None:
    with Link(place.address) as link:
        place.enrol("west", "west", port=link.address[1])
        admit_offline(place, link)
        # The old address never answers again. The code has another.
        place.enrol("west", "west", again=True)
    status = status_of(place.path / "west")
    assert (status["waiting"], status["earlier"]) == (0, {"earlier-1": len(OFFLINE)})
    assert "3 scans of earlier-1 wait to be sent" in status_text(status)
    with at(place, "west"):
        wait_for("the earlier scans", lambda: all_are_in(place))
        wait_for("its note", lambda: status_of(place.path / "west")["earlier"] == {})
    assert place.query("SELECT SUM(free) FROM place_account WHERE generation = 1") == [(0,)]
