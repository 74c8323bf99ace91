"""Rules are cached between batches, and dropped at once after a change by any writer."""

import sqlite3
from dataclasses import replace
from pathlib import Path

import pytest

from server.core.occupancy import hall_control
from server.core.venue import rules, store
from server.storage.database import Database
from server.storage.opening import connect
from tests.server.conftest import HOUR, MINUTE, NOW
from tests.server.support.site import ANNA, BORIS, OTHER, ROOM, SMALL, Site
from tests.server.support.site import site as site
from tests.server.support.site import two_halls as two_halls

REASONS = "SELECT reason FROM discrepancy ORDER BY discrepancy_id"
INTO_SESSION = (
    "INSERT INTO session (session_id, code, hall_id, titles, starts_at, ends_at, opens_at,"
    " closes_at)"
)
SESSION = f"{INTO_SESSION} VALUES (7, 'S7', 1, '{{}}', 10, 20, 5, 20)"

CHANGES = {
    "a hall's code": "UPDATE hall SET code = 'X' WHERE hall_id = 1",
    "a hall around it": "UPDATE hall SET parent_id = 2 WHERE hall_id = 1",
    "zones": "UPDATE hall SET zones = 2 WHERE hall_id = 1",
    "sessions only": "UPDATE hall SET sessions_only = 1 WHERE hall_id = 1",
    "anti-passback": "UPDATE hall SET anti_passback = 'soft' WHERE hall_id = 1",
    "exits": "UPDATE hall SET exits = 'trusting' WHERE hall_id = 1",
    "how it counts who left": "UPDATE hall SET leaving = 'inferred' WHERE hall_id = 1",
    "how far it lies": "UPDATE hall SET walk_s = 300 WHERE hall_id = 1",
    "a new hall": "INSERT INTO hall (hall_id, code, names, fire_limit, capacity, zones,"
    " sessions_only, anti_passback, exits) VALUES (9, 'H9', '{}', 5, 5, 1, 0, 'hard', 'strict')",
    "a hall less": "DELETE FROM hall WHERE hall_id = 8",
    "nobody by category": "DELETE FROM hall_category WHERE hall_id = 1",
    "a category more": "INSERT INTO hall_category VALUES (1, 2)",
    "another category": "UPDATE hall_category SET category = 2 WHERE hall_id = 1",
    "a new session": SESSION.replace("7", "8"),
    "another window": "UPDATE session SET opens_at = 6",
    "another hall": "UPDATE session SET hall_id = 2",
    "no session": "DELETE FROM session WHERE session_id = 6",
    "whom a session admits": "INSERT INTO session_category VALUES (7, 2)",
    "whom it admits instead": "UPDATE session_category SET category = 2",
    "that it admits nobody": "DELETE FROM session_category",
    "a protocol guest": "INSERT INTO protocol_guest VALUES (102, 0)",
    "a protocol guest less": "DELETE FROM protocol_guest WHERE serial = 101",
}


def anti_passback(db: sqlite3.Connection, value: str) -> None:
    db.execute("UPDATE hall SET anti_passback = ?", (value,))


def kept(site: Site) -> rules.Rules:
    return site.database.write(rules.rules)


def fresh(site: Site) -> rules.Rules:
    """The rules as read without a cache."""
    return site.database.write(lambda db: rules._read(db, None))


def same(first: rules.Rules, other: rules.Rules) -> bool:
    return replace(first, version=None) == replace(other, version=None)


def test_it_works(site: Site) -> None:
    cached = kept(site)
    assert cached.halls[SMALL].categories == {1}
    assert cached.lineage[ROOM] == {ROOM, OTHER}
    assert cached.surroundings[OTHER] == {ROOM, OTHER}
    assert cached.sessions(SMALL, NOW) == ()
    assert kept(site) is cached


def test_people_coming_and_going_leave_them_as_they_are(site: Site) -> None:
    before = kept(site)
    entry = site.scan(site.west, NOW, ANNA)
    site.leave(site.west, NOW + MINUTE, ANNA, site.west.ref(entry))
    site.database.write(lambda db: hall_control.set_capacity(db, SMALL, 3, by="safety", now=NOW))
    assert kept(site) is before


@pytest.mark.parametrize("statement", CHANGES.values(), ids=CHANGES.keys())
def test_every_change_of_them_is_seen(site: Site, statement: str) -> None:
    def prepare(db: sqlite3.Connection) -> None:
        db.execute(SESSION)
        db.execute(SESSION.replace("7", "6"))
        db.execute("INSERT INTO session_category VALUES (7, 1)")
        db.execute("INSERT INTO protocol_guest VALUES (101, 0)")
        db.execute(
            "INSERT INTO hall (hall_id, code, names, fire_limit, capacity, zones, sessions_only,"
            " anti_passback, exits) SELECT 8, 'H8', '{}', 5, 5, 1, 0, 'hard', 'strict'"
        )

    site.database.write(prepare)
    before = kept(site)
    site.execute(statement)
    assert not same(fresh(site), before), "the case changes nothing"
    assert same(kept(site), fresh(site))


def test_a_change_by_another_process_is_seen(site: Site) -> None:
    kept(site)
    other = connect(site.database.path)
    other.execute("UPDATE hall SET anti_passback = 'off'")
    other.close()
    assert same(kept(site), fresh(site))


def test_a_change_that_was_undone_leaves_nothing(site: Site) -> None:
    """It was read while it was in force, and is not read again: the next change is another."""
    before = kept(site)

    def undone(db: sqlite3.Connection) -> None:
        db.execute("UPDATE hall SET anti_passback = 'off'")
        assert rules.rules(db).halls[SMALL].anti_passback == "off"
        raise ArithmeticError

    with pytest.raises(ArithmeticError):
        site.database.write(undone)
    assert same(kept(site), before)
    site.execute("UPDATE hall SET anti_passback = 'soft'")
    assert kept(site).halls[SMALL].anti_passback == "soft"


@pytest.mark.sqlite_alone
def test_a_copy_goes_its_own_way(site: Site, tmp_path: Path) -> None:
    """As an event restored from a backup: the original was changed since."""
    copy = tmp_path / "copy.db"
    source = connect(site.database.path)
    source.execute("VACUUM INTO ?", (str(copy),))
    source.close()
    site.execute("UPDATE hall SET anti_passback = 'off'")
    assert kept(site).halls[SMALL].anti_passback == "off"
    with Database(copy) as restored:
        assert restored.write(rules.rules).halls[SMALL].anti_passback == "hard"
        restored.write(lambda db: anti_passback(db, "soft"))
        assert restored.write(rules.rules).halls[SMALL].anti_passback == "soft"
    assert kept(site).halls[SMALL].anti_passback == "off"


def test_the_ledger_judges_by_the_rules_of_now(site: Site) -> None:
    site.scan(site.west, NOW, ANNA)
    assert site.rows(REASONS) == []
    site.execute("UPDATE hall SET sessions_only = 1")
    site.scan(site.west, NOW + 1, BORIS)
    assert site.rows(REASONS) == [("hall_closed",)]


def add_session(site: Site, session_id: int = 7, category: int = 1, opens_at: int = NOW) -> None:
    site.execute(
        f"{INTO_SESSION} VALUES (?, ?, ?, '{{}}', ?, ?, ?, ?)",
        session_id, f"S{session_id}", SMALL, opens_at, NOW + HOUR, opens_at, NOW + HOUR,
    )  # fmt: skip
    site.execute("INSERT INTO session_category VALUES (?, ?)", session_id, category)


def test_the_ledger_judges_by_a_session_until_it_is_removed(site: Site) -> None:
    site.execute("UPDATE hall SET sessions_only = 1")
    add_session(site)
    site.scan(site.west, NOW, ANNA)
    assert site.rows(REASONS) == []
    site.database.write(lambda db: store.remove_session(db, 7, by="admin", now=NOW))
    site.scan(site.west, NOW + 1, BORIS)
    assert site.rows(REASONS) == [("hall_closed",)]


def test_all_sessions_that_admit_at_once_are_judged_by(site: Site) -> None:
    """As doors do: the last of twelve in one hall admits delegates, the others press alone."""
    site.execute("UPDATE hall SET sessions_only = 1")
    for session_id in range(1, 12):
        add_session(site, session_id, category=3)
    add_session(site, 12)
    for session_id in range(13, 25):
        add_session(site, session_id, opens_at=NOW + MINUTE)
    site.scan(site.west, NOW, ANNA)
    assert site.rows(REASONS) == []
    now_and_next = [session.session_id for session in kept(site).sessions(SMALL, NOW)]
    assert now_and_next == list(range(1, 13 + rules.NEXT_MAX))
    assert kept(site).sessions(SMALL, NOW + HOUR) == ()


def test_who_was_refused_by_name_since_the_last_batch(site: Site) -> None:
    """Data of people is not cached at all."""
    add_session(site)
    site.scan(site.west, NOW, ANNA)
    site.execute("INSERT INTO session_guest VALUES (7, ?, 0)", BORIS)
    site.scan(site.west, NOW + 1, BORIS)
    assert site.rows(REASONS) == [("not_entitled",)]
