"""Counting guesses, and lanes: what the pages' tests do not reach."""

import threading
import time
from collections.abc import Iterator

import pytest

from server.core.event.budgets import Budget
from server.core.staff import guesses
from server.core.staff.guesses import BusyError, Guesses, Key, Lane, Limit, WaitError
from server.storage.database import Database

LIMIT = Limit(free=3, first_ms=1000, most_ms=4000)
NOW = 1_000_000


SECRET = bytes(32)


@pytest.fixture
def counts(database: Database) -> Guesses:
    return Guesses(database, SECRET)


def key(name: str, own: bool = False) -> Key:
    return Key(name, LIMIT, own)


def guess(counts: Guesses, *names: str, at: int = NOW) -> list[int]:
    return counts.charge([key(name) for name in names], at)


def refund(counts: Guesses, *keys: Key, right: bool) -> None:
    counts._database.write(lambda db: counts.refund(db, keys, right=right))


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
    refund(counts, key("own", own=True), key("shared"), right=True)
    assert guess(counts, "own", "shared") == [1, 2]


def test_one_that_nobody_looked_at_is_taken_back_everywhere(counts: Guesses) -> None:
    for _ in range(3):
        guess(counts, "own")
    refund(counts, key("own", own=True), right=False)
    assert guess(counts, "own") == [3]


def test_an_hour_without_a_guess_forgets(counts: Guesses) -> None:
    for _ in range(3):
        guess(counts, "a")
    assert guess(counts, "a", at=NOW + guesses.FORGET_MS) == [4]
    assert guess(counts, "a", at=NOW + 2 * guesses.FORGET_MS + 1) == [1]


def test_counts_are_bounded_and_what_is_guessed_at_now_stays(
    counts: Guesses, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(guesses, "COUNTS_MAX", 10)
    monkeypatch.setattr(guesses, "COUNTED_EVERY", 0)
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
        assert db.execute("SELECT COUNT(*) FROM guess").fetchone()[0] <= 11


def test_a_restart_and_another_server_forget_nothing(counts: Guesses, database: Database) -> None:
    for _ in range(3):
        guess(counts, "a")
    other = Guesses(database, SECRET)
    for one in (other, counts):
        with pytest.raises(WaitError):
            guess(one, "a")
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

    def one(number: int) -> None:
        try:
            came.append(guess(both[number % 2], "a")[0])
        except WaitError:
            came.append("wait")

    threads = [threading.Thread(target=one, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(came, key=str) == [1, 2, 3, *["wait"] * 5]


def test_nothing_that_was_typed_is_in_the_database(counts: Guesses, database: Database) -> None:
    guess(counts, "a password that was typed as a name")
    with database.reading() as db:
        found = db.execute("SELECT what FROM guess").fetchall()
    assert len(found) == 1
    assert len(bytes(found[0][0])) == 16
    assert b"password" not in bytes(found[0][0])
    assert Guesses(database, b"another secret").charge([key("x")], NOW) == [1]


def test_what_is_long_over_goes(counts: Guesses, database: Database) -> None:
    guess(counts, "a", "b")
    guess(counts, "c", at=NOW + guesses.FORGET_MS + 1)
    with database.reading() as db:
        assert db.execute("SELECT COUNT(*) FROM guess").fetchone()[0] == 1


def test_the_entry_log_gets_few_refusals_from_all_servers(
    counts: Guesses, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(guesses, "NOTES", Budget("guesses noted", 3, 60_000))
    other = Guesses(database, SECRET)
    noted = [
        database.write(lambda db, one=one: one.take_note(db, NOW))
        for one in (counts, other, counts, other, other)
    ]
    assert noted == [0, 0, 0, None, None]
    assert database.write(lambda db: other.take_note(db, NOW + 60_000)) == 2


class Crew:
    """Threads that wait for a lane's turn, and hold it until they are let go."""

    def __init__(self, lane: Lane) -> None:
        self.lane, self.go_on = lane, threading.Event()
        self.looked: list[str] = []
        self.sent_away: list[str] = []
        self.threads: list[threading.Thread] = []

    def hold(self, name: str, address: str, tries: int) -> None:
        try:
            with self.lane.turn(address, tries):
                self.looked.append(name)
                self.go_on.wait(240)
        except BusyError:
            self.sent_away.append(name)

    def send(self, name: str, address: str, tries: int = 0) -> None:
        """Returns once the thread has the turn, waits for it, or was sent away."""
        thread = threading.Thread(target=self.hold, args=(name, address, tries))
        self.threads.append(thread)
        thread.start()
        while len(self.lane._waiting) + len(self.looked) + len(self.sent_away) < len(self.threads):
            time.sleep(0.001)

    def end(self) -> None:
        self.go_on.set()
        for thread in self.threads:
            thread.join(240)


@pytest.fixture
def crew(monkeypatch: pytest.MonkeyPatch) -> Iterator[Crew]:
    """Two may wait beside the one that looks, and two of one address."""
    monkeypatch.setattr(guesses, "WAITING_MAX", 3)
    monkeypatch.setattr(guesses, "WAITING_HERE_MAX", 2)
    monkeypatch.setattr(guesses, "WAIT_S", 240.0)
    made = Crew(Lane())
    yield made
    made.end()


def test_a_lane_has_few_that_wait_and_fewer_of_one_address(crew: Crew) -> None:
    for name in ("a1", "a2", "a3"):
        crew.send(name, "a")
    assert crew.sent_away == ["a3"]
    crew.send("b1", "b")
    crew.end()
    assert sorted(crew.looked) == ["a1", "a2", "b1"]
    with crew.lane.turn("a"):
        pass


def test_the_turn_is_that_of_the_fewest_guesses(crew: Crew) -> None:
    crew.send("first", "a")
    crew.send("guesser", "b", 40)
    crew.send("another", "c", 0)
    crew.end()
    assert crew.looked == ["first", "another", "guesser"]


def test_whoever_has_guessed_most_makes_room(crew: Crew) -> None:
    crew.send("first", "a")
    crew.send("some", "b", 3)
    crew.send("many", "c", 40)
    crew.send("as many", "d", 40)
    assert crew.sent_away == ["as many"], "whoever came first stays"
    crew.send("none", "e")
    crew.end()
    assert crew.looked == ["first", "none", "some"]
    assert sorted(crew.sent_away) == ["as many", "many"]


def test_a_second_one_of_an_address_makes_room_for_another_address(crew: Crew) -> None:
    crew.send("a1", "a")
    crew.send("a2", "a")
    crew.send("b1", "b")
    crew.send("c1", "c")
    crew.end()
    assert crew.looked == ["a1", "b1", "c1"]
    assert crew.sent_away == ["a2"]


def test_waiting_for_a_turn_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(guesses, "WAIT_S", 0.01)
    lane = Lane()
    with lane.turn("a"), pytest.raises(BusyError), lane.turn("b"):
        pass
    with lane.turn("b"):
        pass


def test_an_error_inside_gives_the_turn_back() -> None:
    lane = Lane()
    with pytest.raises(ZeroDivisionError), lane.turn("a"):
        raise ZeroDivisionError
    with lane.turn("a"):
        pass
