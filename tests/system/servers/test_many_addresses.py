"""A real kiosk that knows two addresses of its server: one ends or falls silent, and the kiosk uses
the other within two seconds. Each green is in the ledger once.
"""

import socket
from contextlib import closing
from pathlib import Path

import pytest

from badges.wire.servers import ServerAddress, preferred
from kiosk.cli.status import status_of
from server.demo.network_link import Link
from tests.system.support.hand_scanner import HandScanner
from tests.system.support.site import LiveSite, free_port, hallkeeper, site, wait_for
from tests.system.support.venue import door_toml, hall_toml

pytestmark = pytest.mark.system

BUSY_S = 240.0  # on any busy machine
LASTING = 2  # A kiosk's feed and its posts. A probe of a server's readiness is one connection.
VENUE = hall_toml("small", 50) + door_toml("main", "small")


def tell(place: LiveSite, *links: Link) -> None:
    listed = [f"{host}:{port}" for host, port in (link.address for link in links)]
    hallkeeper("servers", *listed, "--event", str(place.event.path))


def in_order(*links: Link) -> list[Link]:
    """In the order in which the kiosks of the first hall try them."""
    by_text = {f"{link.address[0]}:{link.address[1]}": link for link in links}
    addresses = [ServerAddress(*link.address) for link in links]
    return [by_text[address.text] for address in preferred(addresses, 1)]


def free_places(place: LiveSite) -> int:
    return sum(status_of(place.path / "west")["free_places"].values())


def is_back(first: Link, *others: Link) -> bool:
    return carried(first) >= LASTING and not any(carried(link) for link in others)


def carried(link: Link) -> int:
    return len(link._carried)


def moves(place: LiveSite) -> list[str]:
    """The kiosk's messages about each server that did not answer it."""
    lines = place.kiosks["west"].log.read_text().splitlines()
    return [line for line in lines if "does not answer" in line]


def is_next(link: Link, other: Link) -> str:
    """The kiosk's message when it moves from one link to the other."""
    names = [f"{host}:{port}" for host, port in (link.address, other.address)]
    return f"{names[0]} does not answer: {names[1]} is next"


def said_since(place: LiveSite, count: int, line: str) -> bool:
    return any(line in move for move in moves(place)[count:])


def until_acknowledged(place: LiveSite) -> None:
    wait_for("the acknowledgement", lambda: not place.waiting("west"))


def test_it_goes_on_with_the_next_and_comes_back(tmp_path: Path) -> None:
    with site(tmp_path, VENUE, people=30) as place:
        place.start_server()
        with (
            closing(Link(place.address)) as entrance,
            closing(Link(place.address)) as link,
            closing(Link(place.address)) as other,
        ):
            place.enrol("west", "main", port=entrance.address[1])
            first, second = in_order(link, other)
            tell(place, link, other)
            port = free_port()
            with HandScanner(place.run_typed("west", port), port, socket.create_connection) as west:
                wait_for("the first choice", lambda: carried(first) >= LASTING)
                assert (tmp_path / "west" / "servers.signed").exists()
                west.let_in(place.badge(1))
                wait_for("places", lambda: free_places(place) > 0)
                until_acknowledged(place)

                # Silent, with every connection still open. It may have left a slow machine before.
                wait_for("the first choice again", lambda: is_back(first, second, entrance))
                count = len(moves(place))
                first.cut()
                assert west.present(place.badge(2), "entry").admitted
                until_acknowledged(place)
                wait_for("its words", lambda: said_since(place, count, is_next(first, second)))
                wait_for("another choice", lambda: carried(second) + carried(entrance))

                first.mend()
                wait_for("the way back", lambda: is_back(first, second, entrance))
                west.let_in(place.badge(3))
                until_acknowledged(place)

                # Ended, as when a server is killed.
                wait_for("the first choice again", lambda: is_back(first, second, entrance))
                count = len(moves(place))
                first.close()
                west.let_in(place.badge(4))
                until_acknowledged(place)
                wait_for("its words", lambda: said_since(place, count, is_next(first, second)))

            # It knows both after a restart, even if the enrolment's address is down.
            entrance.close()
            place.kiosks["west"].stop()
            with HandScanner(place.run_typed("west", port), port, socket.create_connection) as west:
                west.let_in(place.badge(5))
                until_acknowledged(place)
        once = "SELECT COUNT(*) FROM scan WHERE decision = 'admitted' GROUP BY serial"
        assert place.query(once) == [(1,)] * 5
