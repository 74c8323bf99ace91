"""`hallkeeper servers` and `hallkeeper status`."""

import errno
import json
import sqlite3
from contextlib import closing

import pytest

from badges.wire.servers import ServerAddress, open_servers
from badges.wire.wire import ErrorCode
from server.core.event.directory import Event
from server.core.event.processes import Reporter, all_processes
from server.core.kiosks import addresses, runs, snapshot
from server.features.servers.status import look
from server.storage import disk, migrations
from server.storage.database import Database
from server.storage.disk import DiskError, Room
from server.storage.migrations import NewerVersionError
from server.storage.postgresql.address import address_of
from tests.server.conftest import NOW
from tests.server.support.console import Console
from tests.server.support.site import Site, open_site


@pytest.fixture
def halls(database: Database) -> Site:
    return open_site(database)


def test_a_full_disk_is_a_trouble(console: Console, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(disk, "room", lambda _: Room(3_000_000, 10**12))
    output = console("status", status=1).output
    assert "TROUBLE    Writes fail: the disk with" in output
    assert "3 MB are free" in output


def test_a_disk_that_refuses_is_a_trouble_though_it_has_room(
    console: Console, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_: int) -> None:
        raise OSError(errno.EDQUOT, "Disk quota exceeded")

    monkeypatch.setattr(disk.os, "fsync", refuse)
    assert "TROUBLE    Writes fail: the disk with" in console("status", status=1).output


class TestServers:
    def test_they_are_set_shown_and_forgotten(self, console: Console) -> None:
        assert "One server, localhost:8443" in console("servers").output
        output = console("servers", "a.example.org:8443", "b.example.org:8443").output
        assert "2 servers" in output
        assert "Kiosks hear of it at once" in output
        assert "a.example.org:8443" in console("servers").output
        again = console("servers", "a.example.org:8443", "b.example.org:8443").output
        assert "is unchanged" in again
        assert "One server" in console("servers", "--none").output
        acts = console.rows("SELECT body FROM leaf WHERE CAST(body AS TEXT) LIKE '%servers_set%'")
        assert len(acts) == 2

    @pytest.mark.parametrize(
        ("words", "message", "status"),
        [
            (["a.example.org"], "HOST:PORT", 2),
            (["a:1", "a:1"], "is listed twice", 1),
            ([f"a:{port}" for port in range(1, 18)], "16 are allowed", 1),
            (["a:1", "--none"], "or --none", 2),
        ],
    )
    def test_what_can_not_be_leaves_all_as_it_was(
        self, console: Console, words: list[str], message: str, status: int
    ) -> None:
        console("servers", "a:1")
        assert message in console("servers", *words, status=status).output
        assert "1 server" in console("servers").output

    def test_kiosks_that_ask_are_told_what_the_event_signed(
        self, event: Event, database: Database, halls: Site
    ) -> None:
        def step(db: sqlite3.Connection, servers: bool = True):
            return snapshot.snapshot(db, event, ("west", 1), 1, NOW, servers=servers).servers

        assert not isinstance(database.write(step), bytes)
        first = [ServerAddress("a", 1)]
        numbers = []
        for listed in (first, [*first, ServerAddress("b", 2, bytes(32))], []):
            assert database.write(
                lambda db, listed=listed: addresses.set_servers(
                    db, event, listed, by="test", now=NOW
                )
            )
            signed = open_servers(event.root_key.public, database.write(step))
            assert signed.servers == tuple(listed)
            numbers.append(signed.number)
        assert numbers == sorted(set(numbers))
        assert not isinstance(database.write(lambda db: step(db, servers=False)), bytes)


class TestStatus:
    def test_it_says_what_there_is(self, console: Console, event: Event) -> None:
        output = console("status").output
        assert "0 servers" in output
        kept_in = "PostgreSQL" if address_of(event.path) else "hallkeeper.db"
        assert kept_in in output
        status = json.loads(console("status", "--json").output)
        assert status["troubles"] == []
        assert status["incarnation"] == 1

    def test_servers_say_when_they_are_at_work(self, event: Event, database: Database) -> None:
        clock = [NOW]
        run = database.write(lambda db: runs.begin_run(db, NOW, lambda n: bytes(n), "a"))
        with closing(
            Reporter(database, "a, process 1", "a:1", lambda: run, lambda: clock[0], every_s=0.01)
        ) as reporter:
            reporter.start()
            while not all_processes(database.reader):
                database.give_back()
            (server,) = look(database.reader, event, NOW).servers
            assert (server.name, server.run, server.stopped_at) == ("a, process 1", run, None)
            assert not server.is_silent(NOW + 30_000)
            assert server.is_silent(NOW + 30_001)
            clock[0] += 5
        database.give_back()
        (server,) = all_processes(database.reader)
        assert server.stopped_at == NOW + 5

    def test_a_server_records_which_steps_it_knows(self, database: Database) -> None:
        reporter = Reporter(database, "a, process 1", "a:1", lambda: "run", lambda: NOW)
        with closing(reporter):
            reporter.start()
        database.give_back()
        (server,) = all_processes(database.reader)
        assert all(migrations.knows(server.knows, step) for step in migrations.STEPS)
        assert not migrations.knows(None, migrations.STEPS[0])

    def test_a_server_does_not_start_on_an_event_that_was_upgraded_meanwhile(
        self, database: Database, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(migrations, "STEPS", migrations.STEPS[1:])
        reporter = Reporter(database, "a, process 1", "a:1", lambda: "run", lambda: NOW)
        with pytest.raises(NewerVersionError, match="schema_1_0"):
            reporter.start()
        assert all_processes(database.reader) == []

    def test_a_silent_one_is_named_until_replaced(self, event: Event, database: Database) -> None:
        def add(name: str, address: str, seen_at: int, stopped_at: int | None = None) -> None:
            row = (name, address, "1", NOW, seen_at, "run", 1, stopped_at)
            database.write(
                lambda db: (
                    db.execute(
                        "INSERT INTO server_process VALUES (?, ?, ?, ?, ?, ?, ?, ?, 0, '', NULL)",
                        row,
                    )
                    and None
                )
            )

        def troubles() -> list[str]:
            with database.reading() as db:
                return look(db, event, NOW).troubles

        add("a, process 1", "a:1", NOW - 40_000)
        add("b, process 1", "b:1", NOW - 1_000)
        add("c, process 1", "c:1", NOW - 40_000, NOW - 40_000)
        (trouble,) = troubles()
        assert "Server a, process 1 (a:1)" in trouble
        assert "reach the database" in trouble
        add("a, process 2", "a:1", NOW)
        assert troubles() == []

    def test_a_kiosk_that_states_to_have_seen_more_than_there_is_is_a_trouble(
        self, console: Console, database: Database
    ) -> None:
        open_site(database)
        console("status")
        database.write(lambda db: db.execute("UPDATE kiosk SET log_size = 99999"))
        output = console("status", status=1).output
        assert "states that it has seen 99999 entries" in output
        assert "set back" not in output, "what a kiosk does not prove is about that kiosk"

    def test_writes_that_fail_are_a_trouble(self, event: Event, database: Database) -> None:
        reporter = Reporter(database, "b:1, process 7", "b:1", lambda: "a run", lambda: NOW)
        reporter.start()
        try:
            with database.reading() as db:
                assert not look(db, event, NOW).troubles
            database.failures.note(DiskError(ErrorCode.DISK_FULL, "the disk is full"))
        finally:
            reporter.close()
        Reporter(database, "b:1, process 8", "b:1", lambda: "a run", lambda: NOW)._write(None)
        with database.reading() as db:
            (trouble,) = look(db, event, NOW).troubles
        assert trouble == "Writes of server b:1, process 8 fail, 1 in a minute: the disk is full"

    def test_waiting_scans_are_named(self, event: Event, database: Database, halls: Site) -> None:
        many = event.settings.alert_queue + 1

        def step(db: sqlite3.Connection) -> None:
            db.execute("UPDATE kiosk SET seen_at = ?, log_size = 0", (NOW,))
            db.execute("UPDATE kiosk SET last_seq = acked_seq + ? WHERE kiosk = 'west'", (many,))

        database.write(step)
        with database.reading() as db:
            (trouble,) = look(db, event, NOW).troubles
            assert f"west ({many})" in trouble
            later = NOW + event.settings.alert_silent_s * 1000 + 1
            trouble = look(db, event, later).troubles[-1]
            assert "silent: east, other, room, west" in trouble
            # Released kiosks do not count.
            assert not look(db, event, NOW + 24 * 3_600_000).unheard
