"""Outages: noted automatically as late scans arrive, with a report of their results."""

from server.core.ledger import outages
from tests.server.conftest import NOW
from tests.server.support.site import ANNA, BORIS, Site
from tests.server.support.site import site as site
from tests.server.support.site import two_halls as two_halls

MINUTE = 60_000


def report(site: Site) -> list[outages.Outage]:
    return outages.newest(site.database.reader)


def test_scans_on_time_are_no_outage(site: Site) -> None:
    site.scan(site.west, NOW, ANNA, now=NOW + 500)
    assert report(site) == []


def test_the_report_of_a_time_away(site: Site) -> None:
    site.scan(site.east, NOW, ANNA)
    site.west.scan(NOW + MINUTE, ANNA, facts_age_ms=MINUTE)  # the same badge, at another door
    site.west.scan(NOW + 2 * MINUTE, 5, decision="denied", reason="hall_full", facts_age_ms=90_000)
    site.scan(
        site.west,
        NOW + 3 * MINUTE,
        BORIS,
        act="override",
        by="user:1",
        facts_age_ms=180_000,
        now=NOW + 10 * MINUTE,
    )
    (outage,) = report(site)
    assert (outage.kiosk, outage.since, outage.back_at) == ("west", NOW, NOW + 10 * MINUTE)
    assert (outage.scans, outage.admitted, outage.denied, outage.exits) == (3, 2, 1, 0)
    assert (outage.overrides, outage.over_capacity) == (1, 0)
    assert outage.facts_age_ms == 180_000
    assert outage.discrepancies == {"already_inside": 1}


def test_a_place_beyond_the_capacity_counts_once_though_its_exit_names_it_too(site: Site) -> None:
    word = {"by": "user:1", "override_place": True}
    entry = site.west.scan(NOW, BORIS, act="override", **word)
    site.leave(
        site.west, NOW + 1, BORIS, site.west.ref(entry), act="annul", **word, now=NOW + MINUTE
    )
    (outage,) = report(site)
    assert (outage.overrides, outage.over_capacity) == (1, 1)


def test_a_backlog_in_many_batches_is_one_outage(site: Site) -> None:
    for number in range(4):
        site.west.scan(NOW + number * MINUTE, number + 1)
    site.send(site.west, now=NOW + 10 * MINUTE, last=2)
    site.send(site.west, now=NOW + 10 * MINUTE + 900)
    (outage,) = report(site)
    assert outage.scans == 4


def test_a_later_one_is_another(site: Site) -> None:
    for number, back in ((1, 5), (2, 60)):
        site.scan(site.west, NOW + (back - 2) * MINUTE, number, now=NOW + back * MINUTE)
    assert [outage.scans for outage in report(site)] == [1, 1]
