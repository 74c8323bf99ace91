"""A browser's pending challenge, whose answer any server of the event accepts."""

import pytest

from server.core.staff.pending import ENOUGH_MS, LIFE_MS, Pending
from server.storage.database import Database
from tests.server.conftest import NOW

KEY = bytes(range(32))


@pytest.fixture
def pending(database: Database) -> Pending:
    return Pending(database, KEY)


def test_another_server_takes_it_once(pending: Pending, database: Database) -> None:
    other = Pending(database, KEY)
    pending.put("token", "app", b"secret", NOW)
    assert other.take("token", "passkey", NOW) is None
    assert other.take("other token", "app", NOW) is None
    assert other.take("token", "app", NOW + LIFE_MS - 1) == b"secret"
    assert pending.take("token", "app", NOW) is None


def test_it_ends(pending: Pending, database: Database) -> None:
    pending.put("token", "app", b"secret", NOW)
    assert pending.take("token", "app", NOW + LIFE_MS) is None
    pending.put("token", "app", b"secret", NOW)
    pending.put("other", "app", b"secret", NOW + LIFE_MS)
    with database.reading() as db:
        assert db.execute("SELECT COUNT(*) FROM pending").fetchone()[0] == 1


def test_another_look_at_a_page_writes_nothing(
    pending: Pending, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    keys = iter([b"first", b"second"])
    assert pending.asked("token", "app", lambda: next(keys), NOW) == b"first"
    with monkeypatch.context() as patch:
        patch.setattr(database, "write", None)
        at = NOW + LIFE_MS - ENOUGH_MS - 1
        assert pending.asked("token", "app", lambda: next(keys), at) == b"first"
    # A little later its time is renewed; long after that it is another challenge.
    at = NOW + LIFE_MS - 1
    assert pending.asked("token", "app", lambda: next(keys), at) == b"first"
    assert pending.take("token", "app", at + LIFE_MS - 1) == b"first"
    assert pending.asked("token", "app", lambda: next(keys), at) == b"second"


def test_the_database_has_neither_the_secret_nor_the_session(
    pending: Pending, database: Database
) -> None:
    pending.put("the token", "app", b"the secret", NOW)
    with database.reading() as db:
        (row,) = db.execute("SELECT session, sealed FROM pending").fetchall()
    assert b"the secret" not in bytes(row[1])
    assert b"the token" not in bytes(row[0])
    assert Pending(database, bytes(32)).take("the token", "app", NOW) is None


def test_a_secret_that_was_changed_opens_nothing(pending: Pending, database: Database) -> None:
    pending.put("token", "app", b"secret", NOW)
    with database.reading() as db:
        (session,) = db.execute("SELECT session FROM pending").fetchone()
    other = Pending(database, bytes(32))
    database.write(
        lambda db: db.execute("UPDATE pending SET session = ?", (other._whose("token"),))
    )
    assert bytes(session) != other._whose("token")
    assert other.take("token", "app", NOW) is None
