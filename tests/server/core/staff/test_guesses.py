"""Counting guesses: cases beyond the pages' tests."""

import threading

import pytest

from badges.limits import Backoff, Window
from server.core.event.limits import StoredLimit
from server.core.staff import guesses
from server.core.staff.guesses import FORGET_MS, Guesses, Key, WaitError
from server.storage.database import Database
from server.storage.disk import DatabaseError
from tests.server.support.disks.full_commit import full_at_commit

LIMIT = Backoff(3, first_ms=1000, most_ms=4000, forget_ms=FORGET_MS)
NOW = 1_000_000


SECRET = bytes(32)


@pytest.fixture
def counts(database: Database) -> Guesses:
    return Guesses(database, SECRET)


def key(name: str, own: bool = False) -> Key:
    return Key(name, LIMIT, own)


def guess(counts: Guesses, *names: str, at: int = NOW) -> list[int]:
    return counts.charge([key(name) for name in names], at)


def refund(counts: Guesses, *keys: Key) -> None:
    counts._database.write(lambda db: counts.refund(db, keys, NOW))


def test_it_works(counts: Guesses) -> None:
    assert [guess(counts, "a", at=NOW + n) for n in range(3)] == [[1], [2], [3]]
    with pytest.raises(WaitError) as caught:
        guess(counts, "a", at=NOW + 2 + 999)
    assert caught.value.until == NOW + 2 + 1000
    assert guess(counts, "a", at=NOW + 1002) == [4]


def test_what_waits_for_one_reason_is_counted_for_none(counts: Guesses) -> None:
    for _ in range(3):
        guess(counts, "a")
    for _ in range(5):
        with pytest.raises(WaitError):
            guess(counts, "a", "b")
    assert guess(counts, "b") == [1]


def test_a_success_forgets_its_own_and_takes_itself_from_others(counts: Guesses) -> None:
    guess(counts, "own", "shared")
    guess(counts, "own", "shared")
    refund(counts, key("own", own=True), key("shared"))
    assert guess(counts, "own", "shared") == [1, 2]


def test_a_guess_that_is_taken_back_ends_its_wait(counts: Guesses) -> None:
    for _ in range(3):
        guess(counts, "shared")
    refund(counts, key("shared"))
    assert guess(counts, "shared") == [3]


def test_an_hour_without_a_guess_forgets(counts: Guesses) -> None:
    for _ in range(3):
        guess(counts, "a")
    assert guess(counts, "a", at=NOW + FORGET_MS) == [4]
    assert guess(counts, "a", at=NOW + 2 * FORGET_MS + 1) == [1]


def test_counts_are_bounded_and_what_is_guessed_at_now_stays(
    counts: Guesses, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(guesses, "COUNTS_MAX", 10)
    monkeypatch.setattr(guesses, "TRIM_EVERY", 0)
    guess(counts, "admin")
    for number in range(30):
        at = NOW + number
        guess(counts, f"stranger {number}", at=at)
        if number == 20:
            assert guess(counts, "admin", at=at) == [1], "forgotten after ten others"
        if number > 20 and number % 5 == 0:
            guess(counts, "admin", at=at)
    assert guess(counts, "admin", at=NOW + 30) == [3]
    with counts._database.reading() as db:
        assert db.execute("SELECT COUNT(*) FROM limited").fetchone()[0] <= 11


def test_a_restart_and_another_server_forget_nothing(counts: Guesses, database: Database) -> None:
    for _ in range(3):
        guess(counts, "a")
    other = Guesses(database, SECRET)
    for server in (other, counts):
        with pytest.raises(WaitError):
            guess(server, "a")
    assert guess(other, "a", at=NOW + 1000) == [4]
    with pytest.raises(WaitError):
        counts.check([key("a")], NOW + 1001)


def test_who_has_to_wait_is_told_without_a_write(
    counts: Guesses, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    for _ in range(3):
        guess(counts, "a")
    monkeypatch.setattr(database, "write", None)
    with pytest.raises(WaitError):
        guess(counts, "a")


def test_guesses_at_once_are_counted_like_guesses_in_turn(
    counts: Guesses, database: Database
) -> None:
    both = [counts, Guesses(database, SECRET)]
    came: list[object] = []

    def type_one(number: int) -> None:
        try:
            came.append(guess(both[number % 2], "a")[0])
        except WaitError:
            came.append("wait")

    threads = [threading.Thread(target=type_one, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(came, key=str) == [1, 2, 3, *["wait"] * 5]


def test_nothing_that_was_typed_is_in_the_database(counts: Guesses, database: Database) -> None:
    guess(counts, "a password that was typed as a name")
    with database.reading() as db:
        rows = db.execute("SELECT key FROM limited").fetchall()
    assert len(rows) == 1
    assert len(bytes(rows[0][0])) == 16
    assert b"password" not in bytes(rows[0][0])
    assert Guesses(database, b"another secret").charge([key("x")], NOW) == [1]


def test_what_is_long_over_goes(counts: Guesses, database: Database) -> None:
    guess(counts, "a", "b")
    guess(counts, "c", at=NOW + FORGET_MS + 1)
    with database.reading() as db:
        assert db.execute("SELECT COUNT(*) FROM limited").fetchone()[0] == 1


def test_the_entry_log_gets_few_refusals_from_all_servers(
    counts: Guesses, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(guesses, "NOTES", StoredLimit("guesses noted", Window(3, 60_000)))
    other = Guesses(database, SECRET)
    noted = [
        database.write(lambda db, server=server: server.take_note(db, NOW))
        for server in (counts, other, counts, other, other)
    ]
    assert noted == [0, 0, 0, None, None]
    assert database.write(lambda db: other.take_note(db, NOW + 60_000)) == 2


@pytest.mark.sqlite_alone
def test_a_note_whose_commit_fails_keeps_the_count(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(guesses, "NOTES", StoredLimit("guesses noted", Window(1, 60_000)))
    server = Guesses(database, SECRET)
    for _ in range(3):
        database.write(lambda db: server.take_note(db, NOW))
    with full_at_commit(database), pytest.raises(DatabaseError):
        database.write(lambda db: server.take_note(db, NOW + 60_000))
    assert database.write(lambda db: server.take_note(db, NOW + 60_000)) == 2
