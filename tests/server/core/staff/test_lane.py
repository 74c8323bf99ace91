"""Lanes, which check one password at a time."""

import threading
import time
from collections.abc import Iterator

import pytest

from server.core.staff import lane
from server.core.staff.lane import BusyError, Lane


class Crew:
    """Threads that wait for a lane's turn, and hold it until released."""

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
        """Returns once the thread has its turn, waits for it, or was refused."""
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
    """Two may wait beside the running check, also from one address."""
    monkeypatch.setattr(lane, "WAITING_MAX", 3)
    monkeypatch.setattr(lane, "WAITING_HERE_MAX", 2)
    monkeypatch.setattr(lane, "WAIT_S", 240.0)
    opened = Crew(Lane())
    yield opened
    opened.end()


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
    monkeypatch.setattr(lane, "WAIT_S", 0.01)
    mine = Lane()
    with mine.turn("a"), pytest.raises(BusyError), mine.turn("b"):
        pass
    with mine.turn("b"):
        pass


def test_an_error_inside_gives_the_turn_back() -> None:
    mine = Lane()
    with pytest.raises(ZeroDivisionError), mine.turn("a"):
        raise ZeroDivisionError
    with mine.turn("a"):
        pass
