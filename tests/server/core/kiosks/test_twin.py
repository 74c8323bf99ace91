"""Two running copies of a kiosk's disk: the second exchange detects them, even without scans. An
honest kiosk is never taken for a copy, however it is killed and its requests delayed.
"""

import shutil
import time
from collections.abc import Iterator
from contextlib import ExitStack, suppress

import pytest

from badges.wire import wire
from badges.wire.version import OWN
from badges.wire.wire import ErrorCode
from kiosk.sync.protocol import TransportError
from tests.server.support.in_process import CAPACITY, Forum, InProcessKiosk

pytestmark = pytest.mark.sqlite_alone


@pytest.fixture
def parts() -> Iterator[ExitStack]:
    with ExitStack() as stack:
        yield stack


def twin_of(kiosk: InProcessKiosk, parts: ExitStack) -> InProcessKiosk:
    """Start an unused copy of its disk."""
    kiosk.close()
    copied = kiosk.forum.path / "copy"
    shutil.copytree(kiosk.directory, copied / kiosk.name)
    kiosk.open()
    twin = InProcessKiosk.__new__(InProcessKiosk)
    twin.forum, twin.name, twin.key, twin.who = kiosk.forum, kiosk.name, kiosk.key, kiosk.who
    twin.directory = copied / kiosk.name
    twin.open()
    parts.callback(twin.close)
    return twin


def state(forum: Forum) -> str:
    return str(forum.rows("SELECT state FROM kiosk WHERE kiosk = 'west'")[0][0])


def beat(kiosk: InProcessKiosk, times: int) -> None:
    for _ in range(times):
        kiosk.forum.now += 2_000
        kiosk.exchange()


@pytest.mark.parametrize("first", ["the kiosk", "its twin"])
def test_a_twin_that_scanned_nothing(forum: Forum, parts: ExitStack, first: str) -> None:
    west = forum.enrol("west")
    twin = twin_of(west, parts)
    with suppress(TransportError):
        for kiosk in (west, twin, west) if first == "the kiosk" else (twin, west, twin):
            beat(kiosk, 1)
    assert state(forum) == "fenced"
    for kiosk in (west, twin):
        with suppress(TransportError):
            kiosk.exchange()
        assert kiosk.journal.state().fenced, "it admits nobody any more"


def test_a_twin_that_began_while_the_kiosk_was_away(
    forum: Forum, parts: ExitStack, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The bound: until the second copy is heard, both may use the same free places."""
    west = forum.enrol("west")
    twin = twin_of(west, parts)
    held = twin.account.free
    beat(west, 2)
    west.transport.wire_cut = True
    an_hour_later = time.time_ns() + 3_600 * 10**9
    monkeypatch.setattr("kiosk.journal.journal.time.time_ns", lambda: an_hour_later)
    beat(twin, 30)
    assert state(forum) == "active", "one of them alone can't be told from a kiosk that restarted"
    inside = west.fill(range(20, 40)) + twin.fill(range(40, 60))
    assert inside <= CAPACITY + held
    west.transport.wire_cut = False
    with pytest.raises(TransportError) as caught:
        west.exchange()
    assert caught.value.code == "fork"
    assert not west.present(99)


def test_a_kiosk_that_is_started_again_and_again(forum: Forum) -> None:
    west = forum.enrol("west")
    for _ in range(5):
        west.close()
        west.open()
        beat(west, 2)
    assert state(forum) == "active"


def test_a_kiosk_that_is_killed_before_its_first_exchange(forum: Forum) -> None:
    """Its run was on disk, but unknown to the server."""
    west = forum.enrol("west")
    before = west.journal.run
    west.close()
    west.open()
    assert before < west.journal.run
    west.close()
    west.open()
    beat(west, 2)
    assert state(forum) == "active"


def test_a_late_request_of_the_run_before(forum: Forum) -> None:
    """It comes after the first request of the next run, and its counter is lower."""
    west = forum.enrol("west")
    batch = wire.ScanBatch(
        records=[], first_seq=1, last_seq=0, head=west.journal.offer(0).head,
        signature=west.journal.offer(0).signature, incarnation=forum.incarnation,
        sent_at=forum.now, run=west.journal.run,
    )  # fmt: skip
    body = wire.encode(batch)
    headers = west.transport._signer.headers("POST", "/api/scans", body)
    west.close()
    west.open()
    beat(west, 1)
    late = forum.app.test_client().post("/api/scans", data=body, headers=headers)
    assert wire.decode(late.data, wire.ErrorAnswer).error.code == ErrorCode.REPLAYED
    assert state(forum) == "active"


def test_a_clock_that_was_set_back(forum: Forum, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a real-time clock a machine may always start at the same time."""
    west = forum.enrol("west")
    monkeypatch.setattr("kiosk.journal.journal.time.time_ns", lambda: 0)
    for _ in range(3):
        west.close()
        west.open()
        beat(west, 2)
    assert state(forum) == "active"
    assert west.transport.peer == OWN
