"""The server's certificate changes under real kiosks: they follow, also those that were off."""

import contextlib
import json
import signal
import socket
import ssl
from pathlib import Path

import pytest

from kiosk.config.identity import load_identity
from kiosk.sync.transport import spki_sha256
from server.core.event.directory import load_event
from tests.server.support.authority import Authority, pem
from tests.system.support.hand_scanner import HandScanner
from tests.system.support.site import (
    READY_S,
    LiveSite,
    free_port,
    hallkeeper,
    now_ms,
    site,
    wait_for,
)
from tests.system.support.venue import door_toml, hall_toml

pytestmark = pytest.mark.system


VENUE = "".join(
    hall_toml(name, 400, fire_limit=400) + door_toml(f"{name}-door", name)
    for name in ("west", "east", "annexe")
)


def certificate(place: LiveSite, *words: str) -> str:
    return hallkeeper("certificate", *words, "--event", str(place.event.path))


def restarted(place: LiveSite, *words: str) -> None:
    place.server.stop()
    certificate(place, *words)
    place.event = load_event(place.event.path)
    place.start_server()


def pinned(place: LiveSite, name: str) -> tuple[bytes, int]:
    identity = load_identity(place.path / name)
    return identity.spki_sha256, identity.server_key_number


def served(place: LiveSite) -> bytes | None:
    with contextlib.suppress(OSError):
        with place.ground.connect(place.address, READY_S) as plain:
            context = ssl.create_default_context()
            context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
            with context.wrap_socket(plain) as secured:
                return spki_sha256(secured.getpeercert(binary_form=True))
    return None


def scanned(place: LiveSite, door: HandScanner, name: str, number: int) -> None:
    # Its page is there before it knows its door.
    wait_for(f"facts at {name}", lambda: door.turn("entry"))
    door.let_in(place.badge(number))
    wait_for("the ledger", lambda: place.waiting(name) == 0)


def test_doors_follow(tmp_path: Path) -> None:
    authority = Authority(now_ms())
    with site(tmp_path, VENUE, people=20) as place:
        own = place.event.spki_sha256
        place.start_server()
        place.enrol("west", "west-door")
        place.enrol("east", "east-door")
        port = free_port()
        with HandScanner(place.run_typed("west", port), port, socket.create_connection) as west:
            scanned(place, west, "west", 1)
            assert pinned(place, "west") == (own, 0)

            restarted(place, "install", *authority.files(tmp_path, place.ground.host))
            assert place.event.spki_sha256 != own
            scanned(place, west, "west", 2)
            assert pinned(place, "west") == (place.event.spki_sha256, 1)
            # A browser that knows the authority trusts the server now, with the chain as sent.
            root = tmp_path / "root.pem"
            root.write_bytes(pem(authority.root))
            context = ssl.create_default_context(cafile=str(root))
            with place.ground.connect(place.address, READY_S) as plain:
                with context.wrap_socket(plain, server_hostname=place.ground.host) as secured:
                    assert secured.version() == "TLSv1.3"

            # Only the worker is restarted.
            certificate(place, "install", "--self-signed")
            assert place.server.child is not None
            place.server.child.send_signal(signal.SIGHUP)
            place.event = load_event(place.event.path)
            wait_for("the event's own", lambda: served(place) == own)
            scanned(place, west, "west", 4)
            assert pinned(place, "west") == (own, 2)

        # The other door was off at both changes, and hears only of the second.
        place.enrol("annexe", "annexe-door")
        assert pinned(place, "annexe") == (own, 2)
        port = free_port()
        restarted(place, "install", *authority.files(tmp_path, place.ground.host))
        with HandScanner(place.run_typed("east", port), port, socket.create_connection) as east:
            scanned(place, east, "east", 3)
            assert pinned(place, "east") == (place.event.spki_sha256, 3)
        acts = [json.loads(row[0])["act"] for row in place.query(ACTS)]
        assert acts.count("certificate_set") == 3


ACTS = "SELECT CAST(body AS TEXT) FROM leaf WHERE kind = 'act' ORDER BY number"
