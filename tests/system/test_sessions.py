"""A kiosk's session with the real server, over real TLS: through kills of the server, and against a
man in the middle who has the key of its certificate.
"""

import http.client
import itertools
import ssl
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import pytest

from badges.wire import wire
from badges.wire.enrolment import RequestStamp
from badges.wire.wire import ErrorCode
from kiosk.sync.signer import Signer
from kiosk.sync.transport import SIGNED_POSTS, Transport
from tests.bench.load.load import enrol_all, venue
from tests.server.support.fake_door import FakeDoor
from tests.system.support.site import LiveSite, now_ms

pytestmark = pytest.mark.system
RUNS = 3


@dataclass(frozen=True)
class Address:
    host: str
    port: int
    spki_sha256: bytes


class Door:
    """A kiosk's journal with the real transport. `sent` has the headers of each request."""

    def __init__(self, site: LiveSite, door: FakeDoor) -> None:
        self.door = door
        counter = itertools.count(1)
        self.signer = Signer(door.kiosk, 1, door.key, lambda above: above + next(counter))
        address = Address("127.0.0.1", site.port, site.event.spki_sha256)
        self.way = Transport(address, self.signer, root=site.event.root_key.public)
        self.sent: list[dict[str, str]] = []
        headers = self.signer.headers

        def noted(*request: object) -> dict[str, str]:
            self.sent.append(headers(*request))  # type: ignore[arg-type]
            return self.sent[-1]

        self.signer.headers = noted  # type: ignore[method-assign]

    def scan(self) -> None:
        self.door.scan(now_ms(), None, decision="denied", reason="forged")
        answer = self.way.post("/api/scans", self.door.batch(now_ms()), wire.ScanAnswer)
        self.door.acked = answer.acked_seq

    @property
    def in_session(self) -> bool:
        """Whether the last request was in a session."""
        return RequestStamp.MAC_HEADER in self.sent[-1]


def test_no_scan_is_lost_or_taken_twice_by_sessions(tmp_path: Path) -> None:
    site = LiveSite(tmp_path, venue(halls=1), people=1)
    try:
        door = Door(site, enrol_all(site, 2)[0])
        with closing(door.way):
            for _ in range(RUNS):
                site.start_server()
                for _ in range(SIGNED_POSTS + 1):
                    door.scan()
                door.scan()
                assert door.in_session
                assert door.door.acked == len(door.door.records)
                site.server.kill()
        assert site.query("SELECT COUNT(*), COUNT(DISTINCT seq) FROM scan") == [
            (len(door.door.records),) * 2
        ]
    finally:
        site.close()


def test_a_man_in_the_middle_sends_nothing_of_his_own(tmp_path: Path) -> None:
    """He has seen all requests and answers, also those that began the session."""
    site = LiveSite(tmp_path, venue(halls=1), people=1)
    try:
        door = Door(site, enrol_all(site, 2)[0])
        site.start_server()
        with closing(door.way):
            for _ in range(SIGNED_POSTS + 2):
                door.scan()
            assert door.in_session
            body = wire.encode(door.door.batch(now_ms()))
            later = {RequestStamp.COUNTER_HEADER: "999"}
            assert _post(site, body, door.sent[-1]) == (401, ErrorCode.SESSION), "replayed"
            assert _post(site, body, door.sent[-1] | later) == (401, ErrorCode.SESSION), "altered"
            assert _post(site, body, door.sent[0] | later) == (401, "bad_signature"), "signed"
            door.scan()
            assert door.in_session, "the session goes on"
    finally:
        site.close()


def _post(site: LiveSite, body: bytes, headers: dict[str, str]) -> tuple[int, str]:
    """The server's answer to a request on another connection."""
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    connection = http.client.HTTPSConnection("127.0.0.1", site.port, timeout=240, context=context)
    with closing(connection):
        connection.request("POST", "/api/scans", body, headers)
        answer = connection.getresponse()
        return answer.status, wire.decode(answer.read(), wire.ErrorAnswer).error.code
