"""The running server applies the retention clocks once a day, and reports why it can't."""

import threading

from server.core.event import retention as clocks
from server.core.event.retention import DAY_MS
from server.features.privacy.daily import Daily
from tests.server.conftest import NOW
from tests.server.features.privacy.conftest import Forum


class Duty:
    """A clock that is set by hand, and the number of runs reported."""

    def __init__(self) -> None:
        self.now = NOW
        self.settled = 0

    def settle(self) -> None:
        self.settled += 1


def daily(forum: Forum, duty: Duty, **more: float) -> Daily:
    return Daily(forum.event, forum.database, lambda: duty.now, duty.settle, **more)


def put(forum: Forum, **days: int) -> None:
    forum.database.write(lambda db: clocks.put(db, days, by="user:1", now=NOW))


def test_once_a_day(forum: Forum) -> None:
    duty = Duty()
    daily_work = daily(forum, duty)
    put(forum, mails=0)
    assert daily_work.look() == []
    duty.now += DAY_MS - 1
    assert daily_work.look() == [], "it has looked today"
    duty.now += 1
    (done,) = daily_work.look()
    assert (done.kind, done.count, done.by) == ("mails", 1, "server")
    assert duty.settled == 1
    duty.now += DAY_MS
    assert daily_work.look() == []
    assert duty.settled == 1, "nothing was due"


def test_what_fails_is_told_and_tried_again(forum: Forum) -> None:
    duty = Duty()
    duty.now = clocks.ends_at(forum.event.settings) + DAY_MS
    daily_work = daily(forum, duty)
    put(forum, photos=0)
    cards = forum.event.path / "cards/cards.toml"
    text = cards.read_text("utf-8")
    cards.write_text("photos = 7", "utf-8")
    assert daily_work.look() == []
    assert "cards.toml" in daily_work.trouble
    cards.write_text(text, "utf-8")
    assert [result.kind for result in daily_work.look()] == ["photos"]
    assert daily_work.trouble == ""


def test_a_clock_that_was_set_back_does_not_stop_it(forum: Forum) -> None:
    duty = Duty()
    duty.now = NOW + 400 * DAY_MS
    daily_work = daily(forum, duty)
    daily_work.look()
    put(forum, mails=0)
    duty.now = NOW + 2 * DAY_MS
    assert [result.kind for result in daily_work.look()] == ["mails"]


def test_the_thread_runs_it_and_ends(forum: Forum) -> None:
    duty, ran = Duty(), threading.Event()
    duty.settle = ran.set  # type: ignore[method-assign]
    duty.now += DAY_MS
    put(forum, mails=0)
    daily_work = daily(forum, duty, look_s=0.01)
    daily_work.start()
    assert ran.wait(240)
    daily_work.close()
    assert forum.rows("SELECT COUNT(*) FROM mail") == [(0,)]
