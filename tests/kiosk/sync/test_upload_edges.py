"""Uploads and answers, step by step: a scripted server, and no clocks."""

import logging
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest
from msgspec import UNSET

from badges.admission.facts import Direction
from badges.places.account import Order
from badges.places.pool import PoolKey
from badges.record import PlaceKind
from badges.transparency.checkpoint import Checkpoint, sign_checkpoint
from badges.transparency.merkle import Tree, leaf_hash
from badges.wire import wire
from badges.wire.version import OWN, UNSTATED
from kiosk.journal.errors import ForkError, JournalError, OldServerError
from kiosk.sync import exchange
from kiosk.sync import upload as syncing
from kiosk.sync.link import Link
from kiosk.sync.protocol import TransportError
from kiosk.sync.upload import Sync
from kiosk.texts.messages import as_message
from tests.kiosk.journal.test_altered_journal import mark
from tests.kiosk.support.door_fixture import HALL, LOG, NOON, Clock, LocalDoor, badge, hall_facts
from tests.kiosk.support.journals import enter, leave, own
from tests.kiosk.support.waits import Watched

AROUND = 3


class Server:
    """Acknowledges and stores everything it receives, unless `changes` differ."""

    peer = OWN

    def __init__(self) -> None:
        self.batches: list[wire.ScanBatch] = []
        self.changes: dict[str, object] = {}
        self.error: Exception | None = None
        self.aborted = self.avoided = 0

    def avoid(self) -> None:
        self.avoided += 1

    def post(self, target: str, batch: wire.ScanBatch, kind: type) -> wire.ScanAnswer:
        assert (target, kind) == ("/api/scans", wire.ScanAnswer)
        self.batches.append(batch)
        if self.error is not None:
            raise self.error
        facts: dict[str, object] = {
            "acked_seq": batch.first_seq - 1 + len(batch.records),
            "incarnation": 1,
            "fenced": False,
            "orders": [],
            "received_at": NOON,
            "answered_at": NOON,
            "cursor": 10,
            "checkpoint": "",
            "consistency": [],
        }
        return wire.ScanAnswer(**{**facts, **self.changes})

    def abort(self) -> None:
        self.aborted += 1

    @property
    def places(self) -> dict[PoolKey, wire.PlaceTotals]:
        return {PoolKey(place.hall, place.kind): place for place in self.batches[-1].places}


@pytest.fixture
def server() -> Server:
    return Server()


@pytest.fixture
def link(door: LocalDoor) -> Link:
    return Link(lambda: door.clock.wall, lambda: door.clock.monotonic)


@pytest.fixture
def restores() -> list[int]:
    return []


@pytest.fixture
def sync(door: LocalDoor, server: Server, link: Link, restores: list[int]) -> Sync:
    return Sync(
        door.journal,
        door.replica,
        server,  # type: ignore[arg-type]
        link,
        clock=lambda: door.clock.wall,
        on_restored=lambda: restores.append(1),
    )


def away(code: str = "unreachable", *, permanent: bool = False) -> TransportError:
    return TransportError(code, "nobody there", permanent=permanent)


class DoneError(BaseException):
    """The loop has waited as often as a test wants."""


class Loop:
    """The thread's own loop, in the test's thread: each exchange's result, and the waits after."""

    def __init__(self, sync: Sync, monkeypatch: pytest.MonkeyPatch) -> None:
        self.sync = sync
        self.waits: list[tuple[str, float]] = []
        self.ends: list[Exception | bool] = []
        monkeypatch.setattr(sync, "exchange", self._exchange)
        monkeypatch.setattr(sync, "_wait_online", lambda s: self._wait("online", s))
        monkeypatch.setattr(sync, "_wait_offline", lambda s: self._wait("away", s))
        self.pause(lambda least, most: most)
        self._set = monkeypatch.setattr

    def pause(self, between: Callable[[float, float], float]) -> None:
        self.between = between

    def _exchange(self) -> bool:
        end = self.ends.pop(0)
        if isinstance(end, Exception):
            raise end
        return end

    def _wait(self, how: str, seconds: float) -> None:
        self.waits.append((how, seconds))
        if not self.ends:
            raise DoneError

    def run(self, *ends: Exception | bool) -> list[tuple[str, float]]:
        self.ends = list(ends)
        self._set(syncing, "random", SimpleNamespace(uniform=lambda a, b: self.between(a, b)))
        with pytest.raises(DoneError):
            self.sync._run()
        return self.waits


class TestPauses:
    @pytest.fixture
    def loop(self, sync: Sync, door: LocalDoor, monkeypatch: pytest.MonkeyPatch) -> Loop:
        door.clock.pass_ms(60_000)  # since the kiosk's start
        return Loop(sync, monkeypatch)

    def test_they_double_from_half_a_second_to_two(self, loop: Loop) -> None:
        pauses = loop.run(*[away()] * 4)
        assert pauses == [("away", seconds) for seconds in (0.5, 1.0, 2.0, 2.0)]

    def test_each_may_be_as_short_as_half(self, loop: Loop) -> None:
        loop.pause(lambda least, most: least)
        assert loop.run(away(), away()) == [("away", 0.25), ("away", 0.5)]

    def test_permanent_failures_are_retried_with_the_longest_pause(self, loop: Loop) -> None:
        assert loop.run(away(permanent=True), away()) == [("away", 2.0), ("away", 2.0)]

    def test_they_begin_anew_after_an_answer(self, loop: Loop) -> None:
        pauses = loop.run(away(), away(), False, away())
        assert [seconds for how, seconds in pauses if how == "away"] == [0.5, 1.0, 0.5]

    def test_a_heartbeat_is_every_five_seconds_and_more_goes_at_once(self, loop: Loop) -> None:
        assert loop.run(False, True, False) == [("online", 5.0), ("online", 0.0), ("online", 5.0)]

    def test_nothing_ends_the_thread_and_unexpected_errors_are_logged(
        self, loop: Loop, caplog: pytest.LogCaptureFixture
    ) -> None:
        with caplog.at_level(logging.ERROR):
            pauses = loop.run(away(), JournalError("full"), RuntimeError("a slip"))
        assert [how for how, _ in pauses] == ["away"] * 3
        assert [record.getMessage() for record in caplog.records] == ["sync failed: RuntimeError"]

    def test_the_journal_is_tidied_after_a_minute(
        self, loop: Loop, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        tidied: list[float] = []
        now = [0.0]
        loop.sync._tidied_at = 0.0
        monkeypatch.setattr(syncing, "time", SimpleNamespace(monotonic=lambda: now[0]))
        monkeypatch.setattr(loop.sync._journal, "tidy", lambda: tidied.append(now[0]))
        for now[0] in (59.9, 60.0, 119.9, 120.0):
            loop.run(False)
        assert tidied == [60.0, 120.0]


class TestClosing:
    """A clock that only waiting advances."""

    class Thread:
        def __init__(self, now: list[float], ends_after_s: float) -> None:
            self.now = now
            self.ends_at = now[0] + ends_after_s

        def is_alive(self) -> bool:
            return self.now[0] < self.ends_at

        def join(self, timeout_s: float) -> None:
            self.now[0] = min(self.now[0] + timeout_s, max(self.ends_at, self.now[0]))

    def close(
        self, sync: Sync, monkeypatch: pytest.MonkeyPatch, ends_after_s: float, **within: float
    ) -> tuple[bool, float]:
        """The result of `close`, and its duration."""
        now = [100.0]
        monkeypatch.setattr(syncing, "time", SimpleNamespace(monotonic=lambda: now[0]))
        sync._thread = self.Thread(now, ends_after_s)  # type: ignore[assignment]
        return sync.close(**within), now[0] - 100.0

    @pytest.mark.parametrize(
        ("ends_after_s", "took_s", "aborted"), [(1.5, 1.5, 0), (2.5, 2.5, 1), (99.0, 3.0, 1)]
    )
    def test_it_takes_two_seconds_and_one_more_where_it_must_break_off(
        self,
        sync: Sync,
        server: Server,
        monkeypatch: pytest.MonkeyPatch,
        ends_after_s: float,
        took_s: float,
        aborted: int,
    ) -> None:
        _, took = self.close(sync, monkeypatch, ends_after_s)
        assert took == pytest.approx(took_s)
        assert server.aborted == aborted

    def test_it_returns_whether_scans_wait(
        self, sync: Sync, door: LocalDoor, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        assert self.close(sync, monkeypatch, 0.0) == (True, 0.0)
        enter(door.journal, 1)
        assert self.close(sync, monkeypatch, 0.0) == (False, 0.0)

    def test_one_that_was_never_started_is_closed_too(self, sync: Sync) -> None:
        assert sync.close() is True

    def test_a_journal_that_can_t_be_read_may_have_scans_that_wait(
        self, sync: Sync, door: LocalDoor
    ) -> None:
        door.journal.close()
        assert sync.close() is False

    def test_there_is_time_until_it_is_over(
        self, sync: Sync, door: LocalDoor, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        enter(door.journal, 1)
        now = [100.0]
        monkeypatch.setattr(syncing, "time", SimpleNamespace(monotonic=lambda: now[0]))
        assert sync._is_over() is False
        sync._stop_at = 102.0
        for now[0], over in ((102.0, True), (101.9, False)):
            assert sync._is_over() is over
        sync.exchange()
        assert sync._is_over() is True

    def test_a_failure_while_closing_is_not_retried(
        self, sync: Sync, door: LocalDoor, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        enter(door.journal, 1)
        loop = Loop(sync, monkeypatch)
        loop.ends = [away(), away()]
        sync._stop_at = time.monotonic() + 240
        sync._run()
        assert (loop.waits, len(loop.ends)) == ([], 1)

    def test_waiting_scans_are_sent_before(
        self, sync: Sync, server: Server, door: LocalDoor
    ) -> None:
        """A scan without a notification, in the middle of a long pause."""
        sync.heartbeat_s = 3600.0
        waits = sync._changed = Watched()
        sync.start()
        waits.until_begun(1)
        enter(door.journal, 1)
        assert sync.close(within_s=240.0)
        assert [len(batch.records) for batch in server.batches] == [0, 1]

    @pytest.mark.parametrize("online", [True, False])
    def test_it_does_not_wait_for_the_end_of_a_pause(
        self, sync: Sync, server: Server, online: bool
    ) -> None:
        sync.heartbeat_s, sync.back_off_s = 3600.0, (3600.0, 3600.0)
        server.error = None if online else away()
        waits = sync._changed = Watched()
        sync.start()
        waits.until_begun(1)
        assert sync.close(within_s=240.0)
        assert server.aborted == 0

    def test_the_newest_checkpoint_is_kept(
        self, sync: Sync, server: Server, door: LocalDoor
    ) -> None:
        """Otherwise a log that shrank while the kiosk was off would go unnoticed."""
        logged = Logged(server)
        for entry in ("a", "b"):
            logged.grow(entry)
            sync.exchange()
        kept = door.journal.witness.newest()
        assert kept is not None
        assert kept.size == 1, "the second is not worth a commit of its own yet"
        sync.close()
        kept = door.journal.witness.newest()
        assert kept is not None
        assert kept.size == 2


class Logged:
    """The server's entry log, with a proof from each size to the next."""

    def __init__(self, server: Server) -> None:
        self.server = server
        self.tree = Tree()

    def grow(self, entry: str) -> None:
        before = self.tree.size
        self.tree.append(leaf_hash(entry.encode()))
        checkpoint = Checkpoint("hallkeeper/test", self.tree.size, self.tree.root())
        self.server.changes |= {
            "checkpoint": sign_checkpoint(LOG, "hallkeeper/test", checkpoint),
            "consistency": self.tree.consistency(before, self.tree.size) if before else [],
        }


class TestLog:
    @pytest.fixture
    def logged(self, server: Server) -> Logged:
        return Logged(server)

    def test_one_that_goes_on_is_no_alarm(self, sync: Sync, link: Link, logged: Logged) -> None:
        for entry in ("a", "b"):
            logged.grow(entry)
            sync.exchange()
        assert link.state.log_alarm is None
        assert [batch.log_size for batch in logged.server.batches] == [0, 1]

    def test_one_that_does_not_is_logged_once_and_shown_until_it_is_right(
        self, sync: Sync, link: Link, logged: Logged, caplog: pytest.LogCaptureFixture
    ) -> None:
        logged.grow("a")
        sync.exchange()
        right = dict(logged.server.changes)
        Logged(logged.server).grow("another")
        with caplog.at_level(logging.ERROR, "kiosk.sync.upload"):
            for _ in range(2):
                sync.exchange()
                assert link.state.log_alarm is not None
                assert len(caplog.records) == 1, "at once, and not again"
            logged.server.changes = right
            sync.exchange()
        assert link.state.log_alarm is None
        assert len(caplog.records) == 1
        notes = [batch.note for batch in logged.server.batches]
        assert notes == [UNSET, UNSET, right["checkpoint"], right["checkpoint"]]

    def test_without_a_checkpoint_nothing_is_judged(self, sync: Sync, link: Link) -> None:
        sync.exchange()
        assert link.state.log_alarm is None

    def test_before_the_first_snapshot_the_log_s_owner_is_unknown(
        self, tmp_path: Path, clock: Clock, server: Server, link: Link, logged: Logged
    ) -> None:
        (tmp_path / "new").mkdir()
        new = LocalDoor(tmp_path / "new", clock)
        logged.grow("a")
        Sync(new.journal, new.replica, server, link, clock=lambda: NOON).exchange()  # type: ignore[arg-type]
        assert link.state.log_alarm is None
        assert new.journal.witness.newest() is None
        new.close()


class TestWishes:
    @pytest.fixture
    def now(self, monkeypatch: pytest.MonkeyPatch) -> Iterator[SimpleNamespace]:
        clock = SimpleNamespace(at=100.0)
        monkeypatch.setattr(exchange, "time", SimpleNamespace(monotonic=lambda: clock.at))
        return clock

    @pytest.fixture
    def settled(self, sync: Sync, door: LocalDoor) -> None:
        sync.exchange()
        door.clock.pass_ms(60_000)

    def wants(self, sync: Sync, server: Server) -> set[PoolKey]:
        sync.exchange()
        return {key for key, totals in server.places.items() if totals.wants}

    @pytest.fixture(autouse=True)
    def full(self, door: LocalDoor) -> None:
        door.grant(10, recall=10)
        door.grant(0, override=True)

    def test_no_place_is_wanted_without_a_request(self, sync: Sync, server: Server) -> None:
        assert self.wants(sync, server) == set()
        assert len(server.places) == 2

    @pytest.mark.parametrize(("refused", "lasts_s"), [(False, 10.0), (True, 3.0)])
    def test_a_request_lasts_as_long_as_a_person_waits_and_three_seconds_after_a_refusal(
        self, sync: Sync, server: Server, now: SimpleNamespace, settled: None, *,
        refused: bool, lasts_s: float,
    ) -> None:  # fmt: skip
        sync.ask_for_place(HALL)
        server.changes["full"] = [HALL] if refused else []
        for now.at, wanted in (
            (100.0, {PoolKey(HALL)}),
            (100.0 + lasts_s - 0.1, {PoolKey(HALL)}),
            (100.0 + lasts_s, set()),
        ):
            assert self.wants(sync, server) == wanted
            server.changes["full"] = []

    def test_one_beyond_the_capacity_is_another_pool_s(self, sync: Sync, server: Server) -> None:
        sync.ask_for_place(HALL, PlaceKind.OVERRIDE)
        assert self.wants(sync, server) == {PoolKey(HALL, PlaceKind.OVERRIDE)}

    def test_it_is_of_use_while_the_server_answers_or_stopped_only_seconds_ago(
        self, sync: Sync, server: Server, door: LocalDoor
    ) -> None:
        sync.exchange()
        door.clock.pass_ms(3_600_000)
        assert sync.ask_for_place(HALL) is True
        server.error = away()
        for passed_ms, of_use in ((0, True), (29_999, True), (1, False)):
            door.clock.pass_ms(passed_ms)
            with pytest.raises(TransportError):
                sync.exchange()
            assert sync.ask_for_place(HALL) is of_use

    def test_it_is_of_use_just_after_the_kiosk_s_start(self, sync: Sync, door: LocalDoor) -> None:
        assert sync.ask_for_place(HALL) is True
        door.clock.pass_ms(30_000)
        assert sync.ask_for_place(HALL) is False

    def test_a_server_that_has_just_returned_does_not_know_that_a_hall_is_full(
        self, sync: Sync, server: Server, door: LocalDoor
    ) -> None:
        """Other doors have not reported their exits yet."""
        server.changes["full"] = [HALL]
        for passed_ms, refusals in ((0, 0), (1_999, 0), (1, 1)):
            door.clock.pass_ms(passed_ms)
            sync.exchange()
            assert door.journal.times_none(HALL) == refusals

    @pytest.mark.parametrize(
        "act", [lambda sync: sync.ask_for_place(HALL), Sync.restored], ids=["a wish", "a restore"]
    )
    def test_it_is_sent_at_once(
        self, sync: Sync, server: Server, act: Callable[[Sync], object]
    ) -> None:
        sync.heartbeat_s = 60.0
        waits = sync._changed = Watched()
        sync.start()
        try:
            waits.until_begun(1)
            assert len(server.batches) == 1
            act(sync)
            waits.until_begun(2)
            assert len(server.batches) == 2
        finally:
            sync.close()

    def test_that_there_is_none_ends_a_wait(
        self, sync: Sync, server: Server, door: LocalDoor, settled: None
    ) -> None:
        server.changes = {"full": [HALL]}
        sync.exchange()
        assert (door.journal.times_none(HALL), door.journal.times_none(AROUND)) == (1, 0)


class TestBatches:
    def test_they_name_the_run_of_the_kiosk(self, sync: Sync, server: Server) -> None:
        """To a server that knows the field. An earlier one would refuse the batch."""
        for version in (OWN, UNSTATED):
            server.peer = version
            sync.exchange()
        first, second = server.batches
        assert first.run == sync._journal.run
        assert isinstance(first.run, str)
        assert second.run is UNSET

    def test_fifty_go_at_once_and_the_rest_follows(
        self, sync: Sync, server: Server, door: LocalDoor
    ) -> None:
        door.grant(51)
        for serial in range(51):
            enter(door.journal, serial)
        assert sync.exchange() is True
        assert sync.exchange() is False
        assert [(b.first_seq, len(b.records), b.last_seq) for b in server.batches] == [
            (1, 50, 51),
            (51, 1, 51),
        ]

    def test_an_old_server_gets_no_unknown_fields(self, sync: Sync, server: Server) -> None:
        """From a door of one hall, without a mark, while all is well."""
        sync.exchange()
        (batch,) = server.batches
        assert (batch.gone_outer, batch.mark, batch.note) == (UNSET, UNSET, UNSET)
        raw = wire.encode(batch)
        assert not any(name in raw for name in (b"gone_outer", b"mark", b"note", b"signed_in"))

    def test_gone_entries_of_halls_around_are_named(
        self, sync: Sync, server: Server, door: LocalDoor
    ) -> None:
        door.load(outer=[wire.OuterFacts(hall_facts(hall=AROUND), [])])
        door.journal.obey([(PoolKey(AROUND), Order(5, 0, 1))])
        door.present(badge(5))
        door.present(badge(5), direction=Direction.EXIT)
        sync.exchange()
        (batch,) = server.batches
        assert (batch.gone, batch.gone_outer) == ([1], [wire.GoneOuter(1, AROUND)])

    def test_it_has_the_kiosk_s_state(self, sync: Sync, server: Server, door: LocalDoor) -> None:
        door.journal.rest()
        sync.exchange()
        (batch,) = server.batches
        assert (batch.resting, batch.cursor, batch.incarnation, batch.sent_at) == (
            True, 10, 1, NOON,
        )  # fmt: skip
        assert batch.health == wire.Health()


class TestServersWord:
    """The server's signatures of grants, and its progress."""

    def test_the_newest_mark_is_shown_again_and_an_older_one_is_not(
        self, sync: Sync, server: Server
    ) -> None:
        for cursor in (5, 7, 6):
            server.changes = {"mark": mark(cursor)}
            sync.exchange()
        sync.exchange()
        assert [batch.mark for batch in server.batches] == [UNSET, mark(5), mark(7), mark(7)]

    def test_a_mark_of_before_a_restart_is_shown_again(
        self, sync: Sync, server: Server, door: LocalDoor, link: Link
    ) -> None:
        server.changes = {"mark": mark(5)}
        sync.exchange()
        Sync(door.journal, door.replica, server, link, clock=lambda: NOON).exchange()  # type: ignore[arg-type]
        assert server.batches[-1].mark == mark(5)

    def test_a_signature_is_given_back_to_a_server_that_gives_marks(
        self, sync: Sync, server: Server, door: LocalDoor
    ) -> None:
        door.journal.obey([(PoolKey(HALL), Order(11, 0, 1, b"signed"))])
        door.grant(2, override=True)
        sync.exchange()
        assert server.places[PoolKey(HALL)].signature is UNSET
        server.changes = {"mark": mark(5)}
        sync.exchange()
        sync.exchange()
        with_word, without = server.places[PoolKey(HALL)], server.places[PoolKey(HALL, True)]
        assert (with_word.signature, with_word.signed_in) == (b"signed", 1)
        assert (without.signature, without.signed_in) == (UNSET, UNSET)


class TestAnswers:
    def waiting(self, door: LocalDoor) -> None:
        for serial in (1, 2):
            enter(door.journal, serial)

    @pytest.mark.parametrize(
        ("changes", "again"),
        [
            ({"acked_seq": 0}, False),
            ({"acked_seq": 1}, True),
            ({"acked_seq": 2}, False),
            ({"acked_seq": 0, "incarnation": 2}, True),
            ({"acked_seq": 2, "incarnation": 2}, False),
        ],
        ids=["none taken", "one taken", "all taken", "restored, none taken", "restored, all taken"],
    )
    def test_another_goes_at_once_where_scans_wait_and_it_is_of_use(
        self, sync: Sync, server: Server, door: LocalDoor, changes: dict[str, object], again: bool
    ) -> None:
        self.waiting(door)
        server.changes = changes
        assert sync.exchange() is again

    def test_returned_places_are_reported_at_once(self, sync: Sync, server: Server) -> None:
        server.changes = {"orders": [wire.PlaceOrder(HALL, 10, 3, 1)]}
        assert sync.exchange() is True
        assert sync.exchange() is False
        assert server.places[PoolKey(HALL)].returned == 3

    def test_the_link_is_updated(
        self, sync: Sync, server: Server, link: Link, door: LocalDoor
    ) -> None:
        server.changes = {
            "orders": [wire.PlaceOrder(HALL, 10, 0, 1, False, 44)],
            "received_at": NOON - 90_000,
            "answered_at": NOON - 90_000,
        }
        link.refuse(as_message("scan 3 is not ours"))
        sync.exchange()
        assert link.state.online
        assert link.state.left == {HALL: 44}
        assert link.state.skew_ms == 90_000
        assert link.state.refused is None, "it takes scans again"

    def test_a_restored_server_is_heard_of_once_it_has_all(
        self, sync: Sync, server: Server, door: LocalDoor, restores: list[int]
    ) -> None:
        """And names are fetched again from the first."""
        door.replica.take_names(wire.NamesPage([], 12, False))
        sync.exchange()
        self.waiting(door)
        server.changes = {"incarnation": 2, "acked_seq": 1}
        sync.exchange()
        assert (restores, door.replica.names_after) == ([], 0)
        server.changes = {"incarnation": 2}
        sync.exchange()
        assert restores == [1]
        sync.exchange()
        assert restores == [1]

    def test_a_restore_reported_by_the_feed_counts_too(
        self, sync: Sync, restores: list[int]
    ) -> None:
        sync.exchange()
        assert restores == []
        sync.restored()
        sync.exchange()
        assert restores == [1]

    def test_after_a_gap_the_answer_to_the_empty_batch_counts(
        self, sync: Sync, server: Server, door: LocalDoor
    ) -> None:
        self.waiting(door)
        sync.exchange()
        enter(door.journal, 3)
        post = server.post

        def gap(target: str, batch: wire.ScanBatch, kind: type) -> wire.ScanAnswer:
            if batch.first_seq > 1:
                server.batches.append(batch)
                raise away("gap")
            return post(target, batch, kind)

        server.post = gap  # type: ignore[method-assign]
        server.changes = {"incarnation": 2, "acked_seq": 0}
        assert sync.exchange() is True
        assert door.journal.state().waiting == 3


class TestFailures:
    def test_one_that_passes_is_no_refusal(self, sync: Sync, server: Server, link: Link) -> None:
        server.error = away()
        with pytest.raises(TransportError):
            sync.exchange()
        assert not link.state.online
        assert "nobody there" in link.state.trouble
        assert link.state.refused is None

    @pytest.mark.parametrize(("code", "fenced"), [("fork", True), ("malformed", False)])
    def test_one_that_lasts_is_shown_and_a_fork_ends_admission(
        self, sync: Sync, server: Server, link: Link, door: LocalDoor, code: str, fenced: bool
    ) -> None:
        server.error = away(code, permanent=True)
        with pytest.raises(TransportError):
            sync.exchange()
        assert link.state.refused is not None
        assert door.journal.state().fenced is fenced

    @pytest.mark.parametrize(
        ("changes", "error"), [({"incarnation": 0}, OldServerError), ({"acked_seq": 9}, ForkError)]
    )
    def test_a_server_of_another_past_is_shown_and_not_obeyed(
        self,
        sync: Sync,
        server: Server,
        link: Link,
        door: LocalDoor,
        changes: dict[str, object],
        error: type[JournalError],
    ) -> None:
        server.changes = {"orders": [wire.PlaceOrder(HALL, 99, 0, 1)], **changes}
        with pytest.raises(error):
            sync.exchange()
        assert link.state.refused is not None
        assert door.free() == 10
        assert server.avoided == (error is OldServerError), "another server may be newer"

    def test_a_place_that_an_exit_gave_back_stays(self, sync: Sync, door: LocalDoor) -> None:
        """Nothing is done twice if the answer never came."""
        enter(door.journal, 1)
        assert leave(door.journal, 1, own(1))
        sync.exchange()
        assert door.free() == 10


def test_a_thread_that_hangs_does_not_keep_the_program(sync: Sync) -> None:
    assert sync._thread.daemon
