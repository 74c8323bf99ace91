"""The running server applies the retention clocks once a day, and reports why it can't."""

import threading

from server.core.event import retention as clocks
from server.core.event.retention import DAY_MS
from server.features.privacy.daily import Daily
from tests.server.conftest import NOW
from tests.server.features.privacy.conftest import Known


class Told:
    """A clock that is set by hand, and the number of runs reported."""

    def __init__(self) -> None:
        self.now = NOW
        self.settled = 0

    def settle(self) -> None:
        self.settled += 1


def daily(known: Known, told: Told, **more: float) -> Daily:
    return Daily(known.event, known.database, lambda: told.now, told.settle, **more)


def put(known: Known, **days: int) -> None:
    known.database.write(lambda db: clocks.put(db, days, by="user:1", now=NOW))


def test_once_a_day(known: Known) -> None:
    told = Told()
    found = daily(known, told)
    put(known, mails=0)
    assert found.look() == []
    told.now += DAY_MS - 1
    assert found.look() == [], "it has looked today"
    told.now += 1
    (done,) = found.look()
    assert (done.kind, done.count, done.by) == ("mails", 1, "server")
    assert told.settled == 1
    told.now += DAY_MS
    assert found.look() == []
    assert told.settled == 1, "nothing was due"


def test_what_fails_is_told_and_tried_again(known: Known) -> None:
    told = Told()
    told.now = clocks.ends_at(known.event.settings) + DAY_MS
    found = daily(known, told)
    put(known, photos=0)
    cards = known.event.path / "cards/cards.toml"
    text = cards.read_text("utf-8")
    cards.write_text("photos = 7", "utf-8")
    assert found.look() == []
    assert "cards.toml" in found.trouble
    cards.write_text(text, "utf-8")
    assert [one.kind for one in found.look()] == ["photos"]
    assert found.trouble == ""


def test_a_clock_that_was_set_back_does_not_stop_it(known: Known) -> None:
    told = Told()
    told.now = NOW + 400 * DAY_MS
    found = daily(known, told)
    found.look()
    put(known, mails=0)
    told.now = NOW + 2 * DAY_MS
    assert [one.kind for one in found.look()] == ["mails"]


def test_the_thread_runs_it_and_ends(known: Known) -> None:
    told, ran = Told(), threading.Event()
    told.settle = ran.set  # type: ignore[method-assign]
    told.now += DAY_MS
    put(known, mails=0)
    found = daily(known, told, look_s=0.01)
    found.start()
    assert ran.wait(240)
    found.close()
    assert known.rows("SELECT COUNT(*) FROM mail") == [(0,)]
