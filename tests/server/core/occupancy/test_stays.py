"""Stays by each column of their key, and the borders of their times."""

import pytest
from msgspec.structs import replace

from badges.record import PlaceKind, StayRef
from badges.wire import wire
from server.core.kiosks import contact
from server.core.occupancy import stays
from server.core.occupancy.stays import Stay
from tests.server.conftest import NOW
from tests.server.support.site import ANNA, BORIS, OTHER, ROOM, SMALL, Site
from tests.server.support.site import site as site
from tests.server.support.site import two_halls as two_halls

ONE = StayRef("west", 1, 9), SMALL
# Each differs from ONE in a single column.
OTHERS = [
    (StayRef("east", 1, 9), SMALL),
    (StayRef("west", 2, 9), SMALL),
    (StayRef("west", 1, 8), SMALL),
    (StayRef("west", 1, 9), OTHER),
]
STAY = Stay(
    ONE[0], SMALL, 1, ANNA, NOW, True, issue=3, epoch=2, around=True, kind=PlaceKind.OVERRIDE
)


def write(site: Site, step):
    return site.database.write(step)


@pytest.fixture
def five(site: Site) -> Site:

    def add(db) -> None:
        for ref, hall in (ONE, *OTHERS):
            stays.add(db, replace(STAY, ref=ref, hall_id=hall))

    write(site, add)
    return site


def test_a_stay_comes_back_as_it_was_kept(site: Site) -> None:
    write(site, lambda db: stays.add(db, STAY))
    assert stays.open_stays(site.database.reader, ANNA) == [STAY]


def changed(site: Site) -> list[tuple]:
    return site.rows(
        "SELECT kiosk, generation, seq, hall_id FROM stay"
        " WHERE closed_at IS NOT NULL OR after_move IS NOT NULL"
    )


@pytest.mark.parametrize("counted", [True, False])
def test_one_stay_ends_and_no_other(five: Site, counted: bool) -> None:
    closed = write(five, lambda db: stays.close(db, *ONE, "exit", NOW + 1))
    assert closed is not None
    assert changed(five) == [("west", 1, 9, SMALL)]
    assert write(five, lambda db: stays.close(db, *ONE, "exit", NOW + 2)) is None
    moved = OTHERS[0]
    write(five, lambda db: stays.move_on(db, *moved, NOW + 1, counted=counted))
    assert len(changed(five)) == 2
    confirmed = write(five, lambda db: stays.close(db, *moved, "exit", NOW + 5))
    assert (confirmed is not None) is counted, "its place comes back where the move freed none"
    assert write(five, lambda db: stays.close(db, *moved, "exit", NOW + 6)) is None


def test_what_was_gone_is_told_of_that_stay_alone(site: Site) -> None:
    def add(db) -> None:
        stays.add(db, STAY, gone_at=NOW + 1)
        for ref, hall in OTHERS:
            stays.add(db, replace(STAY, ref=ref, hall_id=hall))
        stays.set_end(db, *ONE, NOW + 7)
        for ref, hall in OTHERS:
            stays.set_end(db, ref, hall, NOW + 8)

    write(site, add)
    reader = site.database.reader
    assert stays.is_gone(reader, *ONE)
    assert not any(stays.is_gone(reader, *other) for other in OTHERS)
    assert not stays.is_gone(reader, StayRef("room", 1, 1), SMALL)
    assert site.rows("SELECT closed_at, closed_by FROM stay WHERE closed_at IS NOT NULL") == [
        (NOW + 7, "exit")
    ]
    assert site.rows("SELECT COUNT(*) FROM stay WHERE closed_by IS NULL") == [(4,)]


def test_an_early_exit_is_told_once_and_to_its_own_entry(site: Site) -> None:
    def remember(db) -> None:
        for number, (ref, hall) in enumerate((ONE, *OTHERS)):
            assert stays.remember_early(db, ref, hall, "exit", NOW + number)

    write(site, remember)
    assert write(site, lambda db: stays.take_early_exit(db, *ONE)) == ("exit", NOW)
    assert write(site, lambda db: stays.take_early_exit(db, *ONE)) is None
    assert site.rows("SELECT COUNT(*) FROM early_exit") == [(4,)]


def test_only_of_an_entry_that_is_not_here(five: Site) -> None:
    for ref, hall in (ONE, *OTHERS):
        assert not write(five, lambda db, r=ref, h=hall: stays.remember_early(db, r, h, "x", 1))
    assert not write(five, lambda db: stays.has_early_exits(db))


def confirmed(site: Site) -> list[tuple]:
    """Stays that an exit has ended, among stays that moves had ended."""
    return site.rows("SELECT kiosk, generation, seq, hall_id FROM stay WHERE after_move IS NULL")


@pytest.mark.parametrize("counted", [True, False])
def test_an_exit_confirms_one_move_and_no_other(five: Site, counted: bool) -> None:
    for ref, hall in (ONE, *OTHERS):
        write(five, lambda db, r=ref, h=hall: stays.move_on(db, r, h, NOW + 1, counted=counted))
    assert confirmed(five) == []
    stay = write(five, lambda db: stays.close(db, *ONE, "annul", NOW + 2))
    assert (stay is not None and stay.ref == ONE[0] and stay.hall_id == SMALL) is counted
    assert confirmed(five) == [("west", 1, 9, SMALL)]
    assert five.rows("SELECT closed_at, closed_by FROM stay WHERE after_move IS NULL") == [
        (NOW + 1, "annul")
    ]
    for ref, hall in OTHERS:
        stay = write(five, lambda db, r=ref, h=hall: stays.close(db, r, h, "exit", NOW + 3))
        assert (stay is not None and (stay.ref, stay.hall_id) == (ref, hall)) is counted


def test_a_move_ends_one_stay_and_no_other(five: Site) -> None:
    moved = write(five, lambda db: stays.move_on(db, *ONE, NOW + 1, counted=True))
    assert moved is not None
    assert (moved.ref, moved.hall_id) == ONE
    assert changed(five) == [("west", 1, 9, SMALL)]
    assert write(five, lambda db: stays.move_on(db, *ONE, NOW + 2, counted=False)) is None
    assert five.rows("SELECT closed_at, after_move FROM stay WHERE closed_at IS NOT NULL") == [
        (NOW + 1, "counted")
    ]


def test_what_has_ended_is_ended_by_the_first_word_alone(five: Site) -> None:
    write(five, lambda db: stays.close(db, *ONE, "exit", NOW + 1))
    assert write(five, lambda db: stays.close(db, *ONE, "annul", NOW + 2)) is None
    assert write(five, lambda db: stays.move_on(db, *ONE, NOW + 3, counted=False)) is None
    assert five.rows("SELECT closed_at, closed_by FROM stay WHERE closed_at IS NOT NULL") == [
        (NOW + 1, "exit")
    ]


def test_of_two_early_exits_the_first_is_kept(site: Site) -> None:
    write(site, lambda db: stays.remember_early(db, *ONE, "exit", NOW + 1))
    write(site, lambda db: stays.remember_early(db, *ONE, "annul", NOW + 2))
    assert write(site, lambda db: stays.take_early_exit(db, *ONE)) == ("exit", NOW + 1)


def numbers(stays: list[Stay]) -> list[int]:
    return sorted(stay.ref.seq for stay in stays)


class TestAsked:
    """Reads of several stays. Each has its sequence as a name."""

    @pytest.fixture
    def several(self, site: Site) -> Site:
        def stay(seq: int, **fields) -> Stay:
            whole = {"ref": StayRef("west", 1, seq), "kind": PlaceKind.ORDINARY, "around": False}
            return replace(STAY, **whole, **fields)

        def add(db) -> None:
            stays.add(db, stay(1))  # open
            stays.add(db, stay(2, opened_at=NOW + 2))
            stays.close(db, stay(2).ref, SMALL, "exit", NOW + 5)
            stays.add(db, stay(3, opened_at=NOW + 3))
            stays.move_on(db, stay(3).ref, SMALL, NOW + 6, counted=True)
            stays.add(db, stay(4, opened_at=NOW + 4))
            stays.move_on(db, stay(4).ref, SMALL, NOW + 7, counted=False)
            stays.add(db, stay(5, serial=BORIS))
            stays.add(db, stay(6, hall_id=OTHER))
            stays.add(db, stay(7, opened_at=NOW + 9))
            stays.close(db, stay(7).ref, SMALL, "exit", NOW + 8)  # by two clocks
            stays.add(db, stay(8, serial=BORIS))
            stays.close(db, stay(8).ref, SMALL, "exit", NOW + 9)
            stays.add(db, stay(9, serial=BORIS, hall_id=OTHER))
            stays.move_on(db, stay(9).ref, OTHER, NOW + 9, counted=True)
            stays.add(db, replace(stay(10), kind=PlaceKind.OVERRIDE))
            stays.add(db, replace(stay(11), around=True, door_id=3))

        write(site, add)
        return site

    def test_open_stays_of_the_holder(self, several: Site) -> None:
        hers = stays.open_stays(several.database.reader, ANNA)
        assert numbers(hers) == [1, 6, 10, 11]
        assert numbers(stays.open_stays(several.database.reader, BORIS)) == [5]

    def test_every_stay_of_the_holder_in_the_hall(self, several: Site) -> None:
        spans = stays.stays_of(several.database.reader, ANNA, SMALL)
        assert {stay.ref.seq: closed for stay, closed in spans} == {
            1: None, 2: NOW + 5, 3: NOW + 6, 4: NOW + 7, 7: NOW + 8, 10: None, 11: None,
        }  # fmt: skip

    @pytest.mark.parametrize(
        ("at", "seqs"),
        [
            (NOW + 5, [1, 3, 4, 6, 7, 10, 11]),
            (NOW + 8, [1, 6, 7, 10, 11]),
            (NOW + 9, [1, 6, 10, 11]),
        ],
    )
    def test_what_was_not_over(self, several: Site, at: int, seqs: list[int]) -> None:
        """A stay that ended before it began is over when it begins."""
        sql = f"SELECT {stays.packed('?', '?')}"
        spans = stays.unpacked(several.database.reader.execute(sql, (ANNA, at)).fetchone()[0])
        assert numbers([stay for stay, _ in spans]) == seqs
        every = several.database.reader.execute(sql, (ANNA, 0)).fetchone()[0]
        same = [span for span in stays.unpacked(every) if stays.was_on(span, at)]
        assert sorted(same, key=repr) == sorted(spans, key=repr)
        whole = stays.stays_of(several.database.reader, ANNA, SMALL)
        assert {*whole} <= {*stays.unpacked(every)}

    def test_who_takes_a_place_of_the_hall(self, several: Site) -> None:
        """A door hears of stays that a move ended while their place is counted, and marked so."""
        here = stays.in_hall(several.database.reader, SMALL)
        assert {entry.stay.seq: entry.moved for entry in here} == {
            1: False, 3: True, 5: False, 10: False, 11: False,
        }  # fmt: skip
        assert {entry.stay.seq for entry in here if entry.override} == {10}
        elsewhere = stays.in_hall(several.database.reader, OTHER)
        assert {entry.stay.seq: entry.moved for entry in elsewhere} == {6: False, 9: True}

    def test_who_has_not_been_confirmed_as_over(self, several: Site) -> None:
        reader = several.database.reader
        assert numbers(stays.open_in(reader, SMALL, PlaceKind.ORDINARY)) == [1, 3, 4, 5, 11]
        assert numbers(stays.open_in(reader, SMALL, PlaceKind.OVERRIDE)) == [10]
        assert numbers(stays.open_in(reader, OTHER, PlaceKind.ORDINARY)) == [6, 9]

    def test_who_is_to_count_in_a_hall_around(self, several: Site) -> None:
        """People the door has let in, in its own hall, who do not count there yet."""

        def count_one(db) -> None:
            stays.add(
                db, replace(STAY, ref=StayRef("west", 1, 1), hall_id=ROOM, kind=PlaceKind.ORDINARY)
            )

        reader = several.database.reader
        uncounted = stays.uncounted(reader, 1, ROOM, (SMALL, OTHER))
        assert numbers(uncounted) == [1, 3, 5, 6, 9, 10]
        assert {stay.hall_id for stay in uncounted} == {ROOM}
        assert all(
            stay.around and stay.kind is PlaceKind.ORDINARY and not stay.after_move
            for stay in uncounted
        )
        write(several, count_one)
        assert numbers(stays.uncounted(reader, 1, ROOM, (SMALL, OTHER))) == [3, 5, 6, 9, 10]
        assert numbers(stays.uncounted(reader, 1, OTHER, (SMALL, ROOM))) == [1, 3, 5, 10]
        assert stays.uncounted(reader, 2, ROOM, (SMALL, OTHER)) == []


def test_of_scans_before_a_number_by_the_stay_s_own_scan(site: Site) -> None:
    """Each stay's scan is found by its whole key, not by its sequence alone."""
    for door, serial in ((site.west, ANNA), (site.east, BORIS), (site.west, 3), (site.east, 4)):
        site.scan(door, NOW, serial)
    scans = site.rows("SELECT number, serial FROM scan ORDER BY number")
    for number, _ in scans:
        before = stays.open_in(site.database.reader, SMALL, PlaceKind.ORDINARY, before=number)
        assert {stay.serial for stay in before} == {serial for n, serial in scans if n < number}


def test_entries_while_a_stay_lasted_are_the_holder_s_own_and_in_that_hall(site: Site) -> None:
    first = site.west.scan(NOW, ANNA)
    site.west.scan(NOW + 1, BORIS)
    site.east.scan(NOW + 2, ANNA)
    site.east.scan(NOW + 3, BORIS)
    site.other.scan(NOW + 4, ANNA)
    for door in (site.west, site.east, site.other):
        site.send(door)
    numbers = stays.entered_during(site.database.reader, site.west.ref(first), SMALL)
    assert site.rows("SELECT number FROM scan WHERE kiosk = 'east' AND seq = 1") == [
        (number,) for number in numbers
    ]
    assert stays.entered_during(site.database.reader, site.west.ref(first), OTHER) == []


class TestWhere:
    """A holder's place at a time, from known stays."""

    def spans(self) -> list[stays.Span]:
        def stay(seq: int, opened_at: int, **fields) -> Stay:
            return replace(STAY, ref=StayRef("west", 1, seq), opened_at=opened_at, **fields)

        return [
            (stay(1, NOW + 6), None),
            (stay(2, NOW), NOW + 3),
            (stay(3, NOW + 2), NOW + 6),
            (stay(4, NOW + 4, hall_id=OTHER), NOW + 6),
            (stay(5, NOW + 3, hall_id=OTHER, clock_known=False), None),
        ]

    @pytest.mark.parametrize(
        ("hall", "after_ms", "seq"),
        [
            (SMALL, -1, None),
            (SMALL, 0, 2),
            (SMALL, 2, 2),
            (SMALL, 3, 3),
            (SMALL, 5, 3),
            (SMALL, 6, 1),
            (SMALL, 99, 1),
            (OTHER, 2, None),
            (OTHER, 5, 5),
            (OTHER, 99, 5),
            (ROOM, 5, None),
        ],
    )
    def test_the_first_stay_that_lasted(self, hall: int, after_ms: int, seq: int | None) -> None:
        stay = stays.overlapping(self.spans(), hall, NOW + after_ms)
        assert (None if stay is None else stay.ref.seq) == seq

    @pytest.mark.parametrize(
        ("after_ms", "staying_in", "seq"),
        [
            (0, {SMALL}, 4),
            (3, {SMALL}, 4),
            (4, {SMALL}, None),
            (0, {OTHER}, 3),
            (2, {OTHER}, 1),
            (-1, set(), 2),
            (0, {SMALL, OTHER}, None),
        ],
    )
    def test_the_first_entry_elsewhere(
        self, after_ms: int, staying_in: set[int], seq: int | None
    ) -> None:
        stay = stays.moved_on(self.spans(), NOW + after_ms, staying_in)
        assert (None if stay is None else stay.ref.seq) == seq


@pytest.mark.parametrize(
    ("again_at", "closed_at", "counts"),
    [
        (NOW, None, False),
        (NOW + 1, None, True),
        (NOW + 9, NOW + 10, True),
        (NOW + 10, NOW + 10, False),
        (NOW + 11, NOW + 10, False),
    ],
)
def test_an_entry_while_a_stay_lasted_lies_between_its_ends(
    site: Site, again_at: int, closed_at: int | None, counts: bool
) -> None:
    first = site.scan(site.west, NOW, ANNA)
    site.scan(site.east, again_at, ANNA)
    ref = site.west.ref(first)
    write(site, lambda db: db.execute("UPDATE stay SET closed_at = NULL") and None)
    if closed_at is not None:
        write(site, lambda db: stays.close(db, ref, SMALL, "exit", closed_at))
    scans = stays.entered_during(site.database.reader, ref, SMALL)
    assert (len(scans) == 1) is counts


def test_entries_of_others_do_not_stand_for_one_that_is_not_here(site: Site) -> None:
    for ref, hall in OTHERS:
        write(site, lambda db, r=ref, h=hall: stays.add(db, replace(STAY, ref=r, hall_id=h)))
    assert write(site, lambda db: stays.remember_early(db, *ONE, "exit", NOW))
    assert write(site, stays.has_early_exits)


@pytest.mark.parametrize(("scans", "forked"), [(20, True), (21, False)])
def test_a_batch_that_waits_for_its_turn_may_say_old_totals(
    site: Site, scans: int, forked: bool
) -> None:
    """A batch of twenty is taken in order, so fewer places returned than before is another disk."""
    site.west.returned = 1
    site.send(site.west)
    for number in range(scans):
        site.west.scan(NOW + number, BORIS, decision="denied", reason="already_inside")
    old = [wire.PlaceTotals(SMALL, site.west.granted, 0, 0)]
    if forked:
        with pytest.raises(contact.ForkError):
            site.send(site.west, places=old)
    else:
        site.send(site.west, places=old)
