"""The pace of desks: people served, and the time from the first key to the card."""

from dataclasses import replace

import pytest

from server.core.event.directory import Event
from server.features.desk.pace import LATELY_MS, NOW_MS, DeskPace, pace, percentile
from server.features.desk.queue import queue
from server.features.printers.states import Problem
from server.storage.database import Database
from tests.server.conftest import HOUR, NOW
from tests.server.features.desk.support import Clerk, add_printer
from tests.server.features.desk.test_hand_over import confirm, fail, finish_all


@pytest.fixture
def clerk(event: Event, site: Database) -> Clerk:
    return Clerk(event, site)


def measured(clerk: Clerk) -> dict[str, DeskPace]:
    paces = pace(clerk.database.reader, since=NOW - HOUR, now=clerk.now)
    return {desk.desk: desk for desk in paces}


def test_nobody_yet(clerk: Clerk) -> None:
    (every,) = measured(clerk).values()
    assert (every.waiting, every.today.people, every.today.p50_ms) == (0, 0, None)


def test_from_the_first_key_to_the_card(clerk: Clerk) -> None:
    add_printer(clerk.database)
    clerk.print(clerk.serial("A1"))  # begun 20 s before
    assert measured(clerk)["North 2"].waiting == 1
    clerk.now += 5_000
    finish_all(clerk)
    desk = measured(clerk)["North 2"]
    assert (desk.waiting, desk.now.people, desk.now.p50_ms) == (0, 1, 25_000)
    assert desk.now.a_minute == pytest.approx(1 / (NOW_MS / 60_000))
    clerk.now += NOW_MS
    desk = measured(clerk)["North 2"]
    assert (desk.now.people, desk.lately.people, desk.today.people) == (0, 1, 1)
    clerk.now += LATELY_MS
    desk = measured(clerk)["North 2"]
    assert (desk.lately.people, desk.today.people) == (0, 1)


def test_one_person_counts_once(clerk: Clerk) -> None:
    add_printer(clerk.database)
    serial = clerk.serial("A1")
    clerk.print(serial)
    finish_all(clerk)
    clerk.reissue(serial, "misprint")
    finish_all(clerk)
    clerk.phone(serial)
    assert measured(clerk)["North 2"].today.people == 1


def test_desks_apart_and_together(clerk: Clerk) -> None:
    other = replace(clerk, desk="South 1", by="user:2", opened={})
    for desk_clerk, person in ((clerk, "A1"), (other, "A2"), (other, "A3")):
        confirm(desk_clerk, desk_clerk.print(desk_clerk.serial(person)).submission.submission_id)
    other.print(other.serial("A4"))
    paces = measured(clerk)
    assert {desk: desk_pace.today.people for desk, desk_pace in paces.items()} == {
        "": 3, "North 2": 1, "South 1": 2,
    }  # fmt: skip
    assert {desk: desk_pace.waiting for desk, desk_pace in paces.items()} == {
        "": 1, "North 2": 0, "South 1": 1,
    }  # fmt: skip


def test_what_serves_nobody_does_not_count(clerk: Clerk) -> None:
    """A noted document, a correction without a card, and undone or abandoned work."""
    add_printer(clerk.database)
    clerk.check_id(clerk.serial("A1"))
    clerk.correct(clerk.serial("A2"), email="new@example.org")
    clerk.print(clerk.serial("A3"))
    clerk.undo()
    finish_all(clerk)
    total = measured(clerk)[""]
    assert (total.today.people, total.waiting) == (0, 0)


@pytest.mark.parametrize(
    ("values", "percent", "expected"),
    [([], 50, None), ([7], 95, 7), ([1, 2, 3, 4], 50, 2), (range(1, 101), 95, 95)],
)
def test_percentiles(values: list[int], percent: int, expected: int | None) -> None:
    assert percentile(values, percent) == expected


def test_the_queue_of_a_desk(clerk: Clerk) -> None:
    first = clerk.print(clerk.serial("A1")).submission  # by browser: there is no printer yet
    add_printer(clerk.database)
    clerk.print(clerk.serial("A2"))
    finish_all(clerk)
    clerk.print(clerk.serial("A3"))
    replace(clerk, desk="South 1", opened={}).print(clerk.serial("A4"))
    rows = queue(clerk.database.reader, clerk.desk, since=NOW - HOUR)
    assert [row.name for row in rows.open] == ["Anna Keller", "Boris Novak"]
    assert [row.name for row in rows.done] == ["王小明"]
    assert rows.open[0].submission_id == first.submission_id
    assert rows.waiting == 2


def test_a_question_of_the_day_before_stays_in_the_queue(clerk: Clerk) -> None:
    """Until it is answered, that person's page prints nothing, and leads to this queue."""
    add_printer(clerk.database)
    asked, other = clerk.serial("A1"), clerk.serial("A2")
    clerk.print(asked)
    job_id = fail(clerk, Problem.PERHAPS_PRINTED)
    clerk.print(other)
    fail(clerk, Problem.NOT_DRAWN)
    rows = queue(clerk.database.reader, clerk.desk, since=NOW + 24 * HOUR)
    assert [row.job.job_id for row in rows.failed if row.job] == [job_id]
    today = queue(clerk.database.reader, clerk.desk, since=NOW - HOUR)
    assert [row.serial for row in today.failed] == [other, asked]
    assert queue(clerk.database.reader, "South 1", since=NOW - HOUR).failed == []
