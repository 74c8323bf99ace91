"""A door's copy of the programme, and its access."""

import msgspec
import pytest

from badges.wire import wire
from server.core.event.directory import Event
from server.core.feed import changes
from server.core.kiosks.snapshot import snapshot
from server.core.people import attendees
from server.core.programme import door_programme
from server.storage.database import Database
from tests.server.conftest import HOUR, NOW, ROSTER, serial_of
from tests.server.features.imports.test_programme_import import PROGRAMME, TALK
from tests.server.support.stores import load_roster, load_venue


def sessions_at_door(
    site: Database, event: Event, now: int = NOW, *, programme: bool = True
) -> list[wire.SessionFacts]:
    """The programme as the door of hall 1 gets it."""

    def step(db):
        (door,) = db.execute("SELECT door_id FROM door WHERE code = 'h1-west'").fetchone()
        db.execute(
            "INSERT INTO kiosk (kiosk, generation, door_id, state, created_at)"
            " VALUES ('w', 1, ?, 'active', 0) ON CONFLICT DO NOTHING",
            (door,),
        )
        return snapshot(db, event, ("w", 1), door, now, programme=programme)

    facts = site.write(step)
    assert wire.decode(wire.encode(facts), wire.Snapshot) == facts
    return facts.sessions


def test_a_door_is_told_who_hosts_and_who_speaks(event: Event, site: Database) -> None:
    load_venue(event, site, PROGRAMME)
    ports = sessions_at_door(site, event)[-1]
    assert ports.titles["en"] == "Ports, first part"
    assert ports.kind["en"] == "Conference"
    assert ports.hosts == [{"zh": "国际潮汐理事会"}]  # and no co-hosts
    assert ports.ends_at - ports.starts_at == HOUR
    assert ports.speakers == [
        wire.SpeakerFacts(
            name="王小明", role="keynote", serial=serial_of(site, "A2"), starts_at=TALK
        ),
        wire.SpeakerFacts(name="Lara Later", role="moderator"),
    ]


def test_a_session_without_an_activity_has_its_times_alone(event: Event, site: Database) -> None:
    opening = sessions_at_door(site, event)[0]
    assert opening.ends_at - opening.starts_at == HOUR
    bare = wire.encode(opening)
    assert b"kind" not in bare
    assert b"hosts" not in bare
    assert b"speakers" not in bare


def test_an_earlier_kiosk_is_told_what_it_always_was(event: Event, site: Database) -> None:
    load_venue(event, site, PROGRAMME)
    for session in sessions_at_door(site, event, programme=False):
        assert set(msgspec.json.decode(wire.encode(session))) == {
            "session", "titles", "opens_at", "closes_at", "categories", "invited", "refused",
        }  # fmt: skip


def test_a_session_that_goes_on_is_told_though_it_admits_nobody_any_more(
    event: Event, site: Database
) -> None:
    site.write(
        lambda db: db.execute("UPDATE session SET closes_at = starts_at WHERE code = 'press'")
    )
    at = NOW + 3 * HOUR + HOUR // 2  # the press hour, half over
    assert [session.titles["en"] for session in sessions_at_door(site, event, at)] == ["Press hour"]
    assert sessions_at_door(site, event, at, programme=False) == []
    assert sessions_at_door(site, event, at + HOUR) == []


def test_a_name_longer_than_the_wire_takes_is_cut(event: Event, site: Database) -> None:
    load_venue(event, site, PROGRAMME.replace("Lara Later", "Lara"))
    site.write(
        lambda db: db.execute(
            "UPDATE session_speaker SET name = ? WHERE serial IS NULL", ("é" * 300,)
        )
    )
    assert sessions_at_door(site, event)[-1].speakers[1].name == "é" * wire.SPEAKER_NAME_MAX


def test_more_speakers_than_the_wire_takes_are_left_out(event: Event, site: Database) -> None:
    load_venue(event, site, PROGRAMME)
    site.write(
        lambda db: db.executemany(
            "INSERT INTO session_speaker (session_id, position, label, name, role)"
            " SELECT session_id, ?, '', ?, 'panellist' FROM session WHERE code = 'ports-1'",
            [(n, f"P {n}") for n in range(2, 2 + wire.SPEAKERS_MAX)],
        )
    )
    assert len(sessions_at_door(site, event)[-1].speakers) == wire.SPEAKERS_MAX


def test_another_hall_has_nothing_of_it(event: Event, site: Database) -> None:
    load_venue(event, site, PROGRAMME)
    green = site.reader.execute("SELECT hall_id FROM hall WHERE code = 'green'").fetchone()[0]
    assert door_programme.with_programme(site.reader, green, NOW, []) == []


@pytest.mark.sqlite_alone  # which logs each statement
def test_the_programme_takes_the_same_few_questions_however_long_it_is(
    event: Event, site: Database
) -> None:
    load_venue(event, site, PROGRAMME)
    hall = site.reader.execute("SELECT hall_id FROM hall WHERE code = 'h1'").fetchone()[0]
    seen: list[str] = []

    def step(db):
        db.set_trace_callback(seen.append)
        try:
            return door_programme.with_programme(db, hall, NOW, [])
        finally:
            db.set_trace_callback(None)

    assert len(site.write(step)) == 3
    assert len(seen) == 3


@pytest.mark.parametrize(
    ("row", "heard"),
    [
        ("A2,小明,汪,海事大学,CN,xiaoming@example.org,speaker,,,,zh", True),  # speaks
        ("L1,Lara,Later,,,later@example.org,speaker,,,,en", True),  # is found as a speaker
        ("A1,Anna,Kellerin,,DE,anna@example.org,delegate,,,,en", False),
    ],
)
def test_doors_hear_of_a_speaker_whom_the_roster_brings_or_renames(
    event: Event, site: Database, row: str, heard: bool
) -> None:
    load_venue(event, site, PROGRAMME)
    before = changes.cursor(site.reader)
    rows = [line for line in ROSTER.splitlines() if line[:3] != row[:3]]
    load_roster(site, "\n".join([*rows, row]) + "\n", renames="accept")
    published = site.reader.execute(
        "SELECT COUNT(*) FROM change WHERE cursor > ? AND body LIKE '%venue%'", (before,)
    ).fetchone()[0]
    assert (published > 0) is heard


@pytest.mark.parametrize(
    ("speaker", "values", "heard"),
    [
        ("A2", {"given_name": "小红"}, True),
        ("A2", {"organisation": "Tide Office"}, False),  # Doors do not show a speaker's.
        ("A1", {"given_name": "Anne"}, False),
    ],
)
def test_doors_hear_of_a_speaker_whom_the_desk_renames(
    event: Event, site: Database, speaker: str, values: dict[str, str], heard: bool
) -> None:
    load_venue(event, site, PROGRAMME)
    before, serial = changes.cursor(site.reader), serial_of(site, speaker)
    site.write(lambda db: attendees.change_attendee(db, serial, values, by="test", now=NOW))
    assert (changes.cursor(site.reader) > before) is heard
