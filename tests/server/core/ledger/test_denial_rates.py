"""Outlier doors: the test against known figures, with few scans and many doors."""

import math

import pytest

from badges.admission.facts import Reason
from server.core.ledger import denial_rates
from server.core.ledger.denial_rates import HOUR_MS, QUARTER_MS, Tally, compare, two_sided, unusual
from server.storage.database import Database
from tests.server.conftest import NOW
from tests.server.support.site import ANNA, Site, open_site


@pytest.fixture
def site(database: Database) -> Site:
    return open_site(database)


def exact(own: Tally, others: Tally) -> float:
    """The same probability by counting every case, in whole numbers."""
    asked, denied = own.asked + others.asked, own.denied + others.denied
    ways = [
        math.comb(denied, count) * math.comb(asked - denied, own.asked - count)
        for count in range(own.asked + 1)
    ]
    more = sum(ways[own.denied :]) / sum(ways)
    fewer = sum(ways[: own.denied + 1]) / sum(ways)
    return min(1.0, 2 * min(more, fewer))


@pytest.mark.parametrize(
    ("own", "others"),
    [
        (Tally(10, 8), Tally(20, 3)),
        (Tally(10, 0), Tally(20, 3)),
        (Tally(1, 1), Tally(500, 20)),
        (Tally(60, 14), Tally(5200, 210)),
        (Tally(400, 2), Tally(900, 200)),
        (Tally(7, 7), Tally(7, 0)),
        (Tally(5, 0), Tally(5, 0)),
        (Tally(5, 5), Tally(5, 5)),
        (Tally(1, 0), Tally(1, 1)),
    ],
)
def test_the_chance_is_exact(own: Tally, others: Tally) -> None:
    assert two_sided(own, others) == pytest.approx(exact(own, others), rel=1e-9)


def test_a_large_hour_needs_no_time() -> None:
    assert two_sided(Tally(20_000, 900), Tally(240_000, 9_000)) < 0.01
    assert two_sided(Tally(20_000, 10_000), Tally(240_000, 9_000)) == 0.0


def test_few_scans_prove_nothing() -> None:
    """One denial of one scan is a rate of 100 %, which is chance among many doors."""
    doors = {door: Tally(50, 2) for door in range(40)}
    assert compare(0, {**doors, 99: Tally(1, 1)}) == []
    assert compare(0, {**doors, 99: Tally(4, 3)}) == []
    outliers = compare(0, {**doors, 99: Tally(30, 15)})
    assert [door.door_id for door in outliers] == [99]
    assert (outliers[0].others, outliers[0].doors, outliers[0].higher) == (
        Tally(2000, 80),
        41,
        True,
    )


def test_the_number_of_doors_is_counted_in() -> None:
    own, others = Tally(20, 6), Tally(400, 40)
    alone = two_sided(own, others)
    assert 0.005 < alone < 0.05
    few = {1: own, 2: others}
    many = {1: own, **{2 + door: Tally(8, 1 if door < 40 else 0) for door in range(50)}}
    (outlier,) = compare(0, {1: Tally(20, 10), 2: others})
    assert outlier.door_id == 1, "not the other one, which denies less than this one"
    assert outlier.chance == pytest.approx(two_sided(Tally(20, 10), others) * 2)
    assert compare(0, few) == []
    assert compare(0, many) == []


def test_a_door_that_denies_too_seldom_stands_out() -> None:
    outliers = compare(0, {1: Tally(300, 0), 2: Tally(300, 30), 3: Tally(300, 30)})
    assert [(outlier.door_id, outlier.higher) for outlier in outliers] == [(1, False)]


def test_a_sure_difference_may_be_too_small_to_matter() -> None:
    tallies = {1: Tally(100_000, 6_000), 2: Tally(100_000, 5_000)}
    assert two_sided(tallies[1], tallies[2]) < 1e-9
    assert compare(0, tallies) == []


def test_a_door_that_denies_everybody_does_not_make_others_stand_out() -> None:
    doors = {1: Tally(900, 900), 2: Tally(300, 12), 3: Tally(300, 12), 4: Tally(200, 40)}
    outliers = compare(0, doors)
    assert [(outlier.door_id, outlier.doors) for outlier in outliers] == [(1, 4), (4, 3)]


def test_one_door_alone_is_compared_with_nothing() -> None:
    assert compare(0, {1: Tally(50, 50)}) == []


def test_the_ledger_counts_each_answer_once(site: Site) -> None:
    site.west.scan(NOW, ANNA)
    site.west.scan(NOW + 1, ANNA, decision="denied", reason=str(Reason.NOT_ENTITLED))
    site.west.scan(NOW + 2, ANNA, decision="denied", reason=str(Reason.HALL_FULL))
    site.west.scan(NOW + 3, ANNA, decision="denied", reason=str(Reason.HALL_CLOSED))
    site.west.leave(NOW + 4, ANNA, None)
    # The kiosk's clock is a quarter of an hour ahead.
    site.scan(
        site.west,
        NOW + QUARTER_MS,
        ANNA,
        decision="denied",
        reason="expired",
        skew_ms=QUARTER_MS,
        now=NOW + 10,
    )
    rows = site.rows("SELECT quarter, door_id, admitted, denied FROM door_quarter")
    assert rows == [(NOW // QUARTER_MS, site.west.door, 1, 2)]


def test_hours_of_a_span(site: Site) -> None:
    hour = NOW // HOUR_MS
    rows = [
        (4 * hour, 1, 20, 20), (4 * hour + 3, 1, 10, 0), (4 * hour, 2, 90, 2),
        (4 * hour + 4, 1, 50, 50), (4 * hour + 4, 2, 99, 1), (4 * hour + 8, 1, 1, 99),
    ]  # fmt: skip
    site.database.write(
        lambda db: db.executemany("INSERT INTO door_quarter VALUES (?, ?, ?, ?)", rows)
    )
    outliers = unusual(site.database.reader, hour * HOUR_MS, (hour + 2) * HOUR_MS)
    own = [(outlier.hour - hour, outlier.door_id, outlier.own) for outlier in outliers]
    assert (1, 1, Tally(100, 50)) in own
    assert (0, 1, Tally(50, 20)) in own
    assert {outlier[0] for outlier in own} == {0, 1}
    assert outliers[0].since == (hour + 1) * HOUR_MS
    latest = denial_rates.latest_of_hall(
        site.database.reader, site.west.hall, (4 * hour + 4) * QUARTER_MS
    )
    assert latest[1] == (Tally(100, 50), Tally(10, 0))
