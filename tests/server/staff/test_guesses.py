"""Counting guesses, and lanes: what the pages' tests do not reach."""

import threading

import pytest

from server.staff import guesses
from server.staff.guesses import BusyError, Guesses, Key, Lane, Limit, WaitError

LIMIT = Limit(free=3, first_ms=1000, most_ms=4000)
NOW = 1_000_000


def key(name: str, own: bool = False) -> Key:
    return Key(name, LIMIT, own)


def guess(counts: Guesses, *names: str, at: int = NOW) -> list[int]:
    return counts.charge([key(name) for name in names], at)


def test_it_works() -> None:
    counts = Guesses()
    assert [guess(counts, "a", at=NOW + n) for n in range(3)] == [[1], [2], [3]]
    with pytest.raises(WaitError) as caught:
        guess(counts, "a", at=NOW + 2 + 999)
    assert caught.value.until == NOW + 2 + 1000
    assert guess(counts, "a", at=NOW + 1002) == [4]


def test_what_waits_for_one_reason_is_counted_for_none() -> None:
    counts = Guesses()
    for _ in range(3):
        guess(counts, "a")
    for _ in range(5):
        with pytest.raises(WaitError):
            guess(counts, "a", "b")
    assert guess(counts, "b") == [1]


def test_a_success_forgets_its_own_and_takes_itself_from_others() -> None:
    counts = Guesses()
    guess(counts, "own", "shared")
    guess(counts, "own", "shared")
    counts.refund([key("own", own=True), key("shared")], right=True)
    assert guess(counts, "own", "shared") == [1, 2]


def test_one_that_nobody_looked_at_is_taken_back_everywhere() -> None:
    counts = Guesses()
    for _ in range(3):
        guess(counts, "own")
    counts.refund([key("own", own=True)], right=False)
    assert guess(counts, "own") == [3]


def test_an_hour_without_a_guess_forgets() -> None:
    counts = Guesses()
    for _ in range(3):
        guess(counts, "a")
    assert guess(counts, "a", at=NOW + guesses.FORGET_MS) == [4]
    assert guess(counts, "a", at=NOW + 2 * guesses.FORGET_MS + 1) == [1]


def test_memory_is_bounded_and_what_is_guessed_at_now_stays(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(guesses, "COUNTS_MAX", 10)
    counts = Guesses()
    guess(counts, "admin")
    for number in range(30):
        guess(counts, f"stranger {number}")
        if number == 20:
            assert guess(counts, "admin") == [1], "forgotten after ten others"
        if number > 20 and number % 5 == 0:
            guess(counts, "admin")
    assert guess(counts, "admin") == [3]


def test_a_lane_has_few_that_wait_and_fewer_of_one_address(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(guesses, "WAITING_MAX", 3)
    monkeypatch.setattr(guesses, "WAITING_HERE_MAX", 2)
    lane, inside, go_on = Lane(), threading.Semaphore(0), threading.Event()

    def hold(address: str) -> None:
        with lane.turn(address):
            inside.release()
            go_on.wait(10)

    threads = [threading.Thread(target=hold, args=(one,)) for one in ("a", "a", "b")]
    for thread in threads:
        thread.start()
    assert inside.acquire(timeout=10)
    while sum(lane._waiting.values()) < 3:
        pass
    for address in ("a", "c"):
        with pytest.raises(BusyError), lane.turn(address):
            pass
    go_on.set()
    for thread in threads:
        thread.join(10)
    with lane.turn("a"):
        assert dict(lane._waiting) == {"a": 1}
    assert dict(lane._waiting) == {}


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
