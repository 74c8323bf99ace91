"""The effect of a door's report, and the doors that a share reads, each at its border."""

import json

import pytest

from badges.places.pool import PoolKey
from badges.wire import wire
from server.core.occupancy import grants, pools
from server.core.occupancy.sharing_policy import smoothed
from tests.server.conftest import HOUR, MINUTE, NOW
from tests.server.support.fake_door import FakeDoor
from tests.server.support.site import ANNA, BORIS, OTHER, SMALL, Site
from tests.server.support.site import site as site
from tests.server.support.site import two_halls as two_halls


def account(site: Site, kiosk: str, columns: str, override: bool = False) -> tuple:
    (row,) = site.rows(
        f"SELECT {columns} FROM place_account WHERE kiosk = '{kiosk}' AND generation = 1"
        f" AND hall_id = {SMALL} AND override = {int(override)}"
    )
    return row


def orders(site: Site, kiosk: str, *, override: bool = False) -> list[dict]:
    rows = site.rows(f"SELECT body FROM change WHERE kiosk = '{kiosk}' ORDER BY cursor")
    every = [json.loads(row[0])["order"] for row in rows if '"order"' in row[0]]
    return [order for order in every if order["override"] is override]


def share(site: Site, now: int = NOW, hall: int = SMALL):
    return site.database.write(lambda db: grants.share(db, hall, now))


class TestHeard:
    def heartbeat(self, site: Site, now: int, **changes) -> None:
        door = site.west
        fields = {"free": door.free, "wants": False} | changes
        totals = wire.PlaceTotals(SMALL, door.granted, door.returned, **fields)
        site.send(door, now, places=[totals])

    def test_a_quiet_door_s_rate_is_not_written(self, site: Site) -> None:
        for now, kept in (
            (NOW + 1, NOW),
            (NOW + 60_000, NOW),
            (NOW - 5_000, NOW - 5_000),  # the clock was set back
        ):
            self.heartbeat(site, now)
            assert account(site, "west", "rate_at, rate") == (kept, 0.0)

    @pytest.mark.parametrize(
        ("first_ms", "spread_ms"),
        [(0, 10_000), (-9_000, 10_000), (-HOUR, HOUR)],
        ids=["just now", "lately", "offline"],
    )
    def test_who_comes_after_a_quiet_time_is_counted_since_the_first(
        self, site: Site, first_ms: int, spread_ms: int
    ) -> None:
        site.execute("UPDATE place_account SET rate = 8")
        now = NOW + 2 * HOUR
        site.west.scan(now + first_ms, ANNA, decision="denied", reason="hall_full")
        site.west.scan(now, BORIS, decision="denied", reason="hall_full")
        self.heartbeat(site, now)
        before = smoothed(8.0, (2 * HOUR - spread_ms) / MINUTE, 0)
        expected = smoothed(before, spread_ms / MINUTE, 2)
        rate, rate_at = account(site, "west", "rate, rate_at")
        assert (rate, rate_at) == (pytest.approx(expected, rel=1e-9), now)

    def test_who_was_refused_for_want_of_a_place_has_come(self, site: Site) -> None:
        site.west.scan(NOW, ANNA, decision="denied", reason="hall_full")
        self.heartbeat(site, NOW + 1)
        assert account(site, "west", "rate")[0] > 0
        assert account(site, "west", "rate", override=True) == (0.0,)

    def test_who_comes_with_the_first_report_counts(self, site: Site) -> None:
        """A working door gets a new account when its hall is put into another."""
        site.execute("UPDATE place_account SET rate = 0, rate_at = 0")
        for serial in range(3):
            site.west.scan(NOW, serial, decision="denied", reason="hall_full")
        self.heartbeat(site, NOW + 1)
        rate, rate_at = account(site, "west", "rate, rate_at")
        assert rate == pytest.approx(smoothed(0.0, 10 / 60, 3), rel=1e-9)
        assert rate_at == NOW + 1

    def test_who_leaves_or_may_not_enter_has_not_come(self, site: Site) -> None:
        """They need no place."""
        site.west.leave(NOW, ANNA, None)
        site.west.scan(NOW, ANNA, decision="denied", reason="revoked")
        site.west.scan(NOW, ANNA, direction="exit", reason="hall_full", decision="denied")
        self.heartbeat(site, NOW + 10_000)
        assert account(site, "west", "rate, rate_at") == (0.0, NOW)

    def test_nobody_comes_to_override_places(self, site: Site) -> None:
        """They go to doors with waiting people, not to those with many arrivals."""
        site.west.scan(NOW, ANNA)
        beyond = wire.PlaceTotals(SMALL, 1, 0, free=0, override=True)
        usual = wire.PlaceTotals(SMALL, site.west.granted, 0, free=site.west.free)
        site.send(site.west, NOW + 10_000, places=[usual, beyond])
        assert account(site, "west", "rate > 0") == (1,)
        assert account(site, "west", "rate, rate_at", override=True) == (0.0, NOW + 10_000)

    def test_a_wish_begins_and_ends(self, site: Site) -> None:
        self.heartbeat(site, NOW + 1, wants=True)
        assert account(site, "west", "wanted_at") == (NOW + 1,)
        self.heartbeat(site, NOW + 2)
        assert account(site, "west", "wanted_at") == (None,)

    def test_what_a_door_has_is_kept_at_once(self, site: Site) -> None:
        self.heartbeat(site, NOW + 1, free=1)
        assert account(site, "west", "free") == (1,)

    def test_one_door_s_word_moves_its_own_account_alone(self, site: Site) -> None:
        """By the minute, as the policy takes it."""
        copy = (
            "INSERT INTO kiosk (kiosk, generation, door_id, state, created_at)"
            " VALUES ('west', 2, 1, 'retired', 0)"
        )
        site.execute(copy)
        for hall, kiosk in ((SMALL, ("west", 2)), (OTHER, ("west", 1))):
            site.database.write(lambda db, h=hall, k=kiosk: pools.enrol(db, h, k))
        site.execute("UPDATE place_account SET rate = 9, rate_at = ?", NOW)
        site.execute(
            "UPDATE place_account SET rate = 4 WHERE kiosk = 'west' AND generation = 1"
            " AND hall_id = 1 AND override = 0",
        )  # fmt: skip
        query = (
            "SELECT hall_id, override, kiosk, generation, rate, rate_at FROM place_account"
            " ORDER BY hall_id, override, kiosk, generation"
        )
        before = site.rows(query)
        for serial in range(3):
            site.west.scan(NOW, serial, decision="denied", reason="hall_full")
        self.heartbeat(site, NOW + 30_000)
        after = site.rows(query)
        (moved,) = (row for row in after if row not in before)
        assert moved[:4] == (SMALL, 0, "west", 1)
        assert moved[4] == pytest.approx(smoothed(4.0, 0.5, 3), rel=1e-9)
        assert moved[5] == NOW + 30_000


def widen(site: Site, capacity: int) -> None:
    site.execute("UPDATE hall SET capacity = ?, fire_limit = 200", capacity)


class TestWhen:
    def test_a_share_stands_for_four_seconds_and_is_made_again_where_somebody_waits(
        self, site: Site
    ) -> None:
        widen(site, 60)
        share(site, NOW + 5)
        assert site.rows(f"SELECT shared_until FROM hall WHERE hall_id = {SMALL}") == [
            (NOW + 4_005,)
        ]
        site.execute("UPDATE place_account SET rate = 50, rate_at = ? WHERE kiosk = 'west'", NOW)
        before = len(orders(site, "east"))
        for now in (NOW + 5, NOW + 4_004):
            waiting = site.database.write(lambda db, n=now: grants.share(db, SMALL, n, asked=False))
            assert waiting == frozenset()
        assert len(orders(site, "east")) == before
        site.database.write(lambda db: grants.share(db, SMALL, NOW + 4_005, asked=False))
        assert len(orders(site, "east")) > before

    def test_a_clock_that_was_set_back_does_not_stop_sharing(self, site: Site) -> None:
        widen(site, 60)
        share(site)
        site.execute("UPDATE place_account SET rate = 50, rate_at = ? WHERE kiosk = 'west'", NOW)
        before = len(orders(site, "east"))
        site.send(site.west, NOW - 60_000)
        assert len(orders(site, "east")) > before

    @pytest.mark.parametrize(
        ("free", "beyond", "wants", "again"),
        [
            (1, 0, (False, False), False),
            (0, 0, (False, False), True),
            (0, 5, (False, False), True),
            (1, 0, (True, False), True),
            (1, 0, (False, True), True),
        ],
    )
    def test_who_has_none_or_asks_is_not_kept_waiting_for_the_next_share(
        self, site: Site, free: int, beyond: int, wants: tuple[bool, bool], again: bool
    ) -> None:
        """A door without override places has not asked for any, like most doors."""
        widen(site, 60)
        share(site)
        site.execute("UPDATE hall SET shared_until = ?", NOW + 1_000)
        west = site.west
        totals = [
            wire.PlaceTotals(SMALL, west.granted, 0, free, wants[0]),
            wire.PlaceTotals(SMALL, 0, 0, beyond, wants[1], override=True),
        ]
        site.execute("UPDATE place_account SET rate = 50, rate_at = ? WHERE kiosk = 'west'", NOW)
        before = len(orders(site, "east"))
        site.send(west, NOW + 500, places=totals)
        assert (len(orders(site, "east")) > before) is again

    def full(self, site: Site) -> None:
        for door in (site.west, site.east):
            for serial in range(door.free):
                door.scan(NOW, serial)
            site.send(door)

    @pytest.mark.parametrize(("after_ms", "given"), [(3_000, 1), (3_001, 0)])
    def test_a_wish_is_remembered_for_three_seconds(
        self, site: Site, after_ms: int, given: int
    ) -> None:
        self.full(site)
        site.execute(
            "UPDATE place_account SET wanted_at = ? WHERE kiosk = 'east' AND hall_id = 1"
            " AND override = 0", NOW,
        )  # fmt: skip
        site.execute("UPDATE hall SET capacity = capacity + 1, fire_limit = 200 WHERE hall_id = 1")
        before = account(site, "east", "granted")[0]
        share(site, NOW + after_ms)
        assert account(site, "east", "granted")[0] == before + given

    @pytest.mark.parametrize(
        ("usual", "beyond", "full"),
        [(True, False, True), (False, True, False), (False, False, False)],
    )
    def test_a_door_is_told_that_the_hall_is_full_where_it_wants_an_ordinary_place(
        self, site: Site, usual: bool, beyond: bool, full: bool
    ) -> None:
        site.execute("UPDATE hall SET fire_limit = capacity WHERE hall_id = 1")
        site.execute("UPDATE place_account SET granted = 0, free = 0 WHERE override = 1")
        self.full(site)
        east = site.east
        totals = [
            wire.PlaceTotals(SMALL, east.granted, 0, 0, usual),
            wire.PlaceTotals(SMALL, 0, 0, 0, beyond, override=True),
        ]
        assert site.send(east, NOW + 1, places=totals).full == ((SMALL,) if full else ())

    def test_a_door_that_gets_the_place_that_it_wants_is_told_of_none(self, site: Site) -> None:
        self.full(site)
        site.execute("UPDATE hall SET capacity = capacity + 1, fire_limit = 200 WHERE hall_id = 1")
        totals = [wire.PlaceTotals(SMALL, site.east.granted, 0, 0, wants=True)]
        taken = site.send(site.east, NOW + 1, places=totals)
        assert taken.full == ()
        assert account(site, "east", "granted")[0] == totals[0].granted + 1

    def test_who_waits_in_vain_is_named(self, site: Site) -> None:
        self.full(site)
        site.execute(
            "UPDATE place_account SET wanted_at = ? WHERE kiosk = 'east' AND hall_id = 1"
            " AND override = 0", NOW,
        )  # fmt: skip
        assert share(site) == frozenset({("east", 1)})
        assert site.rows("SELECT shared_until FROM hall WHERE hall_id = 1") == [(0,)]

    @pytest.mark.parametrize("waits", [False, True])
    def test_no_share_stands_while_somebody_waits_for_an_override_place(
        self, site: Site, waits: bool
    ) -> None:
        site.execute("UPDATE hall SET capacity = 150, fire_limit = 250 WHERE hall_id = 1")
        share(site)
        if waits:
            site.execute("UPDATE place_account SET free = 0, wanted_at = ? WHERE override = 1", NOW)
        share(site, NOW + 1)
        until = 0 if waits else NOW + 4_001
        assert site.rows("SELECT shared_until FROM hall WHERE hall_id = 1") == [(until,)]

    def test_who_gets_none_goes_on_waiting(self, site: Site) -> None:
        """Two ask and one place is free: the other request stays."""
        self.full(site)
        site.execute(
            "UPDATE place_account SET wanted_at = ? WHERE hall_id = 1 AND override = 0", NOW
        )
        site.execute("UPDATE hall SET capacity = capacity + 1, fire_limit = 200 WHERE hall_id = 1")
        before = account(site, "west", "granted")[0], account(site, "east", "granted")[0]
        share(site)
        after = account(site, "west", "granted")[0], account(site, "east", "granted")[0]
        assert sum(after) == sum(before) + 1
        wishes = account(site, "west", "wanted_at") + account(site, "east", "wanted_at")
        assert sorted(wishes, key=bool) == [None, NOW]

    @pytest.mark.parametrize(("after_ms", "called"), [(30_000, True), (30_001, False)])
    def test_a_kiosk_unheard_for_half_a_minute_is_asked_for_nothing(
        self, site: Site, after_ms: int, called: bool
    ) -> None:
        site.execute("UPDATE hall SET closed_at = ?", NOW)
        before = len(orders(site, "west"))
        share(site, NOW + after_ms)
        assert (len(orders(site, "west")) > before) is called

    @pytest.mark.parametrize(
        ("after_ms", "given"), [(-9_000, True), (10_000, True), (10_001, False)]
    )
    def test_a_kiosk_unheard_for_ten_seconds_is_given_nothing(
        self, site: Site, after_ms: int, given: bool
    ) -> None:
        widen(site, 60)
        before = account(site, "west", "granted")[0]
        share(site, NOW + after_ms)
        assert (account(site, "west", "granted")[0] > before) is given

    def test_a_kiosk_that_was_never_heard_is_given_nothing(self, site: Site) -> None:
        site.execute("UPDATE kiosk SET seen_at = NULL WHERE kiosk = 'west'")
        before = account(site, "west", "granted")[0]
        widen(site, 60)
        share(site)
        assert account(site, "west", "granted")[0] == before
        assert account(site, "east", "granted")[0] > before

    def test_who_came_long_ago_counts_for_less(self, site: Site) -> None:
        """Two doors with one rate, one of them recorded twenty minutes ago."""
        widen(site, 100)
        rate = "UPDATE place_account SET rate = 40, rate_at = ? WHERE kiosk = ?"
        site.execute(rate, NOW - 20 * 60_000, "west")
        site.execute(rate, NOW, "east")
        share(site)
        assert account(site, "west", "granted")[0] < account(site, "east", "granted")[0] / 3

    def test_where_nobody_came_doors_get_equal_parts(self, site: Site) -> None:
        """However old their rates are."""
        widen(site, 200)
        rate = "UPDATE place_account SET rate = 0, rate_at = ? WHERE kiosk = ?"
        site.execute(rate, NOW - 20 * 60_000, "west")
        site.execute(rate, NOW, "east")
        share(site)
        west, east = account(site, "west", "granted")[0], account(site, "east", "granted")[0]
        assert abs(west - east) <= 1


class TestWhich:
    """Doors that are given places, and doors whose places are called back."""

    def test_an_exit_s_places_are_called_back(self, site: Site) -> None:
        site.execute("UPDATE door SET mode = 'exit' WHERE door_id = 1")
        held = account(site, "west", "granted")[0]
        assert held > 0
        widen(site, 60)
        share(site)
        assert orders(site, "west")[-1]["recall"] == held
        assert account(site, "west", "granted")[0] == held

    def test_an_entrance_s_are_not(self, site: Site) -> None:
        site.execute("UPDATE door SET mode = 'entry' WHERE door_id = 1")
        before = account(site, "west", "granted")[0]
        widen(site, 60)
        share(site)
        assert account(site, "west", "granted")[0] > before

    def test_a_kiosk_s_that_was_moved_are_called_back(self, site: Site) -> None:
        held = account(site, "west", "granted")[0]
        site.execute("UPDATE kiosk SET door_id = 3 WHERE kiosk = 'west'")
        share(site)
        order = orders(site, "west")[-1]
        assert (order["hall"], order["recall"]) == (SMALL, held)

    @pytest.mark.parametrize(("free", "called"), [(1, True), (0, False)])
    def test_only_from_one_that_has_some(self, site: Site, free: int, called: bool) -> None:
        site.execute("UPDATE kiosk SET door_id = 3 WHERE kiosk = 'west'")
        site.execute("UPDATE place_account SET free = ? WHERE kiosk = 'west'", free)
        before = len(orders(site, "west"))
        share(site)
        assert (len(orders(site, "west")) > before) is called

    def test_nothing_from_one_that_says_what_it_was_never_given(self, site: Site) -> None:
        site.execute("UPDATE kiosk SET door_id = 3 WHERE kiosk = 'west'")
        site.execute("UPDATE place_account SET granted = 0, free = 5 WHERE kiosk = 'west'")
        before = len(orders(site, "west"))
        share(site)
        assert len(orders(site, "west")) == before

    @pytest.mark.parametrize(
        "out", ["UPDATE kiosk SET resting = 1", "UPDATE place_account SET fenced = 1"]
    )
    def test_one_that_rests_or_was_fenced_is_given_nothing(self, site: Site, out: str) -> None:
        site.execute(f"{out} WHERE kiosk = 'west'")
        before = account(site, "west", "granted")[0], account(site, "east", "granted")[0]
        widen(site, 60)
        share(site)
        assert account(site, "west", "granted")[0] == before[0]
        assert account(site, "east", "granted")[0] > before[1]
        assert site.pool(PoolKey(SMALL)).free <= 2, "others have its share"

    def test_one_that_is_at_work_no_more_is_not_looked_at(self, site: Site) -> None:
        site.execute("UPDATE kiosk SET state = 'retired' WHERE kiosk = 'west'")
        before = account(site, "west", "granted")[0]
        widen(site, 60)
        share(site)
        assert account(site, "west", "granted")[0] == before
        assert len(orders(site, "other", override=True)) == len(orders(site, "west", override=True))

    @pytest.mark.parametrize("from_outside", [True, False])
    def test_a_door_of_a_room_has_places_of_the_hall_around_where_it_leads_into_it(
        self, site: Site, from_outside: bool
    ) -> None:
        """Else it can't use any, and its places go back."""
        come_from = None if from_outside else OTHER
        site.execute("UPDATE door_from SET from_id = ? WHERE door_id = 4", come_from)
        site.database.write(lambda db: pools.enrol(db, OTHER, ("room", 1)))
        query = (
            f"UPDATE place_account SET granted = 2, free = 2 WHERE hall_id = {OTHER}"
            " AND kiosk = 'room' AND override = 0"
        )
        site.execute(query)
        widen(site, 60)
        before = len(orders(site, "room"))
        share(site, hall=OTHER)
        outer_orders = [order for order in orders(site, "room")[before:] if order["hall"] == OTHER]
        assert len(outer_orders) == 1
        assert (outer_orders[0]["granted"] > 2) is from_outside
        assert outer_orders[0]["recall"] == (0 if from_outside else 2)

    def test_a_door_that_leads_elsewhere_has_none_of_this_hall(self, site: Site) -> None:
        """The room's door leads into the hall around it, not into a third hall."""
        site.execute("UPDATE door_from SET from_id = NULL WHERE door_id = 4")
        site.database.write(lambda db: pools.enrol(db, SMALL, ("room", 1)))
        widen(site, 60)
        share(site)
        assert account(site, "room", "granted") == (0,)


class TestClosed:
    def test_all_come_back_and_who_has_none_hears_nothing(self, site: Site) -> None:
        query = (
            "UPDATE place_account SET granted = 0, free = 0 WHERE kiosk = 'east' AND hall_id = 1"
        )
        site.execute(query)
        before = {kiosk: len(orders(site, kiosk)) for kiosk in ("west", "east")}
        beyond = len(orders(site, "west", override=True))
        site.execute("UPDATE hall SET closed_at = ?", NOW)
        share(site)
        assert orders(site, "west")[-1]["recall"] == account(site, "west", "granted")[0] > 0
        assert len(orders(site, "west", override=True)) == beyond + 1
        assert len(orders(site, "east")) == before["east"]

    def test_nothing_is_given(self, site: Site) -> None:
        site.execute("UPDATE hall SET closed_at = ?", NOW)
        before = site.rows("SELECT hall_id, kiosk, override, granted FROM place_account")
        widen(site, 60)
        share(site)
        assert site.rows("SELECT hall_id, kiosk, override, granted FROM place_account") == before


def test_what_is_given_counts_as_had_by_that_door_alone(site: Site) -> None:
    """In that pool, and its request is fulfilled."""
    site.database.write(lambda db: pools.enrol(db, OTHER, ("west", 1)))
    site.execute("UPDATE place_account SET wanted_at = ?", NOW)
    query = "SELECT hall_id, override, kiosk, free, wanted_at FROM place_account"
    before = site.rows(query)
    site.execute("UPDATE hall SET capacity = capacity + 30, fire_limit = 200 WHERE hall_id = 1")
    granted = "SELECT kiosk, granted FROM place_account WHERE hall_id = 1 AND override = 0"
    given = dict(site.rows(granted))
    share(site)
    now = dict(site.rows(granted))
    after = site.rows(query)
    moved = {row[2]: row for row in after if row not in before and not row[1]}
    assert moved.keys() == {"west", "east"}
    for kiosk, row in moved.items():
        was = next(r for r in before if r[:3] == (SMALL, 0, kiosk))
        assert row == (SMALL, 0, kiosk, was[3] + now[kiosk] - given[kiosk], None)
    assert {row for row in after if row[0] != SMALL} == {row for row in before if row[0] != SMALL}


def ask(site: Site, door: FakeDoor) -> None:
    site.send(door, places=[wire.PlaceTotals(SMALL, door.granted, door.returned, 0, wants=True)])


def test_a_place_that_was_just_given_is_called_back_for_a_door_that_asks(site: Site) -> None:
    """An exit frees one place, and it goes to a door that asked a while ago."""
    entries = [
        door.scan(NOW, serial)
        for serial, door in enumerate([site.west] * site.west.free + [site.east] * site.east.free)
    ]
    assert len(entries) == 6, "the hall is full"
    site.send(site.east)
    first = entries[0]
    site.west.leave(NOW, first.serial, site.west.ref(first))
    ask(site, site.west)
    before = orders(site, "west")
    assert site.west.free == 1
    ask(site, site.east)
    recalled = orders(site, "west")[len(before) :]
    assert [order["recall"] for order in recalled] == [site.west.returned + 1]


def test_a_door_without_places_gets_what_came_back_by_another(site: Site) -> None:
    widen(site, 60)
    share(site)
    entries = []
    while site.east.free:
        entries += [site.east.scan(NOW, len(entries) + n) for n in range(site.east.free)]
        site.send(site.east)
    given = site.east.granted
    for entry in entries:
        site.west.leave(NOW + 5, entry.serial, site.east.ref(entry))
    site.send(site.west, NOW + 10)
    assert orders(site, "east")[-1]["granted"] > given
