"""Batches of scans on the event loop: answered as by the app, odd ones left to it."""

import asyncio
import io
import json
import logging
from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest

from badges.wire import wire
from server.core.entry_log.entry_log import Log
from server.core.event.clock import ServerClock
from server.core.event.directory import Event
from server.core.kiosks import registry
from server.doors.scans import LONG_BATCH
from server.storage.database import Database
from server.storage.disk import AwayError
from server.storage.errors import LostError
from server.web.lanes import KIOSK_MAX
from server.web.logs import write_json_lines
from server.web.services import services_of
from tests.server.conftest import NOW
from tests.server.support.fake_door import FakeDoor
from tests.server.support.pages import Pages
from tests.server.web.serving.support import Exchange, Headers, Served, scans


@pytest.fixture
def pages(event: Event, site: Database) -> Iterator[Pages]:
    with Pages(event, site) as opened:
        opened.issue()
        yield opened


@pytest.fixture
def served(pages: Pages) -> Served:
    return Served(pages.app)


@pytest.fixture
def door(pages: Pages, served: Served) -> FakeDoor:
    """A kiosk that has proven itself once since the server started."""
    door = pages.kiosk("west", a_door(pages))
    first = served.send(door, door.batch(NOW))
    assert first.status == 200
    assert served.asked == ["/api/scans"], "nobody knew its key yet"
    served.asked.clear()
    door.granted = wire.decode(first.answer, wire.ScanAnswer).orders[0].granted
    return door


def test_the_app_begins_an_epoch(event: Event, site: Database) -> None:
    """The server's clock was set. The loop must not wait for the database."""
    wall = [NOW]
    clock = ServerClock(site, wall=lambda: wall[-1], steady=lambda: NOW, boot=lambda: "1")
    with Pages(event, site, clock=clock) as pages:
        served, door = Served(pages.app), pages.kiosk("west", a_door(pages))
        served.send(door, door.batch(NOW))  # by the app, since nobody knew its key yet
        served.asked.clear()
        epochs = []
        for ahead_ms in (0, 86_400_000, 86_400_000):
            wall.append(NOW + ahead_ms)
            answer = wire.decode(served.send(door, door.batch(NOW)).answer, wire.ScanAnswer)
            epochs.append(answer.epoch)
        assert served.asked == ["/api/scans"]
        assert epochs[0] != epochs[1] == epochs[2]


def test_it_works(pages: Pages, served: Served, door: FakeDoor) -> None:
    door.scan(NOW, pages.serial("A1"))
    exchange = served.send(door, door.batch(NOW))
    answer = wire.decode(exchange.answer, wire.ScanAnswer)
    assert (exchange.status, answer.acked_seq, served.asked) == (200, 1, [])
    assert pages.database.reader.execute("SELECT seq FROM scan").fetchall()[0][0] == 1
    here = services_of(pages.app)
    assert answer.cursor == here.hub._cursor
    assert int(answer.checkpoint.split("\n")[1]) == here.log.size()
    assert answer.mark.entries == here.log.size()


def test_it_answers_as_the_app_does(pages: Pages, served: Served, door: FakeDoor) -> None:
    """Field by field, and header by header."""
    here = served.send(door, door.batch(NOW))
    assert not served.asked
    there = served.send(door, door.batch(NOW), **{"hallkeeper-digest": ""})
    assert served.asked == ["/api/scans"]
    assert wire.decode(here.answer, wire.ScanAnswer) == wire.decode(there.answer, wire.ScanAnswer)
    expected = {name.lower(): value for name, value in there.headers}
    expected.pop("content-length")  # granian writes it
    assert dict(here.headers) == expected


def test_many_at_once_share_commits(pages: Pages, served: Served, door: FakeDoor) -> None:
    doors = [pages.kiosk(f"k{n}", a_door(pages)) for n in range(5)]
    for door in doors:
        assert served.send(door, door.batch(NOW)).status == 200
    served.asked.clear()
    exchanges = []
    talks = []
    for door in doors:
        door.scan(NOW, None, decision="denied", reason="forged")
        body = wire.encode(door.batch(NOW))
        scope, exchange = scans(door, body), Exchange(body)
        exchanges.append(exchange)
        talks.append(lambda gateway, s=scope, e=exchange: gateway.__rsgi__(s, e))
    served.run(*talks)
    answers = [wire.decode(done.answer, wire.ScanAnswer) for done in exchanges]
    assert [answer.acked_seq for answer in answers] == [1] * 5
    assert not served.asked
    size = services_of(pages.app).log.size()
    assert max(answer.mark.entries for answer in answers) == size


def a_door(pages: Pages) -> str:
    return str(pages.value("SELECT code FROM door LIMIT 1"))


@pytest.mark.parametrize(
    ("changes", "status", "code"),
    [
        ({"hallkeeper-signature": "AAAA"}, 401, "bad_signature"),
        ({"hallkeeper-counter": "1"}, 401, "bad_signature"),
        ({"hallkeeper-kiosk": "east/1"}, 401, "unknown_kiosk"),
        ({"hallkeeper-kiosk": ""}, 401, "bad_signature"),
    ],
)
def test_what_is_not_signed_is_refused_by_the_app(
    served: Served, door: FakeDoor, changes: dict[str, str], status: int, code: str
) -> None:
    exchange = served.send(door, door.batch(NOW), **changes)
    assert (exchange.status, exchange.code) == (status, code)
    assert served.asked == ["/api/scans"]


def test_a_digest_that_was_not_signed_proves_nothing(served: Served, door: FakeDoor) -> None:
    exchange = served.send(door, door.batch(NOW), **{"hallkeeper-digest": "0" * 64})
    assert (exchange.status, served.asked) == (200, ["/api/scans"]), (
        "it is signed as earlier kiosks do"
    )


def test_another_body_than_the_signed_one_is_refused(served: Served, door: FakeDoor) -> None:
    body = wire.encode(door.batch(NOW))
    scope = scans(door, body)
    exchange = served.ask(scope, body.replace(b'"resting":false', b'"resting":true '))
    assert (exchange.status, exchange.code) == (401, "bad_signature")


def test_a_request_made_before_is_refused(served: Served, door: FakeDoor) -> None:
    body = wire.encode(door.batch(NOW))
    scope = scans(door, body)
    assert served.ask(scope, body).status == 200
    exchange = served.ask(scope, body)
    assert (exchange.status, exchange.code) == (409, "replayed")
    error = wire.decode(exchange.answer, wire.ErrorAnswer).error
    assert (error.retry, error.counter) == (True, door.counter)


def test_records_that_are_missing_are_asked_for(served: Served, door: FakeDoor) -> None:
    for _ in range(2):
        door.scan(NOW, None, decision="denied", reason="forged")
    exchange = served.send(door, door.batch(NOW, 2))
    assert (exchange.status, exchange.code) == (409, "gap")


def test_a_database_that_is_lost_is_told_at_once(
    pages: Pages, served: Served, door: FakeDoor, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The app would wait for it, and meanwhile the kiosk could ask another server."""
    door.scan(NOW, None, decision="denied", reason="forged")

    def lost(self: Database, step: object, done: Callable[..., object], **_: object) -> None:
        done(None, LostError("the connection was closed"))

    with monkeypatch.context() as patched:
        patched.setattr(Database, "write_then", lost)
        exchange = served.send(door, door.batch(NOW))
        error = wire.decode(exchange.answer, wire.ErrorAnswer).error
        assert (exchange.status, error.code, error.retry) == (503, "database_away", True)
    with monkeypatch.context() as patched:
        patched.setattr(Database, "away", True)
        exchange = served.send(door, door.batch(NOW))
        assert (exchange.status, exchange.code) == (503, "database_away")
    assert not served.asked
    answer = wire.decode(served.send(door, door.batch(NOW)).answer, wire.ScanAnswer)
    assert answer.acked_seq == 1


def test_a_batch_that_was_taken_and_can_not_be_answered_is_sent_again(
    pages: Pages, served: Served, door: FakeDoor, monkeypatch: pytest.MonkeyPatch
) -> None:
    door.scan(NOW, None, decision="denied", reason="forged")

    def lost(*_: object, **__: object) -> None:
        raise AwayError("cut off since the commit")

    with monkeypatch.context() as patched:
        patched.setattr(Log, "checkpoint", lost)
        exchange = served.send(door, door.batch(NOW))
        assert (exchange.status, exchange.code) == (503, "database_away")
    answer = wire.decode(served.send(door, door.batch(NOW)).answer, wire.ScanAnswer)
    assert answer.acked_seq == 1
    assert len(pages.database.reader.execute("SELECT seq FROM scan").fetchall()) == 1
    assert not served.asked


def test_a_forked_journal_is_fenced(pages: Pages, served: Served, door: FakeDoor) -> None:
    exchange = served.send(door, door.batch(NOW, head=b"x" * 32))
    assert (exchange.status, exchange.code) == (409, "fork")
    assert [row.state for row in registry.kiosks(pages.database.reader)] == ["fenced"]


def test_a_body_that_is_no_batch_is_refused(served: Served, door: FakeDoor) -> None:
    exchange = served.ask(scans(door, b"{}"), b"{}")
    assert (exchange.status, exchange.code) == (400, "malformed")


def test_a_body_that_ends_early_is_refused(served: Served, door: FakeDoor) -> None:
    body = wire.encode(door.batch(NOW))
    assert served.ask(scans(door, body), body[:-9]).status == 400


def test_a_body_that_is_too_large_is_not_read(served: Served, door: FakeDoor) -> None:
    scope = scans(door, b"", **{"content-length": str(wire.BODY_BYTES_MAX + 1)})
    exchange = Exchange(b"")
    served.run(lambda gateway: gateway.__rsgi__(scope, exchange))
    assert (exchange.status, exchange.code, exchange.reads) == (413, "too_large", 0)


def test_a_backlog_is_left_to_the_app(served: Served, door: FakeDoor) -> None:
    for _ in range(LONG_BATCH + 1):
        door.scan(NOW, None, decision="denied", reason="forged")
    exchange = served.send(door, door.batch(NOW))
    assert wire.decode(exchange.answer, wire.ScanAnswer).acked_seq == LONG_BATCH + 1
    assert served.asked == ["/api/scans"]


def test_a_retired_kiosk_hands_in_its_journal(pages: Pages, served: Served, door: FakeDoor) -> None:
    pages.database.write(lambda db: registry.retire(db, "west", by="test", now=NOW))
    door.scan(NOW, None, decision="denied", reason="forged")
    answer = wire.decode(served.send(door, door.batch(NOW)).answer, wire.ScanAnswer)
    assert (answer.acked_seq, answer.fenced, served.asked) == (1, True, [])


def test_a_database_that_takes_nothing_is_said(
    pages: Pages, served: Served, door: FakeDoor, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise RuntimeError("broken")

    monkeypatch.setattr("server.doors.scans.ingest.ingest", fail)
    pages.app.testing = False
    exchange = served.send(door, door.batch(NOW))
    assert (exchange.status, exchange.code) == (500, "failed")
    assert served.asked == ["/api/scans"]


def test_bodies_on_their_way_are_limited(
    pages: Pages, served: Served, door: FakeDoor, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A kiosk has so many and no more, whether the loop or a thread reads the next."""
    body = wire.encode(door.batch(NOW))
    go_on = asyncio.Event()

    class Slow(Exchange):
        async def __call__(self) -> bytes:
            await go_on.wait()
            return await super().__call__()

    held = [(scans(door, body), Slow(body)) for _ in range(KIOSK_MAX)]
    more = Exchange(body)

    async def hold(gateway) -> None:
        tasks = [asyncio.create_task(gateway.__rsgi__(*request)) for request in held]
        await asyncio.sleep(0)
        await gateway.__rsgi__(scans(door, body), more)
        go_on.set()
        await asyncio.gather(*tasks)

    served.run(hold)
    assert more.status == 503
    assert {exchange.status for _, exchange in held} == {200}


def test_its_line_in_the_log_is_the_app_s(pages: Pages, served: Served, door: FakeDoor) -> None:
    written = io.StringIO()
    pages.app._got_first_request = False
    handler = write_json_lines(pages.app)
    assert isinstance(handler, logging.StreamHandler)
    handler.setStream(written)
    try:
        served.send(door, door.batch(NOW))
        assert not served.asked
        served.send(door, door.batch(NOW), **{"hallkeeper-digest": ""})
        assert served.asked
    finally:
        logging.getLogger().removeHandler(handler)
        logging.getLogger("hallkeeper.requests").setLevel(logging.NOTSET)
    here, there = (json.loads(line) for line in written.getvalue().splitlines())
    assert {**here, "at": 0, "ms": 0} == {**there, "at": 0, "ms": 0}
    assert (here["route"], here["status"]) == ("/api/scans", 200)


def test_an_address_behind_the_proxy_is_remembered(
    pages: Pages, served: Served, door: FakeDoor
) -> None:
    here = services_of(pages.app)
    settings = replace(here.event.settings, proxy="127.0.0.1")
    pages.app.extensions["hallkeeper"] = replace(here, event=replace(here.event, settings=settings))
    served.send(door, door.batch(NOW), **{"x-forwarded-for": "9.9.9.9, 10.1.2.3"})
    assert not served.asked
    assert here.lanes.is_known("10.1.2.3")
    assert not here.lanes.is_known("9.9.9.9")


def test_a_line_of_its_own_that_the_proxy_adds_is_the_last_word(
    pages: Pages, served: Served, door: FakeDoor
) -> None:
    """HAProxy leaves the client's line unchanged and adds another."""

    class Twice(Headers):
        def items(self):
            yield from super().items()
            yield "x-forwarded-for", "10.1.2.3"

    here = services_of(pages.app)
    settings = replace(here.event.settings, proxy="127.0.0.1")
    pages.app.extensions["hallkeeper"] = replace(here, event=replace(here.event, settings=settings))
    body = wire.encode(door.batch(NOW))
    scope = scans(door, body, **{"x-forwarded-for": "9.9.9.9"})
    served.ask(replace(scope, headers=Twice(scope.headers)), body)
    assert not served.asked
    assert here.lanes.is_known("10.1.2.3")
    assert not here.lanes.is_known("9.9.9.9")
