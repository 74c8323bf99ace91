"""A journal at its limits: the server's mark, and returned places."""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from kiosk.journal import journal as journals
from kiosk.journal.journal import Journal
from tests.kiosk.journal.test_altered_journal import mark, opened, order
from tests.kiosk.support.journals import enter


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    with opened(tmp_path / "journal.db") as opened_one:
        yield opened_one


@pytest.fixture
def at(monkeypatch: pytest.MonkeyPatch):
    def move(seconds: float) -> None:
        monkeypatch.setattr(journals.time, "monotonic", lambda: seconds)

    real = time.monotonic
    move(1_000.0)
    yield move
    monkeypatch.setattr(journals.time, "monotonic", real)


def kept(journal: Journal) -> int:
    mark = journal.offer(1).mark
    return 0 if mark is None else mark.cursor


def test_the_first_is_kept_and_the_next_waits(journal: Journal, at) -> None:
    journal.acked(0, 1, mark=mark(1))
    assert kept(journal) == 1
    for seconds, cursor in ((1_000.0, 2), (1_029.9, 3)):
        at(seconds)
        journal.acked(0, 1, mark=mark(cursor))
        assert kept(journal) == 1
    at(1_030.0)
    journal.acked(0, 1, mark=mark(4))
    assert kept(journal) == 4
    at(1_059.9)
    journal.acked(0, 1, mark=mark(5))
    assert kept(journal) == 4, "the time begins anew"


def test_one_goes_with_places_that_were_granted(journal: Journal, at) -> None:
    journal.acked(0, 1, mark=mark(1))
    journal.acked(0, 1, [order(5)], mark=mark(2))
    assert kept(journal) == 2
    journal.acked(0, 1, [order(5)], mark=mark(3))
    assert kept(journal) == 2, "nothing new was granted"


def test_a_mark_is_stored_with_an_acknowledgement(journal: Journal, at) -> None:
    journal.acked(0, 1, [order(5)], mark=mark(1))
    enter(journal, 7)
    journal.offer(1)
    journal.acked(1, 1, mark=mark(2))
    assert kept(journal) == 2
    journal.acked(1, 1, mark=mark(3))
    assert kept(journal) == 2


def test_no_mark_changes_none(journal: Journal, at) -> None:
    journal.acked(0, 1, mark=mark(1))
    journal.acked(0, 1, [order(5)])
    assert kept(journal) == 1


def test_a_rest_or_a_fence_returns_whether_places_went_back(journal: Journal) -> None:
    """If there are any, they are reported to the server at once."""
    journal.obey([order(1)])
    for stop in ("rest", "fence"):
        with journal.transaction() as step:
            assert getattr(step, stop)() is (stop == "rest"), "the second has nothing left"


def test_used_places_do_not_go_back(journal: Journal) -> None:
    journal.obey([order(1)])
    enter(journal, 7)
    with journal.transaction() as step:
        assert step.fence() is False
