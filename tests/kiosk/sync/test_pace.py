"""How often a door contacts the server: as rarely as possible, and at once when useful."""

import time
from itertools import pairwise

import pytest

from badges.wire import wire
from badges.wire.version import OWN
from badges.wire.wire import ErrorCode
from kiosk.sync import upload as syncing
from kiosk.sync.exchange import DATABASE_AWAY_S, UNSETTLED_S
from kiosk.sync.link import SETTLE_MS
from kiosk.sync.protocol import ConnectionFault, TransportError
from kiosk.sync.upload import Sync
from tests.kiosk.support.door_fixture import HALL, NOON, badge
from tests.kiosk.support.online import Online
from tests.kiosk.support.waits import Watched


class Pace:
    """A door whose exchanges are counted. Each ends as in `end`."""

    def __init__(self, sync: Sync) -> None:
        self.sync = sync
        self.waits = sync._changed = Watched()
        self.times: list[float] = []
        self.error: Exception | None = None
        self.more = False
        sync.exchange = self._exchange  # type: ignore[method-assign]

    def _exchange(self) -> bool:
        self.times.append(time.monotonic())
        if self.error is not None:
            raise self.error
        return self.more

    def settle(self) -> None:
        """The server has answered for long."""
        self.sync._link._back_at -= SETTLE_MS

    def until(self, count: int, within_s: float) -> bool:
        deadline = time.monotonic() + within_s
        while len(self.times) < count and time.monotonic() < deadline:
            time.sleep(0.001)
        return len(self.times) >= count

    def paused(self, *longest: float) -> bool:
        """Whether the first pauses had these lengths, or down to half of them."""
        pauses = self.waits.pauses
        return len(pauses) >= len(longest) and all(
            pause is not None and most / 2 <= pause <= most
            for most, pause in zip(longest, pauses, strict=False)
        )


@pytest.fixture
def pace(fresh: Online) -> Pace:
    return Pace(fresh.sync)


def away(*, permanent: bool = False) -> TransportError:
    return TransportError(ConnectionFault.UNREACHABLE, "nobody there", permanent=permanent)


def test_a_door_that_is_away_pauses_longer_and_longer(pace: Pace) -> None:
    """Each pause is half to all of a length that doubles up to the longest."""
    pace.error = away()
    pace.sync.back_off_s = (10.0, 40.0)
    pace.waits.skipped = 4
    pace.sync.start()
    assert pace.until(5, 240.0)
    assert pace.paused(10.0, 20.0, 40.0, 40.0), pace.waits.pauses


def test_a_pause_lasts(pace: Pace) -> None:
    pace.error = away()
    pace.sync.back_off_s = (0.04, 0.04)
    pace.sync.start()
    assert pace.until(3, 240.0)
    gaps = [after - before for before, after in pairwise(pace.times)]
    assert min(gaps) >= 0.02 - 0.005, gaps


def test_a_server_whose_database_is_away_is_asked_again_soon(pace: Pace) -> None:
    """A standby may have taken over by then, and the server itself answers."""
    soon = DATABASE_AWAY_S
    pace.error = TransportError(ErrorCode.DATABASE_AWAY, "no database", elsewhere=True)
    pace.sync.back_off_s = (soon, 600.0)
    pace.waits.skipped = 7
    pace.sync.start()
    pace.waits.until_begun(1)
    assert pace.paused(*[soon] * 8), pace.waits.pauses
    # A silent server is asked less often.
    pace.error = away()
    pace.waits.pauses.clear()
    pace.waits.skipped = 2
    pace.sync.network_is_back()
    pace.waits.until_begun(2)
    longer = pace.waits.pauses[-1]
    assert longer is not None
    assert longer > soon


def test_permanent_failures_are_retried_with_the_longest_pause(pace: Pace) -> None:
    pace.error = away(permanent=True)
    pace.sync.back_off_s = (0.1, 60.0)
    pace.waits.skipped = 1
    pace.sync.start()
    assert pace.until(2, 240.0)
    assert pace.paused(60.0), pace.waits.pauses


def test_a_network_that_is_back_is_tried_at_once(pace: Pace) -> None:
    pace.error = away()
    pace.sync.back_off_s = (60.0, 60.0)
    pace.sync.start()
    pace.waits.until_begun(1)
    pace.sync.wake()
    pace.waits.until_begun(2)
    assert len(pace.times) == 1, "a new scan is no reason to ask a server that is away"
    pace.sync.network_is_back()
    pace.waits.until_begun(3)
    assert len(pace.times) == 2, "once for each"


def test_a_server_is_asked_often_while_a_person_waits_for_its_return(pace: Pace) -> None:
    pace.error = away()
    pace.sync.back_off_s = (10.0, 600.0)
    pace.waits.skipped = 2
    pace.sync.start()
    pace.waits.until_begun(1)
    assert pace.paused(10.0, 20.0, 40.0), pace.waits.pauses
    pace.sync._link._gone_at += 3_600_000  # it stopped just now
    pace.sync.ask_for_place(HALL)
    pace.waits.until_begun(2)
    assert len(pace.times) == 4, "at once"
    assert pace.paused(10.0, 20.0, 40.0, 10.0), pace.waits.pauses


def test_a_door_beats_often_just_after_the_server_s_return(pace: Pace) -> None:
    """It must hear of places that other doors report only now."""
    pace.sync._link.answered()
    pace.sync.heartbeat_s = 60.0
    pace.sync.start()
    pace.waits.until_begun(1)
    assert pace.waits.pauses == [UNSETTLED_S]


def test_a_door_with_nothing_to_say_waits_for_its_heartbeat(pace: Pace) -> None:
    pace.sync.heartbeat_s = 60.0
    pace.settle()
    pace.sync.start()
    pace.waits.until_begun(1)
    assert len(pace.times) == 1
    pace.sync.wake()
    pace.waits.until_begun(2)
    assert len(pace.times) == 2, "a scan wakes it once"
    assert pace.waits.pauses == [60.0, 60.0]


def test_more_is_sent_without_a_pause(pace: Pace) -> None:
    pace.more = True
    pace.sync.heartbeat_s = 60.0
    pace.sync.start()
    assert pace.until(20, 240.0)


def test_after_a_success_the_pauses_begin_anew(pace: Pace) -> None:
    pace.error = away()
    pace.sync.back_off_s, pace.sync.heartbeat_s = (1.0, 30.0), 60.0
    pace.waits.skipped = 4
    pace.sync.start()
    pace.waits.until_begun(1)
    assert pace.paused(1.0, 2.0, 4.0, 8.0, 16.0)
    pace.error = None
    pace.sync.network_is_back()
    pace.waits.until_begun(2)
    pace.error = away()
    pace.waits.pauses.clear()
    pace.waits.skipped = 2
    pace.sync.wake()
    pace.waits.until_begun(3)
    assert pace.paused(1.0, 2.0, 4.0), pace.waits.pauses
    assert len(pace.times) == 9


def test_the_journal_is_tidied_once_in_a_while(pace: Pace, monkeypatch: pytest.MonkeyPatch) -> None:
    done: list[float] = []
    monkeypatch.setattr(pace.sync._journal, "tidy", lambda: done.append(time.monotonic()))
    pace.sync._tidy()
    assert done == []
    pace.sync._tidied_at -= syncing.TIDY_S
    pace.sync._tidy()
    pace.sync._tidy()
    assert len(done) == 1


def test_one_that_is_over_has_no_time_or_nothing_to_send(pace: Pace) -> None:
    sync = pace.sync
    assert not sync._is_over(), "nobody asked it to stop"
    sync._stop_at = time.monotonic() + 240
    assert sync._is_over(), "nothing waits"
    sync._journal.close()
    assert sync._is_over(), "a journal that can't be read sends nothing"


class Refusing:
    """A transport whose every request ends with the same error."""

    peer = OWN

    def __init__(self, code: str) -> None:
        self.code = code
        self.sent: list[wire.ScanBatch] = []

    def post(self, path: str, batch: wire.ScanBatch, answer: object) -> None:
        self.sent.append(batch)
        raise TransportError(self.code, "no")


@pytest.fixture
def full(fresh: Online) -> Online:
    """With two waiting scans."""
    fresh.door.load()
    fresh.door.grant(5)
    for serial in (1, 2):
        fresh.admitter.present(badge(serial), at=NOON)
    return fresh


def refused(online: Online, code: str) -> Refusing:
    transport = Refusing(code)
    online.sync = online.sync_by(transport)  # type: ignore[arg-type]
    return transport


def test_a_request_that_failed_is_not_followed_by_another(full: Online) -> None:
    transport = refused(full, "unreachable")
    with pytest.raises(TransportError):
        full.sync.exchange()
    assert [len(batch.records) for batch in transport.sent] == [2]


def test_after_a_gap_the_door_asks_from_the_start_without_scans(full: Online) -> None:
    transport = refused(full, "gap")
    with pytest.raises(TransportError):
        full.sync.exchange()
    assert [(batch.first_seq, len(batch.records)) for batch in transport.sent] == [(1, 2), (1, 0)]


def test_a_batch_that_is_too_large_is_halved_down_to_one_scan(full: Online) -> None:
    transport = refused(full, "too_large")
    full.sync.limit = 5
    assert full.sync.exchange()
    assert full.sync.limit == 2
    assert full.sync.exchange()
    assert full.sync.limit == 1
    with pytest.raises(TransportError):
        full.sync.exchange()
    assert [len(batch.records) for batch in transport.sent] == [2, 2, 1]
