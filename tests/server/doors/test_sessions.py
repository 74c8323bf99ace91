"""A kiosk's session: requests by its keyed hash are answered as signed ones, and attacks refused.

Replayed, reordered, spliced, on another connection, of another kiosk, from before a restart, and
downgraded (docs/design/sessions.md).
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import pytest

from badges.credential.keys import PrivateKey
from badges.wire import session, supervisor, wire
from badges.wire.enrolment import RequestStamp
from server.core.event.directory import Event
from server.core.feed import changes
from server.core.kiosks import registry
from server.doors.heartbeats import heartbeats_of
from server.doors.scans import LONG_BATCH
from server.storage.connection import Connection
from server.storage.database import Database
from server.web import lanes
from server.web.lanes import Lanes
from server.web.services import keep_services, services_of
from tests.server.conftest import NOW
from tests.server.support.fake_door import FakeDoor
from tests.server.support.pages import Pages
from tests.server.web.serving.support import Exchange, Headers, Scope, Served, scans, signed

UNKNOWN = (401, "session")


@pytest.fixture
def pages(event: Event, site: Database) -> Iterator[Pages]:
    with Pages(event, site) as opened:
        opened.issue()
        yield opened


@pytest.fixture
def served(pages: Pages) -> Served:
    return Served(pages.app)


@pytest.fixture
def door(pages: Pages) -> FakeDoor:
    return pages.kiosk("west", a_door(pages))


@pytest.fixture
def key(served: Served, door: FakeDoor) -> bytes:
    return begun(served, door)


def a_door(pages: Pages) -> str:
    return str(pages.value("SELECT code FROM door LIMIT 1"))


def hello(served: Served, door: FakeDoor, offer: session.Offer, **changes: object) -> Exchange:
    body = wire.encode(offer.request)
    headers = Headers({**signed(door, "POST", session.TARGET, body), **changes})
    return served.ask(Scope("POST", session.TARGET, headers), body)


def begun(served: Served, door: FakeDoor) -> bytes:
    """The key of a new session of the kiosk."""
    offer = session.Offer()
    exchange = hello(served, door, offer)
    assert exchange.status == 200, exchange.answer
    root = services_of(served.app).event.root_key.public
    answer = wire.decode(exchange.answer, session.SessionAnswer)
    served.asked.clear()
    return offer.accept(answer, (door.kiosk, door.generation), root)


@dataclass
class Sent:
    """A request as it is on the wire, which may be sent again or altered."""

    scope: Scope
    body: bytes

    @classmethod
    def of(cls, door: FakeDoor, key: bytes | None) -> "Sent":
        body = wire.encode(door.batch(NOW))
        return cls(scans(door, body, key), body)

    def to(self, served: Served, **changes: object) -> Exchange:
        """On a new connection, with some headers changed."""
        headers = Headers({**self.scope.headers, **changes})
        return served.ask(replace(self.scope, headers=headers, client="10.9.9.9:50000"), self.body)


def outcome(exchange: Exchange) -> tuple[int, str]:
    return exchange.status, "" if exchange.status == 200 else exchange.code


def test_a_session_s_batch_is_answered_on_the_loop(
    pages: Pages, served: Served, door: FakeDoor, key: bytes
) -> None:
    door.scan(NOW, None, decision="denied", reason="forged")
    exchange = Sent.of(door, key).to(served)
    assert wire.decode(exchange.answer, wire.ScanAnswer).acked_seq == 1
    assert not served.asked
    counter = pages.value("SELECT counter FROM kiosk WHERE kiosk = 'west'")
    assert counter == door.counter


def test_the_app_answers_what_the_loop_leaves(served: Served, door: FakeDoor, key: bytes) -> None:
    """A backlog, and a batch that is refused: each is proven once, and read on."""
    for _ in range(LONG_BATCH + 1):
        door.scan(NOW, None, decision="denied", reason="forged")
    exchange = Sent.of(door, key).to(served)
    assert wire.decode(exchange.answer, wire.ScanAnswer).acked_seq == LONG_BATCH + 1
    body = b'{"records": 1}'
    assert served.ask(scans(door, body, key), body).code == "malformed"
    assert served.asked == ["/api/scans"] * 2


def test_other_requests_of_a_session(pages: Pages, served: Served, door: FakeDoor) -> None:
    key = begun(served, door)
    body = wire.encode(supervisor.LookUp("Noor", "user:99"))
    scope = Scope("POST", "/api/people", signed(door, "POST", "/api/people", body, key))
    assert served.ask(scope, body).code == "not_a_supervisor"


def test_a_kiosk_may_sign_between(served: Served, door: FakeDoor, key: bytes) -> None:
    """Its feed has a connection of its own, and signs there."""
    for proof in (key, None, key):
        assert outcome(Sent.of(door, proof).to(served)) == (200, "")


def test_a_replayed_request_is_refused(served: Served, door: FakeDoor, key: bytes) -> None:
    sent = Sent.of(door, key)
    assert outcome(sent.to(served)) == (200, "")
    assert outcome(sent.to(served)) == UNKNOWN
    assert outcome(Sent.of(door, key).to(served)) == (200, ""), "the session goes on"


def test_a_replay_is_refused_whatever_the_database_knows(
    pages: Pages, served: Served, door: FakeDoor, key: bytes
) -> None:
    sent = Sent.of(door, key)
    assert outcome(sent.to(served)) == (200, "")
    pages.database.write(lambda db: db.execute("UPDATE kiosk SET counter = 0") and None)
    assert outcome(sent.to(served)) == UNKNOWN


def test_reordered_requests(served: Served, door: FakeDoor, key: bytes) -> None:
    first, second = Sent.of(door, key), Sent.of(door, key)
    assert outcome(second.to(served)) == (200, "")
    assert outcome(first.to(served)) == UNKNOWN


@pytest.mark.parametrize(
    "changes",
    [
        {"hallkeeper-counter": "999999"},
        {"hallkeeper-digest": "0" * 64},
        {"hallkeeper-kiosk": "west/2"},
        {"hallkeeper-mac": "0" * 64},
        {"hallkeeper-mac": "é"},
        {"hallkeeper-mac": "x"},
    ],
    ids=str,
)
def test_spliced_headers(
    served: Served, door: FakeDoor, key: bytes, changes: dict[str, str]
) -> None:
    assert outcome(Sent.of(door, key).to(served, **changes)) == UNKNOWN
    assert outcome(Sent.of(door, key).to(served)) == (200, "")


def test_spliced_bodies_and_paths(served: Served, door: FakeDoor, key: bytes) -> None:
    first = Sent.of(door, key)
    door.scan(NOW, None, decision="denied", reason="forged")
    other = replace(first, body=wire.encode(door.batch(NOW)))
    other.scope.headers["content-length"] = str(len(other.body))
    assert outcome(other.to(served)) == UNKNOWN
    body = wire.encode(supervisor.LookUp("Noor", "user:99"))
    elsewhere = Sent(replace(scans(door, body, key), path="/api/people"), body)
    assert outcome(elsewhere.to(served)) == UNKNOWN
    second = Sent.of(door, key)
    queried = replace(second, scope=replace(second.scope, query_string="again=1"))
    assert outcome(queried.to(served)) == UNKNOWN
    assert outcome(second.to(served)) == (200, "")


def test_another_kiosk_s_key(pages: Pages, served: Served, door: FakeDoor, key: bytes) -> None:
    """A kiosk of the event that sends as its neighbour."""
    other = pages.kiosk("east", a_door(pages))
    others = begun(served, other)
    assert outcome(Sent.of(door, others).to(served)) == UNKNOWN
    assert outcome(Sent.of(other, key).to(served)) == UNKNOWN
    sent = Sent.of(door, key)
    assert outcome(sent.to(served, **{"hallkeeper-kiosk": "east/1"})) == UNKNOWN
    assert outcome(sent.to(served)) == (200, "")


def test_an_overheard_offer_gives_its_sender_no_session_of_the_kiosk(
    pages: Pages, served: Served, door: FakeDoor
) -> None:
    """Another kiosk signs the overheard key as its own. It can't use the session, and the kiosk
    does not take the answer.
    """
    offer, other = session.Offer(), pages.kiosk("east", a_door(pages))
    answer = wire.decode(hello(served, other, offer).answer, session.SessionAnswer)
    with pytest.raises(ValueError, match="signature"):
        offer.accept(answer, ("west", 1), services_of(served.app).event.root_key.public)


def test_after_a_restart_the_kiosk_signs_again(
    pages: Pages, served: Served, door: FakeDoor, key: bytes
) -> None:
    sent = Sent.of(door, key)
    keep_services(pages.app, replace(services_of(pages.app), lanes=Lanes()))
    assert outcome(sent.to(served)) == UNKNOWN
    error = wire.decode(sent.to(served).answer, wire.ErrorAnswer).error
    assert error.retry
    assert outcome(Sent.of(door, None).to(served)) == (200, "")
    assert outcome(Sent.of(door, begun(served, door)).to(served)) == (200, "")
    assert outcome(sent.to(served)) == UNKNOWN


def test_an_offer_is_taken_once(served: Served, door: FakeDoor) -> None:
    offer = session.Offer()
    body = wire.encode(offer.request)
    scope = Scope("POST", session.TARGET, signed(door, "POST", session.TARGET, body))
    assert served.ask(scope, body).status == 200
    key = begun(served, door)
    assert outcome(served.ask(scope, body)) == (409, "replayed")
    assert outcome(Sent.of(door, key).to(served)) == (200, "")


def test_an_offer_must_be_signed_by_the_kiosk(served: Served, door: FakeDoor, key: bytes) -> None:
    offer = session.Offer()
    body = wire.encode(offer.request)
    headers = signed(door, "POST", session.TARGET, body, key)
    assert outcome(served.ask(Scope("POST", session.TARGET, headers), body)) == UNKNOWN
    other = wire.encode(session.Offer().request)
    scope = Scope("POST", session.TARGET, signed(door, "POST", session.TARGET, body))
    assert outcome(served.ask(scope, other)) == (401, "bad_signature"), "a key put in its place"
    door.key = PrivateKey(bytes(32))
    assert outcome(hello(served, door, offer)) == (401, "bad_signature")


@pytest.mark.parametrize("body", [b"{}", b'{"key":"AAAA"}', b'{"key":"%s"}' % (b"A" * 43 + b"=")])
def test_a_malformed_offer(served: Served, door: FakeDoor, body: bytes) -> None:
    scope = Scope("POST", session.TARGET, signed(door, "POST", session.TARGET, body))
    assert outcome(served.ask(scope, body)) == (400, "malformed")


@pytest.mark.parametrize("act", ["fence", "retire"])
def test_a_fenced_kiosk_loses_its_session_at_once(
    pages: Pages, served: Served, door: FakeDoor, key: bytes, act: str
) -> None:
    """It hands in its journal under its signature, as before."""
    assert outcome(Sent.of(door, key).to(served)) == (200, "")

    def step(db: object) -> None:
        if act == "fence":
            registry.fence(db, "west", 1, by="user:1", now=NOW)
        else:
            registry.retire(db, "west", by="user:1", now=NOW)

    pages.database.write(step)
    assert outcome(Sent.of(door, key).to(served)) == UNKNOWN
    answer = wire.decode(Sent.of(door, None).to(served).answer, wire.ScanAnswer)
    assert answer.fenced
    assert outcome(hello(served, door, session.Offer())) == (403, "retired")
    assert not services_of(pages.app).lanes._sessions


def test_a_kiosk_s_new_key_ends_its_session(
    pages: Pages, served: Served, door: FakeDoor, key: bytes
) -> None:
    other = PrivateKey(bytes(32)).public.raw
    pages.database.write(
        lambda db: db.execute("UPDATE kiosk SET public_key = ?", (other,)) and None
    )
    assert outcome(Sent.of(door, key).to(served)) == UNKNOWN


def test_a_newer_session_replaces_the_earlier_one(
    served: Served, door: FakeDoor, key: bytes
) -> None:
    newer = begun(served, door)
    assert outcome(Sent.of(door, key).to(served)) == UNKNOWN
    assert outcome(Sent.of(door, newer).to(served)) == (200, "")


def test_a_signature_beside_a_wrong_hash_does_not_help(
    served: Served, door: FakeDoor, key: bytes
) -> None:
    """There is one proof of a request, and no way from one kind to the other."""
    signed_one = Sent.of(door, None)
    mac = Sent.of(door, key).scope.headers[RequestStamp.MAC_HEADER.lower()]
    assert outcome(signed_one.to(served, **{"hallkeeper-mac": mac})) == UNKNOWN
    in_session = Sent.of(door, key)
    signature = signed_one.scope.headers[RequestStamp.SIGNATURE_HEADER.lower()]
    stripped = {"hallkeeper-mac": "", "hallkeeper-signature": signature}
    assert outcome(in_session.to(served, **stripped)) == (401, "bad_signature")


def test_sessions_are_bounded_in_number(
    pages: Pages, served: Served, door: FakeDoor, key: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lanes, "SESSIONS_MAX", 2)
    others = [pages.kiosk(f"k{n}", a_door(pages)) for n in range(2)]
    keys = [begun(served, other) for other in others]
    assert outcome(Sent.of(door, key).to(served)) == UNKNOWN, "the oldest"
    for other, others_key in zip(others, keys, strict=True):
        assert outcome(Sent.of(other, others_key).to(served)) == (200, "")
    assert outcome(Sent.of(door, None).to(served)) == (200, "")


@pytest.fixture
def quiet(pages: Pages) -> None:
    """Heartbeats that bring nothing new are answered from memory."""
    heartbeats_of(services_of(pages.app)).is_on = True


def commits_of(pages: Pages, act: Callable[[], object]) -> int:
    counted: list[Connection] = []
    pages.database.on_commit(counted.append)
    act()
    return len(counted)


@pytest.mark.usefixtures("quiet")
def test_a_heartbeat_answered_from_memory_is_answered_once(
    pages: Pages, served: Served, door: FakeDoor, key: bytes
) -> None:
    for _ in range(3):
        assert outcome(Sent.of(door, key).to(served)) == (200, "")
    earlier, sent = Sent.of(door, key), Sent.of(door, key)
    assert commits_of(pages, lambda: sent.to(served)) == 0
    assert outcome(sent.to(served)) == UNKNOWN
    assert outcome(earlier.to(served)) == UNKNOWN
    assert outcome(Sent.of(door, None).to(served)) == (200, "")


@pytest.mark.usefixtures("quiet")
def test_a_fence_ends_the_session_also_of_a_kiosk_that_is_answered_from_memory(
    pages: Pages, served: Served, door: FakeDoor, key: bytes
) -> None:
    for _ in range(3):
        assert outcome(Sent.of(door, key).to(served)) == (200, "")
    sent = Sent.of(door, key)
    assert commits_of(pages, lambda: sent.to(served)) == 0
    pages.database.write(lambda db: registry.fence(db, "west", 1, by="user:1", now=NOW) and None)
    hub = services_of(pages.app).hub
    while hub.cursor < changes.cursor(pages.database.reader):
        hub._work()
    assert outcome(Sent.of(door, key).to(served)) == UNKNOWN
    assert not services_of(pages.app).lanes._sessions
