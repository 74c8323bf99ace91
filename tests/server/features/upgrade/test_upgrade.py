"""`hallkeeper upgrade`, with made-up steps of a next release."""

import re
import time

import pytest
import sqlite_utils

from badges.wire.wire import Health, encode
from server.core.event.processes import own_version
from server.storage import migrations
from server.storage.database import Database
from server.storage.migrations import SILENT_MS, Kind, Step
from server.storage.tables import columns_of
from tests.server.storage.test_migrations import serving
from tests.server.support.console import Console
from tests.server.support.site import open_site


def zone_colours(db: sqlite_utils.Database) -> None:
    migrations.run(db, "ALTER TABLE zone ADD COLUMN colour TEXT;\n")


def zone_by_code(db: sqlite_utils.Database) -> None:
    migrations.run(db, "CREATE INDEX zone_code ON zone (code, bit);\n")


def colours_moved(db: sqlite_utils.Database) -> None:
    migrations.run(db, "ALTER TABLE zone DROP COLUMN colour;\n")


RELEASE = ".".join(own_version().split(".")[:2])  # that of this program
COLUMN = Step(zone_colours, Kind.EXPAND, RELEASE, "Zones have colours.")
INDEX = Step(zone_by_code, Kind.EXPAND, RELEASE, "Zones are found by their code.")
REMOVAL = Step(colours_moved, Kind.CONTRACT, RELEASE, "Zones have no colours.")


@pytest.fixture
def released(monkeypatch: pytest.MonkeyPatch):
    def add(*steps: Step) -> None:
        monkeypatch.setattr(migrations, "STEPS", (*migrations.STEPS, *steps))

    return add


def zone(database: Database) -> list[str]:
    with database.reading() as db:
        return columns_of(db, "zone")


def at_work(database: Database, knows: str | None, *, silent: bool = False) -> None:
    database.write(lambda db: serving(db, knows))
    if silent:
        long_ago = time.time_ns() // 1_000_000 - SILENT_MS - 60_000
        database.write(lambda db: db.execute("UPDATE server_process SET seen_at = ?", (long_ago,)))


class TestCheck:
    def test_an_event_of_this_version(self, console: Console) -> None:
        output = console("upgrade", "check").output
        assert f"Version    {own_version()} here; the servers at work have none" in output
        assert "Now        nothing to change" in output
        assert "Later      nothing to remove" in output
        assert "Way back   open: the version before works with these tables" in output

    def test_it_lists_all_steps_and_changes_nothing(
        self, console: Console, database: Database, released
    ) -> None:
        database.write(lambda db: db.execute("INSERT INTO zone (bit, code) VALUES (1, 'a')"))
        at_work(database, None)
        released(COLUMN, INDEX, REMOVAL)
        output = console("upgrade", "check").output
        assert "the servers at work have 1.0.0\n" in output
        assert re.search(r"^Now        2 steps, about 1 s$", output, re.MULTILINE)
        assert "  zone_colours  expand  Zones have colours.\n" in output
        assert "  zone_by_code  expand  Zones are found by their code. (1 row, about 1 s)" in output
        assert "Later      1 step, at once" in output
        assert "  colours_moved  contract  Zones have no colours.\n" in output
        assert "Way back   open until `hallkeeper upgrade finish`" in output
        assert output.endswith("Nothing was changed.\n")
        assert zone(database) == ["bit", "code"]

    def test_an_earlier_upgrade_that_was_not_finished_closes_the_way_back(
        self, console: Console, released
    ) -> None:
        released(COLUMN, REMOVAL, INDEX)
        output = console("upgrade", "check").output
        assert "Now        3 steps" in output
        assert "Way back   closed: an earlier upgrade was not finished" in output

    def test_an_event_of_a_newer_version_is_refused(
        self, console: Console, database: Database, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(migrations, "STEPS", migrations.STEPS[1:])
        output = console("upgrade", "check", status=1).output
        assert "this event was made by a newer Hallkeeper" in output

    def test_without_an_event(self, console: Console) -> None:
        output = console("upgrade", "check", "--event", str(console.path), status=1).output
        assert "is not an event's directory" in output


class TestShow:
    def test_it_prepares_the_tables_and_shows_what_is_left(
        self, console: Console, database: Database, released
    ) -> None:
        at_work(database, "server_knows")
        released(COLUMN, REMOVAL)
        output = console("upgrade").output
        assert zone(database) == ["bit", "code", "colour"]
        assert f"Version    {own_version()}, protocol version" in output
        assert "Tables     prepared for this version\n" in output
        assert "Finish     1 step, " in output
        assert "Servers    1\n  a:1, process 7  version 1.0.0, at work" in output
        assert "Kiosks     0, 0 in contact, 0 of another version" in output

    def test_the_version_before_shows_that_a_newer_one_prepared_them(
        self, console: Console, released, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        before = migrations.STEPS
        released(COLUMN)
        console("upgrade")
        monkeypatch.setattr(migrations, "STEPS", before)
        output = console("upgrade").output
        assert "Tables     prepared for a newer version, too: zone_colours" in output

    def test_kiosks_of_another_version_are_named(
        self, console: Console, database: Database
    ) -> None:
        open_site(database)
        health = encode(Health(version="0.9.0")).decode()
        database.write(
            lambda db: db.execute("UPDATE kiosk SET health = ? WHERE kiosk = 'west'", (health,))
        )
        assert "1 of another version\n  west  version 0.9.0" in console("upgrade").output
        output = console("status").output
        assert f"{own_version()} here; kiosks of another version: west (0.9.0)" in output
        output = console("kiosk", "list").output
        assert "; version 0.9.0" in output
        assert output.endswith(f"version {own_version()}. Of another version: west.\n")


class TestFinish:
    def test_nothing_is_left(self, console: Console) -> None:
        output = console("upgrade", "finish").output
        assert output == "Nothing to finish. The way back to the version before stays open.\n"

    def test_it_removes_what_no_server_needs(
        self, console: Console, database: Database, released, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        before = migrations.STEPS
        released(COLUMN, REMOVAL)
        at_work(database, "colours_moved")
        output = console("upgrade", "finish").output
        assert "colours_moved  contract  Zones have no colours." in output
        assert output.endswith("Finished. The version before can't use this event any more.\n")
        assert zone(database) == ["bit", "code"]
        assert "Way back   closed by `hallkeeper upgrade finish`" in console("upgrade").output
        monkeypatch.setattr(migrations, "STEPS", before)
        output = console("status", status=1).output
        assert "made by a newer Hallkeeper (it has the step 'colours_moved'" in output

    def test_a_server_of_the_version_before_is_at_work(
        self, console: Console, database: Database, released
    ) -> None:
        at_work(database, None)
        released(COLUMN, REMOVAL)
        output = console("upgrade", "finish", "--yes", status=1).output
        assert "servers of an earlier version are at work: a:1, process 7" in output
        assert "colour" in zone(database)

    def test_a_silent_server_is_asked_about(
        self, console: Console, database: Database, released
    ) -> None:
        at_work(database, None, silent=True)
        released(COLUMN, REMOVAL)
        output = console("upgrade", "finish", typed="n\n", status=1).output
        assert "process 7 (version 1.0.0) was last at work" in output
        assert "colour" in zone(database)
        console("upgrade", "finish", typed="y\n")
        assert zone(database) == ["bit", "code"]

    def test_it_is_not_asked_about_if_it_is_known(
        self, console: Console, database: Database, released
    ) -> None:
        at_work(database, None, silent=True)
        released(COLUMN, REMOVAL)
        console("upgrade", "finish", "--yes")
        assert zone(database) == ["bit", "code"]
