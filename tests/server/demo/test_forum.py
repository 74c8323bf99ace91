"""The demo's made-up forum and script: its shape, its people, and its truth."""

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from badges.credential.credential import (
    Credential,
    ForgedError,
    NotABadgeError,
    OtherEventError,
    open_credential,
)
from badges.roster.reader import read_roster
from server.core.event.calendar import day_starts
from server.core.event.directory import Event
from server.core.occupancy.copies import WALK_MS
from server.core.people import issuing
from server.core.people.attendees import attendee
from server.core.programme import activities, exhibition
from server.core.programme.counts import forum_counts
from server.core.programme.speakers import speakers_of
from server.core.venue import kiosk_facts, store
from server.demo.film.motion import PRESENTATION_S
from server.demo.forum.forum import (
    DAYS,
    DOORS,
    EXPO,
    HALLS,
    SMALL_CAPACITY,
    SMALL_HALL,
    Forum,
    make_forum,
    noon_zone,
)
from server.demo.forum.people import CAST_SIZE, CATEGORY_WEIGHTS, Person, make_people, roster_csv
from server.demo.play import prepare
from server.demo.script import _REUSING, Presentation, Script
from server.storage.database import Database

NOW = 1_777_860_000_000
HOUR = 3_600_000
UNREADABLE = {"not_a_badge": NotABadgeError, "forged": ForgedError, "other_event": OtherEventError}


@dataclass
class Demo:
    forum: Forum
    event: Event
    script: Script
    database: Database

    @property
    def all(self) -> list[Presentation]:
        return [scan for door in self.script.doors.values() for scan in door]

    @property
    def readable(self) -> list[tuple[Presentation, Credential]]:
        ring = self.event.ring
        return [(p, open_credential(ring, p.text)) for p in self.all if p.serial is not None]

    def programme(self, serial: int) -> list[store.SessionRow]:
        days = day_starts(self.event.settings)
        return store.programme_for(self.database.reader, serial, days)


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Demo]:
    path: Path = tmp_path_factory.mktemp("demo") / "event"
    forum = make_forum(3, 2 * CAST_SIZE, NOW)
    event, _, script = prepare(path, forum, "127.0.0.1", 8443, NOW)
    with Database(event.database_path) as database:
        assert database.reader  # opened here: in the first test it would seem to be a leak
        yield Demo(forum, event, script, database)


@pytest.fixture(scope="module")
def people() -> list[Person]:
    return make_people(1, 3000)


def test_the_same_seed_makes_the_same_forum(people: list[Person]) -> None:
    forum, other = make_forum(1, 300, NOW), make_forum(2, 300, NOW)
    assert make_forum(1, 300, NOW) == forum
    assert forum.people != other.people
    assert forum.venue != other.venue
    assert people[:300] == make_people(1, 300)


def test_it_has_the_shape_of_a_large_forum(demo: Demo) -> None:
    db = demo.database.reader
    assert len(store.halls(db)) == HALLS == 55
    assert {d.code for d in store.doors(db)} >= set(DOORS)
    by_code = {h.code: h for h in store.halls(db)}
    assert by_code[SMALL_HALL].capacity == SMALL_CAPACITY
    assert {h.code for h in by_code.values() if h.parent_id == by_code[EXPO].hall_id} == {
        "EXPO-N",
        "EXPO-S",
    }


def test_its_counts_are_those_that_it_is_to_show(demo: Demo) -> None:
    settings = demo.event.settings
    counts = forum_counts(demo.database.reader, settings)
    assert asdict(counts) == {
        "days": 6,
        "activities": 158,
        "kinds": 5,
        "parallel_forums": 55,
        "official_forums": 25,
        "hosted_by_one": 13,
        "keynote_speakers": 118,
        "countries": 88,
        "organisations": 197,
        "exhibitors": 656,
        "exhibition_m2": 27_000,
        "areas": 9,
    }


def test_its_hosts_are_as_said(demo: Demo) -> None:
    """Authorities host the official forums, and one international organisation hosts thirteen."""
    official, led = 0, Counter[str]()
    for activity in activities.activities(demo.database.reader):
        assert activity.sessions
        assert any(host.role == "lead" for host in activity.hosts)
        authorities = [host for host in activity.hosts if host.code.startswith("NAT-")]
        assert all(host.kind == "government" for host in authorities)
        assert bool(authorities) == activity.official
        official += activity.official
        led.update(host.code for host in activity.hosts if host.kind == "international")
    assert official == 25
    assert led == {"INT-01": 13}


def test_the_exhibition_has_its_areas_and_every_exhibitor_a_stand(demo: Demo) -> None:
    db = demo.database.reader
    areas = exhibition.areas(db)
    assert {area.code for area in areas} >= {"robotics", "metaverse"}
    stands = exhibition.stands(db)
    assert len({stand.exhibitor for stand in stands}) == len(stands) == 656
    for area in areas:
        assert area.exhibitors > 40
        assert sum(stand.m2 for stand in stands if stand.area == area.code) < area.m2


def test_everybody_belongs_to_an_organisation(demo: Demo) -> None:
    """Of their own country, except international organisations and foreign press."""
    rows = demo.database.reader.execute(
        "SELECT a.category, a.country, o.country AS seat, o.kind FROM attendee a"
        " LEFT JOIN organisation o ON o.organisation_id = a.organisation_id"
    ).fetchall()
    assert len(rows) == 2 * CAST_SIZE
    for row in rows:
        assert row["kind"]
        own = row["seat"] == row["country"]
        assert own or row["kind"] in ("international", "media", "association")


def test_every_keynote_speaker_is_admitted_to_the_session(demo: Demo) -> None:
    db = demo.database.reader
    sessions = store.sessions(db)
    speakers = speakers_of(db, [session.session_id for session in sessions])
    keynotes = [
        (n, s.serial) for n, named in speakers.items() for s in named if s.role == "keynote"
    ]
    assert len(keynotes) == 118
    for session_id, serial in keynotes:
        assert serial is not None
        assert session_id in {row.session_id for row in demo.programme(serial)}


def test_on_the_25th_of_may_it_ends_on_the_30th() -> None:
    now = int(datetime(2023, 5, 25, 4, tzinfo=UTC).timestamp() * 1000)
    forum = make_forum(1, 300, now)
    days = re.findall(r'^starts = "(\S+)', forum.venue, re.M)
    assert sorted(set(days)) == [f"2023-05-{day}" for day in range(25, 31)]


def test_sessions_in_one_hall_do_not_overlap(demo: Demo) -> None:
    by_hall: dict[int, list[store.SessionRow]] = {}
    for session in store.sessions(demo.database.reader):
        by_hall.setdefault(session.hall_id, []).append(session)
    for sessions in by_hall.values():
        for earlier, other in pairwise(sessions):
            assert earlier.closes_at <= other.opens_at


@pytest.mark.parametrize(
    ("script", "first", "last", "least"),
    [
        ("Han", "\u4e00", "\u9fff", 600),
        ("Arabic", "\u0621", "\u064a", 60),
        ("Cyrillic", "\u0400", "\u04ff", 60),
        ("Devanagari", "\u0904", "\u0939", 60),
        ("Thai", "\u0e01", "\u0e2e", 60),
        ("Latin with accents", "\u00c0", "\u017f", 60),
        ("Kana", "\u3041", "\u30ff", 30),
        ("Hangul", "\uac00", "\ud7a3", 30),
        ("Greek", "\u0386", "\u03ce", 6),
        ("Hebrew", "\u05d0", "\u05ea", 6),
        ("Georgian", "\u10d0", "\u10f0", 6),
        ("Armenian", "\u0531", "\u0586", 6),
        ("Bengali", "\u0985", "\u09b9", 6),
        ("Tamil", "\u0b85", "\u0bb9", 6),
        ("Ethiopic", "\u1200", "\u135a", 6),
        ("Lao", "\u0e81", "\u0eae", 2),
        ("Khmer", "\u1780", "\u17a2", 2),
        ("Myanmar", "\u1000", "\u1021", 2),
    ],
)
def test_name_scripts(script: str, first: str, last: str, least: int, people: list[Person]) -> None:
    written = [p for p in people if any(first <= c <= last for c in p.given_name + p.family_name)]
    assert len(written) >= least, script


def test_the_roster_imports_without_a_problem() -> None:
    people = make_people(7, 3000)
    read = read_roster(
        roster_csv(people), "roster.csv", categories=tuple(CATEGORY_WEIGHTS), days=DAYS
    )
    assert len(read.rows) == 3000
    assert read.problems == ()
    assert read.unread == ()
    assert Counter(p.category for p in people).keys() == CATEGORY_WEIGHTS.keys()
    assert all(p.email.endswith(".example") for p in people)


@pytest.mark.parametrize("hour", range(24))
@pytest.mark.parametrize("minute", [0, 59])
def test_it_is_always_noon_at_the_forum(hour: int, minute: int) -> None:
    now = NOW - NOW % (24 * HOUR) + hour * HOUR + minute * 60_000
    name, first_day = noon_zone(now)
    local = datetime.fromtimestamp(now / 1000, ZoneInfo(name))
    assert local.hour == 12
    assert local.date() == first_day


def test_what_is_said_of_unreadable_codes_is_true(demo: Demo) -> None:
    unreadable = [scan for scan in demo.all if scan.serial is None]
    assert {scan.refused for scan in unreadable} == set(UNREADABLE)
    for scan in unreadable:
        with pytest.raises(UNREADABLE[scan.refused or ""]):
            open_credential(demo.event.ring, scan.text)
    made_up = [scan.text for scan in unreadable]
    assert len(set(made_up)) == len(made_up)


def test_every_other_code_is_the_badge_of_its_holder(demo: Demo) -> None:
    for scan, badge in demo.readable:
        assert badge.serial == scan.serial
        assert scan.card is not None
        assert scan.card.text == scan.text


def test_revoked_and_superseded_badges_are_so_and_no_others(demo: Demo) -> None:
    db = demo.database.reader
    for scan, badge in demo.readable:
        holder = attendee(db, badge.serial)
        assert (holder.revoked_at is not None) == (scan.refused == "revoked")
        newest = issuing.current_badge(db, badge.serial).issue
        assert (badge.issue < newest) == (scan.refused == "superseded")


def test_only_badges_for_other_days_are_not_valid_today(demo: Demo) -> None:
    for scan, badge in demo.readable:
        assert bool(badge.valid_days & 1) == (scan.refused != "not_valid_today")


def test_the_programme_says_who_may_enter(demo: Demo) -> None:
    """By the stores' own facts, at the hour at which the demo plays."""
    db = demo.database.reader
    halls = {h.code: h for h in store.halls(db)}
    for scan, badge in demo.readable:
        if scan.refused in ("revoked", "superseded", "not_valid_today"):
            continue
        hall = halls[scan.hall]
        allowed = {s.session_id for s in demo.programme(badge.serial)}
        sessions = store.sessions(db, hall.hall_id)
        now = [s for s in sessions if s.opens_at <= NOW + HOUR // 2 < s.closes_at]
        later = [s for s in sessions if s.opens_at > NOW + HOUR]
        refused = kiosk_facts.session_facts(db, hall.hall_id, NOW)
        barred = {s.session for s in refused if badge.serial in s.refused}
        enters = badge.category in hall.categories or any(
            s.session_id in allowed - barred for s in now
        )
        assert enters == (scan.refused in (None, "likely_copy")), scan
        if scan.refused == "hall_closed":
            assert not now
            assert any(s.session_id in allowed for s in later)


def test_a_copy_is_shown_at_the_other_door_and_later(demo: Demo) -> None:
    first = {scan.text: scan for scan in demo.all if scan.kind not in _REUSING}
    copies = [scan for scan in demo.all if scan.kind == "copy"]
    assert len(copies) >= 4
    for copy in copies:
        original = first[copy.text]
        assert original.hall == copy.hall
        assert original.door != copy.door
        assert (copy.number - original.number) * PRESENTATION_S >= 3
    low, high = demo.script.cut_after, demo.script.heal_after
    unheard = [c for c in copies if low < first[c.text].number < c.number < high]
    assert {c.door for c in unheard} == set(DOORS[:2]), "a discrepancy from each side"


def test_a_shared_badge_goes_to_and_fro_faster_than_people_walk(demo: Demo) -> None:
    """Each time late enough for the doors to have heard, and early enough to give it away."""
    kinds = ("shared", "twin", "back", "caught")
    shown = [next(scan for scan in demo.all if scan.kind == kind) for kind in kinds]
    assert len({scan.text for scan in shown}) == 1
    assert [scan.hall for scan in shown] == [
        SMALL_HALL,
        EXPO,
        SMALL_HALL,
        SMALL_HALL,
    ]
    for scan, then in pairwise(shown):
        assert 8 <= (then.number - scan.number) * PRESENTATION_S <= WALK_MS / 1000 / 2


def test_the_same_code_comes_back_to_a_door_only_after_a_while(demo: Demo) -> None:
    """A door treats a code that it saw less than 3 s ago as the same scan."""
    for door in demo.script.doors.values():
        seen: dict[str, int] = {}
        for scan in door:
            if scan.text in seen:
                assert (scan.number - seen[scan.text] - 1) * PRESENTATION_S > 4
            seen[scan.text] = scan.number


def test_more_come_to_the_small_hall_than_it_holds_at_both_doors(demo: Demo) -> None:
    good = [scan for scan in demo.all if scan.hall == SMALL_HALL and scan.refused is None]
    assert len({scan.serial for scan in good}) >= SMALL_CAPACITY + 10
    for door in DOORS[:2]:
        last = [scan for scan in demo.script.doors[door] if scan.refused is None][-4:]
        assert all(scan.kind == "seat" for scan in last)


def test_every_refusal_but_those_of_the_moment_is_shown(demo: Demo) -> None:
    reasons = {scan.refused for scan in demo.all}
    assert reasons == {
        None, "not_a_badge", "forged", "other_event", "revoked", "superseded", "not_valid_today",
        "not_entitled", "hall_closed", "likely_copy",
    }  # fmt: skip
