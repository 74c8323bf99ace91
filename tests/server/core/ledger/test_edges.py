"""Borders in the ledger: order of reports, clocks, clearing, figures."""

import pytest

from badges.places.pool import PoolKey
from badges.record import PlaceKind
from badges.wire import wire
from server.core.kiosks import contact, registry
from server.core.occupancy import hall_control, pools, stays
from tests.server.conftest import MINUTE, NOW
from tests.server.support.site import ANNA, BORIS, OTHER, SMALL, Site, clear_all
from tests.server.support.site import site as site
from tests.server.support.site import two_halls as two_halls

MARGIN_MS = 900  # of two measured clocks


def held(site: Site, kiosk: str = "west", *, override: bool = False):
    return site.pool(PoolKey(SMALL, PlaceKind(override))).kiosks[kiosk, 1]


def inside(site: Site, hall: int = SMALL) -> list[int]:
    return sorted(stay.serial for stay in stays.in_hall(site.database.reader, hall))


class TestReturned:
    def test_returned_places_are_heard_with_the_last_record_and_not_before(
        self, site: Site
    ) -> None:
        """Before, places would come back whose entries are still on their way."""
        site.west.scan(NOW, ANNA)
        site.west.scan(NOW + 1, BORIS)
        site.west.returned = 1
        site.send(site.west, last=1)
        assert (held(site).handed_over, held(site).returned) == (1, 0)
        site.send(site.west)
        assert (held(site).handed_over, held(site).returned) == (2, 1)

    def test_a_heartbeat_tells_them_where_nothing_waits(self, site: Site) -> None:
        site.west.returned = 2
        site.send(site.west)
        assert held(site).returned == 2

    def test_a_heartbeat_of_a_door_with_records_tells_none(self, site: Site) -> None:
        site.west.scan(NOW, ANNA)
        site.west.returned = 1
        site.send(site.west, last=0)
        assert held(site).returned == 0

    def test_a_place_that_came_back_by_records_to_come_is_not_given_to_another_door(
        self, site: Site
    ) -> None:
        """The exit is in the second batch; until then the stay holds the place."""
        entry = site.west.scan(NOW, ANNA)
        site.west.leave(NOW + 1, ANNA, site.west.ref(entry), credited=True)
        site.west.entries -= 1
        site.west.returned = 3
        before = site.figures(SMALL).worst_case
        site.send(site.west, last=1, gone=[1])
        assert site.figures(SMALL).worst_case == before
        site.send(site.west)
        assert held(site).returned == 3


class TestTrusted:
    """A hall that trusts exits: the door has the place, and the server counts it there."""

    def test_an_own_stay_that_was_offered_gives_its_place_to_the_door(self, site: Site) -> None:
        entry = site.scan(site.west, NOW, ANNA)
        site.west.leave(NOW + 1, ANNA, site.west.ref(entry), credited=True)
        site.west.entries -= 1
        site.send(site.west)
        assert (held(site).trusted, held(site).held) == (1, site.west.free)
        assert inside(site) == []

    def test_an_own_stay_that_was_never_offered_has_its_place_already(self, site: Site) -> None:
        entry = site.west.scan(NOW, ANNA)
        site.west.leave(NOW + 1, ANNA, site.west.ref(entry), credited=True)
        site.west.entries -= 1
        site.send(site.west, gone=[1])
        assert (held(site).trusted, held(site).held) == (0, site.west.free)

    def test_a_stay_of_another_door_too(self, site: Site) -> None:
        entry = site.scan(site.west, NOW, ANNA)
        site.east.leave(NOW + 1, ANNA, site.west.ref(entry), credited=True)
        site.east.entries -= 1
        site.send(site.east)
        assert (held(site, "east").trusted, held(site, "east").held) == (1, site.east.free)

    def test_a_stay_of_another_door_that_was_over_before_it_was_offered(self, site: Site) -> None:
        """Both doors took its place: the server must count both, and is over by one."""
        entry = site.west.scan(NOW, ANNA)
        site.west.leave(NOW + 1, ANNA, site.west.ref(entry), credited=True)
        site.west.entries -= 1
        site.send(site.west, gone=[1])
        site.east.leave(NOW + 2, ANNA, site.west.ref(entry), credited=True)
        site.east.entries -= 1
        site.send(site.east)
        assert (held(site, "east").trusted, held(site, "east").held) == (1, site.east.free)

    def test_an_exit_that_takes_no_place_back_gives_it_to_the_pool(self, site: Site) -> None:
        entry = site.scan(site.west, NOW, ANNA)
        site.leave(site.west, NOW + 1, ANNA, site.west.ref(entry))
        assert held(site).trusted == 0
        assert site.pool(PoolKey(SMALL)).open_stays == 0


class TestClearing:
    def test_only_stays_of_scans_before_the_number_end(self, site: Site) -> None:
        for n, serial in enumerate((1, 2, 3)):
            site.west.scan(NOW + n, serial)
        site.send(site.west)
        numbers = [row[0] for row in site.rows("SELECT number FROM scan ORDER BY number")]
        clear = {"by": "user:1", "now": NOW + MINUTE, "before": numbers[1]}
        assert site.database.write(lambda db: clear_all(db, SMALL, **clear)) == 1
        assert inside(site) == [2, 3]
        assert site.figures(SMALL).inside == 2


@pytest.mark.parametrize("first", ["west", "other"])
@pytest.mark.parametrize(("after_ms", "left"), [(MARGIN_MS, False), (MARGIN_MS + 1, True)])
def test_a_move_counts_beyond_the_clocks_margin(
    site: Site, first: str, after_ms: int, left: bool
) -> None:
    site.execute("UPDATE hall SET leaving = 'inferred', walk_s = 0")  # however near the halls are
    site.west.scan(NOW, ANNA)
    site.other.scan(NOW + after_ms, ANNA)
    for door in (site.west, site.other) if first == "west" else (site.other, site.west):
        site.send(door)
    assert (inside(site), inside(site, OTHER)) == ([] if left else [ANNA], [ANNA])


@pytest.mark.parametrize("first", ["west", "east"])
@pytest.mark.parametrize(("after_ms", "left"), [(MARGIN_MS, False), (MARGIN_MS + 1, True)])
def test_an_exit_without_a_name_counts_beyond_the_clocks_margin(
    site: Site, first: str, after_ms: int, left: bool
) -> None:
    site.west.scan(NOW, ANNA)
    site.east.leave(NOW + after_ms, ANNA, None)
    for door in (site.west, site.east) if first == "west" else (site.east, site.west):
        site.send(door)
    assert inside(site) == ([] if left else [ANNA])


class TestReclaimed:
    """Places reclaimed by an attestation are in no figure for staff."""

    @pytest.fixture
    def attested(self, site: Site) -> Site:
        entry = site.scan(site.west, NOW, ANNA)
        assert entry.seq == 1
        site.fence("west")
        site.attest("west", 1)
        assert held(site).reclaimed > 0
        return site

    def test_in_the_hall_s_worst_case(self, attested: Site) -> None:
        pool = pools.load(attested.database.reader, PoolKey(SMALL))
        assert attested.figures(SMALL).worst_case == pool.worst_case
        beyond = pools.load(attested.database.reader, PoolKey(SMALL, PlaceKind.OVERRIDE))
        assert attested.figures(SMALL).overrides == beyond.worst_case - beyond.open_stays

    def test_in_the_kiosk_s_account(self, attested: Site) -> None:
        (account,) = (
            holding
            for holding in hall_control.holdings(attested.database.reader, SMALL)
            if holding.kiosk == "west"
        )
        assert (account.held, account.overrides) == (1, 1)

    def test_among_what_a_kiosk_holds(self, attested: Site) -> None:
        (holding,) = registry.holdings(attested.database.reader)["west", 1]
        assert (holding.held, holding.overrides) == (1, 1)

    def test_nor_for_sharing(self, attested: Site) -> None:
        pool = pools.load(attested.database.reader, PoolKey(SMALL))
        assert pool.free == 6 - pool.worst_case


def test_a_trusted_place_is_in_every_figure(site: Site) -> None:
    entry = site.scan(site.west, NOW, ANNA)
    site.west.leave(NOW + 1, ANNA, site.west.ref(entry), credited=True)
    site.west.entries -= 1
    site.send(site.west)
    places = held(site).held
    (account,) = (
        row for row in hall_control.holdings(site.database.reader, SMALL) if row.kiosk == "west"
    )
    (holding,) = registry.holdings(site.database.reader)["west", 1]
    assert (account.held, holding.held) == (places, places)
    pool = site.pool(PoolKey(SMALL))
    assert site.figures(SMALL).worst_case == pool.worst_case


def test_what_a_kiosk_says_of_one_hall_is_of_that_hall(site: Site) -> None:
    totals = wire.PlaceTotals(SMALL, site.west.granted, 1, site.west.free - 1)
    site.send(site.west, places=[totals])
    assert (held(site).returned, held(site, "east").returned) == (1, 0)


class TestHeartbeats:
    """Batches without a new record."""

    def test_one_with_a_head_that_was_never_sent_is_another_disk(self, site: Site) -> None:
        site.scan(site.west, NOW, ANNA)
        with pytest.raises(contact.ForkError):
            site.send(site.west, head=bytes(32))
        with pytest.raises(contact.ForkError):
            site.send(
                site.west, first_seq=1, records=site.west.batch(NOW, 1).records, head=bytes(32)
            )

    def test_its_signature_is_not_looked_at_again(self, site: Site) -> None:
        """It contains nothing new, and hundreds come each second."""
        site.scan(site.west, NOW, ANNA)
        assert site.send(site.west, signature=bytes(64)).acked_seq == 1

    def test_an_old_batch_changes_nothing(self, site: Site) -> None:
        for n in range(3):
            site.west.scan(NOW + n, 1 + n)
        site.send(site.west)
        before = site.rows("SELECT COUNT(*), MAX(number) FROM leaf")
        for first, last in ((1, 1), (1, 3), (2, 2), (3, 3)):
            assert site.send(site.west, **vars_of(site.west.batch(NOW, first, last))).acked_seq == 3
        assert site.rows("SELECT COUNT(*), MAX(number) FROM leaf") == before


def vars_of(batch: wire.ScanBatch) -> dict[str, object]:
    names = ("records", "first_seq", "last_seq", "head", "signature")
    return {name: getattr(batch, name) for name in names}
