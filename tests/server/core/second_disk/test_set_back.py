"""A database set back by hand or by a snapshot of the machine, while kiosks know its later state.

The real app, ledger and journals. Two doors of a hall of six; the grants of one are forgotten, and
the other asks for them.
"""

import itertools
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import msgspec
import pytest
from msgspec import UNSET

from badges.credential.keys import PrivateKey
from badges.places.pool import PoolKey
from badges.record import StayRef
from badges.transparency.checkpoint import Checkpoint, sign_checkpoint
from badges.wire import wire
from kiosk.sync.protocol import TransportError
from server.core.event.directory import Event
from server.core.feed.changes import cursor, publish
from server.core.kiosks import registry
from server.core.occupancy import hall_control, pools
from server.core.second_disk import set_back
from server.core.second_disk.copy import BackupError, make_backup
from server.core.second_disk.critical_state import ACTS_FILE, read_acts
from server.doors import scans as api
from server.web.services import services_of
from tests.server.support.in_process import CAPACITY, FIRE_LIMIT, HALL, Forum, InProcessKiosk
from tests.server.support.pages import Pages

# It restores copies of SQLite's file. tests/server/failover does the same with a standby.
pytestmark = pytest.mark.sqlite_alone


@pytest.fixture(params=["by hand", "with the machine"])
def put_back(request: pytest.FixtureRequest, forum: Forum) -> Callable[[Path], None]:
    return forum.put_back if request.param == "by hand" else forum.snapshot_back


def empty_the_pool(forum: Forum, *names: str) -> None:
    """Each door takes all places it can get."""
    for _ in range(CAPACITY + 2):
        for name in names:
            forum.now += 1_100
            forum.kiosks[name].ask()


def entered(forum: Forum) -> int:
    """Let people in at every door until all are shut."""
    serial = 100
    for _ in range(3):
        for kiosk in forum.kiosks.values():
            serial += 20
            kiosk.fill(range(serial, serial + 20))
            forum.now += 1_100
            try:
                kiosk.ask()
            except TransportError:
                continue
    return forum.inside()


def test_nine_in_a_hall_of_six(forum: Forum, put_back: Callable[[Path], None]) -> None:
    """West, away now, got places after the copy. East has seen the later state of the server."""
    west, east = forum.enrol("west", heard=False), forum.enrol("east", heard=False)
    kept = forum.copy()
    west.exchange()
    west.exchange()
    assert west.account.free > 2
    east.exchange()
    west.transport.wire_cut = True
    put_back(kept)
    for kiosk in (west, east):
        kiosk.fill(range(20, 40) if kiosk is west else range(40, 60))
    for _ in range(CAPACITY):
        forum.now += 1_100
        east.ask()
        east.fill(range(60, 80))
    assert forum.inside() <= CAPACITY
    assert forum.pool.awaited == {("west", 1)}
    west.transport.wire_cut = False
    west.exchange()
    assert forum.pool.awaited == frozenset()
    assert entered(forum) == CAPACITY
    assert forum.pool.worst_case == CAPACITY


@pytest.fixture(params=["fence", "retire"])
def stop_west(request: pytest.FixtureRequest, forum: Forum) -> Callable[[], None]:
    """Lost or retired, by staff who do not know that the database was set back."""

    def step(db: sqlite3.Connection) -> None:
        if request.param == "retire":
            registry.retire(db, "west", by="test", now=forum.now)
        else:
            registry.fence(db, "west", 1, by="test", now=forum.now)

    return lambda: forum.database.write(step)


def put_back_without_west(
    forum: Forum, put_back: Callable[[Path], None]
) -> tuple[InProcessKiosk, InProcessKiosk, int]:
    """West is cut off with places that the old database does not know. Return the two kiosks, and
    the number of people whom west lets in.
    """
    west, east = forum.enrol("west", heard=False), forum.enrol("east", heard=False)
    kept = forum.copy()
    west.exchange()
    west.exchange()
    east.exchange()
    west.transport.wire_cut = True
    put_back(kept)
    inside = west.fill(range(20, 40))
    assert inside > 2
    return west, east, inside


def test_a_lost_door_that_was_fenced_before_anybody_knew(
    forum: Forum, put_back: Callable[[Path], None], stop_west: Callable[[], None]
) -> None:
    """The server that fenced it did not know its grants to west."""
    _, east, inside = put_back_without_west(forum, put_back)
    stop_west()
    for _ in range(CAPACITY):
        forum.now += 1_100
        east.ask()
        east.fill(range(60, 80))
    assert forum.inside() <= CAPACITY
    assert forum.pool.awaited == {("west", 1)}
    attest_west(forum, inside)
    assert forum.pool.awaited == frozenset()
    assert forum.pool.kiosks["west", 1].held == inside
    empty_the_pool(forum, "east")
    east.fill(range(80, 99))
    assert forum.inside() == CAPACITY


def attest_west(forum: Forum, inside: int) -> None:
    staff = {"by": "user:1", "with_": "user:2", "now": forum.now}
    forum.database.write(lambda db: hall_control.attest(db, HALL, ("west", 1), inside, **staff))


def test_a_word_about_more_people_than_the_old_database_knows_of(
    forum: Forum, put_back: Callable[[Path], None]
) -> None:
    """Staff attested west before anyone knew. They are asked again. Grants until then are out of
    scope: the server could not know.
    """
    west, east, inside = put_back_without_west(forum, put_back)
    forum.database.write(lambda db: registry.fence(db, "west", 1, by="test", now=forum.now))
    attest_west(forum, inside)
    east.exchange()
    assert forum.pool.awaited == {("west", 1)}
    west.transport.wire_cut = False
    west.exchange()
    assert forum.pool.awaited == {("west", 1)}, "west may be stolen"
    assert forum.pool.open_stays == inside
    attest_west(forum, 0)  # besides those whom it has reported now
    assert forum.pool.awaited == frozenset()
    assert forum.pool.worst_case >= inside + east.account.free


class TestSigns:
    """Each sign alone starts the next server."""

    @pytest.fixture
    def west(self, forum: Forum) -> InProcessKiosk:
        return forum.enrol("west")

    def went_on(self, forum: Forum, before: int, sign: str) -> None:
        assert forum.incarnation > before
        (act,) = forum.rows("SELECT body FROM leaf WHERE CAST(body AS TEXT) LIKE '%restored%'")
        assert b'"by":"server"' in act[0]
        assert f'"sign":"{sign}"'.encode() in act[0]

    def capacity(self, forum: Forum, capacity: int) -> None:
        forum.database.write(
            lambda db: hall_control.set_capacity(db, HALL, capacity, by="test", now=forum.now)
        )

    def test_a_mark(
        self, forum: Forum, west: InProcessKiosk, put_back: Callable[[Path], None]
    ) -> None:
        """Of an event that left no other trace with this kiosk: another was granted places."""
        kept, before = forum.copy(), forum.incarnation
        size = services_of(forum.app).log.size()
        forum.database.write(lambda db: publish(db, wire.StayClosed(StayRef("x", 1, 1), HALL, 1)))
        west.exchange()
        assert services_of(forum.app).log.size() == size, "the log tells nothing"
        put_back(kept)
        west.exchange()
        self.went_on(forum, before, "mark")

    def test_a_mark_after_the_old_database_went_on(
        self, forum: Forum, west: InProcessKiosk
    ) -> None:
        """The server has passed the mark by now, in a run that began too early."""
        kept, before = forum.copy(), forum.incarnation
        self.capacity(forum, 5)
        west.exchange()
        forum.put_back(kept)
        for capacity in (1, 2, 3, 4, 5):
            self.capacity(forum, capacity)
        assert cursor(forum.database.reader) > west.sync._mark.cursor
        west.exchange()
        self.went_on(forum, before, "mark")

    def test_a_grant(self, forum: Forum, west: InProcessKiosk) -> None:
        """By the feed, and the kiosk got no answer since."""
        self.capacity(forum, FIRE_LIMIT)
        west.exchange()
        kept, before = forum.copy(), forum.incarnation
        given = west.account.granted

        def grant(db: sqlite3.Connection) -> None:
            pool = pools.load(db, PoolKey(HALL))
            pools.save(db, PoolKey(HALL), pool, pool.grant(("west", 1), 1))

        forum.database.write(grant)
        west.refresh()
        assert west.account.granted == given + 1
        forum.put_back(kept)
        west.exchange()
        self.went_on(forum, before, "grant")
        assert forum.pool.kiosks["west", 1].granted == west.account.granted

    @pytest.mark.parametrize("size", [900, 1], ids=["a longer log", "another log of this name"])
    def test_a_checkpoint(self, forum: Forum, west: InProcessKiosk, size: int) -> None:
        """The note of a log, without any other sign."""
        before = forum.incarnation
        self.say(forum, west, self.note(forum, size))
        self.went_on(forum, before, "entry log")

    def test_a_checkpoint_of_a_later_server(self, forum: Forum, west: InProcessKiosk) -> None:
        """The database is from before a restore."""
        later = 2_000_000_000
        self.say(forum, west, self.note(forum, 1, f"{forum.event.log_name}/{later}"))
        assert forum.incarnation == later + 1

    def note(self, forum: Forum, size: int, name: str = "") -> str:
        name = name or forum.event.log_name
        return sign_checkpoint(forum.event.log_key, name, Checkpoint(name, size, bytes(32)))

    def say(self, forum: Forum, west: InProcessKiosk, note: str) -> None:
        answer = post(west, note=note)
        assert answer.incarnation == forum.incarnation

    def test_a_kiosk_keeps_the_note_for_the_next_batch(
        self, forum: Forum, west: InProcessKiosk
    ) -> None:
        """The answer came from a shorter log than the kiosk had seen."""
        west.sync._watch.check(
            self.note(forum, 900), [], name=forum.event.log_name,
            key=forum.event.log_key.public.raw, now=forum.now,
        )  # fmt: skip
        west.sync._watch.contradicted = self.note(forum, 900)
        before = forum.incarnation
        west.exchange()
        self.went_on(forum, before, "entry log")


def claim(kiosk: InProcessKiosk, more: int = 0, **changes: object) -> wire.ScanAnswer:
    """Claim that many more grants, as a kiosk that shows no signature."""
    account = kiosk.account
    totals = wire.PlaceTotals(HALL, account.granted + more, account.returned, 0)
    return post(kiosk, **{"places": [totals], "mark": UNSET, **changes})


class TestLies:
    """A dishonest kiosk stops no hall."""

    @pytest.fixture
    def west(self, forum: Forum) -> InProcessKiosk:
        west = forum.enrol("west")
        west.exchange()
        return west

    def refused(self, forum: Forum, tell: Callable[[], object]) -> None:
        before = forum.incarnation
        with pytest.raises(TransportError) as error:
            tell()
        assert error.value.code == "fork"
        assert forum.incarnation == before
        assert forum.rows("SELECT state FROM kiosk WHERE kiosk = 'west'") == [("fenced",)]

    def test_more_than_it_was_granted(self, forum: Forum, west: InProcessKiosk) -> None:
        self.refused(forum, lambda: claim(west, 1_000))

    def test_and_with_a_mark_that_is_true(self, forum: Forum, west: InProcessKiosk) -> None:
        self.refused(forum, lambda: claim(west, 1_000, mark=west.sync._mark))

    def test_with_the_signature_of_another_total(self, forum: Forum, west: InProcessKiosk) -> None:
        grant = west.journal.offer(0).grants[PoolKey(HALL)]
        totals = wire.PlaceTotals(
            HALL, 1_000, 0, 0, signature=grant.signature, signed_in=grant.incarnation
        )
        self.refused(forum, lambda: post(west, places=[totals]))

    def test_a_mark_that_nobody_signed(self, forum: Forum, west: InProcessKiosk) -> None:
        mark = msgspec.structs.replace(west.sync._mark, cursor=10**9)
        self.refused(forum, lambda: post(west, mark=mark))

    def test_a_note_that_nobody_signed(self, forum: Forum, west: InProcessKiosk) -> None:
        key, name = PrivateKey(bytes(32)), forum.event.log_name
        note = sign_checkpoint(key, name, Checkpoint(name, 900, bytes(32)))
        self.refused(forum, lambda: post(west, note=note))

    def test_an_incarnation_that_never_was(self, forum: Forum, west: InProcessKiosk) -> None:
        self.refused(forum, lambda: post(west, incarnation=2**50))

    def test_a_gap_is_answered_and_nothing_else(self, forum: Forum, west: InProcessKiosk) -> None:
        """The kiosk sends the missing records from the start; its mark shows no loss."""
        before = forum.incarnation
        with pytest.raises(TransportError) as error:
            post(west, first_seq=50, last_seq=60)
        assert error.value.code == "gap"
        assert forum.incarnation == before

    def test_a_log_that_is_longer_by_its_word_alone(
        self, forum: Forum, west: InProcessKiosk
    ) -> None:
        before = forum.incarnation
        post(west, log_size=10_000)
        assert forum.incarnation == before

    @pytest.mark.parametrize("lie", [{"more": 5}, {"incarnation": 9}, {"log_size": 10_000}])
    def test_of_a_kiosk_whose_first_batch_it_is(self, forum: Forum, lie: dict[str, int]) -> None:
        """It never got a mark. The other door of the hall still gets its places."""
        east, west = forum.enrol("east", heard=False), forum.enrol("west", heard=False)
        before = forum.incarnation
        with suppress(TransportError):
            claim(west, **lie)
        assert forum.incarnation == before
        assert set_back.notice(forum.database.reader) is None
        empty_the_pool(forum, "east")
        assert east.account.free > 0

    def test_an_old_mark_does_not_stop_the_next_server(
        self, forum: Forum, west: InProcessKiosk
    ) -> None:
        """Proof about an earlier server proves nothing about the next one."""
        kept = forum.copy()
        west.fill(range(1, 3))
        west.exchange()
        old = west.sync._mark
        forum.put_back(kept)
        west.exchange()
        after = forum.incarnation
        post(west, mark=old)
        assert forum.incarnation == after


def test_two_requests_that_show_it_at_once_make_one_new_server(
    forum: Forum, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By the time of the second request, the first one has done it."""
    west = forum.enrol("west")
    kept = forum.copy()
    west.fill(range(1, 3))
    west.exchange()
    forum.put_back(kept)
    become = api._become_the_next

    def twice(here, signed, batch):
        first = become(here, signed, batch)
        again = become(here, signed, batch)
        assert again.event.incarnation == first.event.incarnation == forum.incarnation
        return again

    monkeypatch.setattr(api, "_become_the_next", twice)
    before = forum.incarnation
    west.exchange()
    assert forum.incarnation > before
    acts = forum.rows("SELECT number FROM leaf WHERE CAST(body AS TEXT) LIKE '%restored%'")
    assert len(acts) == 1
    assert west.journal.state().waiting == 0


class TestAfterwards:
    def test_staff_are_told(self, forum: Forum, put_back: Callable[[Path], None]) -> None:
        west, east = forum.enrol("west"), forum.enrol("east")
        kept = forum.copy()
        west.fill(range(1, 4))
        west.exchange()
        put_back(kept)
        west.exchange()
        east.transport.wire_cut = True
        notice = set_back.notice(forum.database.reader)
        assert notice is not None
        assert notice.at == forum.now
        assert [kiosk.kiosk for kiosk in notice.awaited] == ["east"]
        page = overview(forum)
        assert "older state of its database" in page
        assert "east" in page.partition("older state")[2][:1_500]
        assert "fence it" in page

    def test_nothing_is_told_of_a_server_that_was_not(self, forum: Forum) -> None:
        forum.enrol("west")
        assert set_back.notice(forum.database.reader) is None
        assert "older state of its database" not in overview(forum)

    def test_the_scans_come_again_and_the_log_goes_on(
        self, forum: Forum, put_back: Callable[[Path], None]
    ) -> None:
        """Under its new name; kiosks keep the old one's last note and raise no alarm."""
        west = forum.enrol("west")
        kept = forum.copy()
        west.fill(range(1, 4))
        west.exchange()
        put_back(kept)
        west.exchange()
        west.refresh()
        west.exchange()
        assert forum.rows("SELECT COUNT(*) FROM scan") == [(3,)]
        log = west.journal.witness.newest()
        assert log is not None
        assert log.log_name.endswith(f"/{forum.incarnation}")
        assert west.link.state.log_alarm is None
        assert forum.pool.open_stays == 3


def overview(forum: Forum) -> str:
    with Pages(forum.event, forum.database) as pages:
        return " ".join(pages.staff("admin").get("/admin/").text.split())


class TestSecondDisk:
    @pytest.fixture
    def forum(self, event: Event, tmp_path: Path) -> Iterator[Forum]:
        second = tmp_path / "second"
        second.mkdir()
        settings = event.path / "event.toml"
        line = '# backup_dir = "/mnt/second/forum"'
        text = settings.read_text()
        assert line in text
        settings.write_text(text.replace(line, f'backup_dir = "{second}"'))
        opened = Forum(event, tmp_path, second)
        yield opened
        opened.close()

    def test_it_is_not_served_where_a_backup_is_of_a_later_state(self, forum: Forum) -> None:
        """No act was kept since, and no leaf was added: only places were granted."""
        west = forum.enrol("west", heard=False)
        kept = forum.copy()
        west.exchange()
        make_backup(forum.event, forum.second, forum.now)
        with pytest.raises(BackupError, match="put back by hand.*hallkeeper restore"):
            forum.put_back(kept)
        forum.second = None
        forum._serve()

    def test_a_fence_that_the_copy_lacks(self, forum: Forum) -> None:
        """In a copy taken just before it, the second disk can't distinguish it from an act undone
        by a crash. The act is restored when a kiosk proves the copy.
        """
        west, east = forum.enrol("west"), forum.enrol("east")
        kept = forum.copy()
        forum.database.write(lambda db: registry.fence(db, "east", 1, by="test", now=forum.now))
        west.exchange()
        forum.put_back(kept)
        assert not forum.pool.kiosks["east", 1].fenced
        services_of(forum.app).backups._keeper.keep()  # as its thread does at the start
        west.exchange()
        assert forum.pool.kiosks["east", 1].fenced
        assert ("east", 1) in forum.pool.awaited, "it may have been granted places before"
        assert not east.journal.state().fenced

    def test_the_discovery_is_kept_at_once(self, forum: Forum) -> None:
        """Restoring a backup from before it must show that a later server existed."""
        west = forum.enrol("west")
        kept, before = forum.copy(), forum.incarnation
        west.fill(range(1, 3))
        west.exchange()
        forum.put_back(kept)
        west.exchange()
        assert forum.incarnation > before
        acts = read_acts(forum.second / ACTS_FILE)
        assert acts.moment.incarnation == forum.incarnation

    def test_a_kiosk_that_the_copy_lacks(self, forum: Forum) -> None:
        west = forum.enrol("west")
        kept = forum.copy()
        east = forum.enrol("east", heard=False)
        west.exchange()
        forum.snapshot_back(kept)
        assert forum.rows("SELECT kiosk FROM kiosk") == [("west",)]
        west.exchange()
        assert ("east", 1) in forum.pool.awaited
        east.exchange()
        assert forum.pool.awaited == frozenset()


def post(kiosk: InProcessKiosk, **changes: object) -> wire.ScanAnswer:
    """A heartbeat with any claims."""
    request = next(kiosk.sync._post(kiosk.journal.offer(0)))
    batch = msgspec.structs.replace(request.message, **changes)
    return kiosk.transport.post("/api/scans", batch, wire.ScanAnswer)


def test_the_mark_that_shows_more_is_kept() -> None:
    """A server on an old copy shows less, and must not remove its own proof."""
    earlier, later = wire.Mark(1, "0" * 32, 5, 9, b""), wire.Mark(1, "1" * 32, 7, 9, b"")
    longer, next_one = wire.Mark(1, "0" * 32, 7, 10, b""), wire.Mark(2, "2" * 32, 1, 1, b"")
    shown = [earlier, later, longer, next_one]
    for less, more in itertools.pairwise(shown):
        assert wire.later_mark(less, more) == more
        assert wire.later_mark(more, less) == more
    assert wire.later_mark(None, later) == wire.later_mark(later, None) == later
