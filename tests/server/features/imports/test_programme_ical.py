"""Calendars (RFC 5545), from the file to the database."""

from datetime import UTC, date, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from server.core.event.directory import Event
from server.core.programme import activities
from server.core.programme.speakers import speakers_of
from server.core.venue import store
from server.features.imports.programme.adopt import Adopted
from server.features.imports.programme.codes import stable_code
from server.features.imports.programme.formats.programme_file import read_programme
from server.features.imports.programme.formats.recurrence import Budget, occurrences, rule_of
from server.features.imports.venue_plan import VenueError
from server.storage.database import Database
from tests.server.conftest import serial_of
from tests.server.features.imports import test_programme_frab as frab
from tests.server.support.stores import dump, load_venue

FORUM = (Path(__file__).parent / "programme_files" / "forum.ics").read_bytes()
HOSTS = """
[[organisation]]
code = "port"
name = "Port Authority"

[[organisation]]
code = "tides"
name = "Tide Council"
"""


def take(event: Event, site: Database, data: bytes = FORUM) -> Adopted:
    return frab.take(event, site, data, "")


def calendar(*lines: str, uid: str = "one", location: str = "green") -> bytes:
    inside = (f"UID:{uid}", "SUMMARY:Something", f"LOCATION:{location}", *lines)
    return "\r\n".join(
        ("BEGIN:VCALENDAR", "VERSION:2.0", "BEGIN:VEVENT", *inside, "END:VEVENT", "END:VCALENDAR")
    ).encode()


def local(at: int) -> str:
    return datetime.fromtimestamp(at / 1000, UTC).astimezone(ZoneInfo("Asia/Shanghai")).strftime(
        "%d %H:%M"
    )  # fmt: skip


def times(event: Event, *lines: str) -> list[str]:
    """Start and end of the calendar's event."""
    programme = read_programme(calendar(*lines), "c.ics", event.settings)
    assert programme.problems == []
    return sorted(local(draft.starts_at) for draft in programme.drafts)


def test_a_calendar_is_taken_over(event: Event, site: Database) -> None:
    load_venue(event, site, HOSTS)
    adoption = take(event, site)
    assert adoption.problems == ()
    sessions = sorted(
        (local(row.starts_at), local(row.ends_at), next(iter(row.titles.values())))
        for row in store.sessions(site.reader)
        if row.activity_id is not None
    )
    assert sessions == [
        ("04 00:00", "06 00:00", "Ships of the century"),
        ("04 09:00", "04 10:30", "Tides and Trade"),
        ("04 14:00", "04 14:45", "智能港口"),
        ("04 19:00", "04 20:00", "A call from Hamburg"),
        ("05 08:00", "05 08:30", "By the harbour's own clock"),
        ("05 12:00", "05 13:00", "Lunch"),
        ("05 18:30", "05 19:30", "Tour of the quay by night"),
        ("06 17:00", "06 18:00", "Tour of the quay"),
        ("06 20:00", "06 21:00", "Tour of the quay"),
    ]
    assert {row.code for row in store.sessions(site.reader) if "Tour" in str(row.titles)} == {
        "daily-20260505", "daily-20260506", "daily-20260506-2",
    }  # fmt: skip
    assert activities.activity(site.reader, "daily").sessions == 3


@pytest.mark.parametrize(
    "location",
    ["Grand Hall\\, 大会堂", "大会堂 Grand Hall", "Grand Hall / 大会堂", "Grand Hall (大会堂)"],
)
def test_a_location_with_both_names_of_a_hall(event: Event, site: Database, location: str) -> None:
    site.write(
        lambda db: db.execute(
            "UPDATE hall SET names = ? WHERE code = 'green'",
            ('{"en": "Grand Hall", "zh": "大会堂"}',),
        )
    )
    data = calendar("DTSTART:20260504T090000", "DTEND:20260504T100000", location=location)
    adopted = take(event, site, data)
    assert adopted.problems == ()
    assert [plan.hall for plan in adopted.venue.sessions] == ["green"]


def test_a_location_with_names_of_two_halls_is_asked(event: Event, site: Database) -> None:
    data = calendar("DTSTART:20260504T090000", "DURATION:PT1H", location="Green Room\\, 一号厅")
    (problem,) = frab.adopted(event, site, data, "").problems
    assert "is not a hall of this event" in problem


def test_kind_hosts_and_speakers_of_an_event(event: Event, site: Database) -> None:
    load_venue(event, site, HOSTS)
    take(event, site)
    code = stable_code("opening-2026@harbour.example.org")
    assert code.startswith("opening-2026-")
    opening = activities.activity(site.reader, code)
    assert (opening.kind, opening.theme) == ("conference", "Oceans")
    assert [(host.code, host.role) for host in opening.hosts] == [
        ("port", "lead"),
        ("tides", "co_host"),
    ]
    (session,) = (row for row in store.sessions(site.reader) if row.code == code)
    anna, lara = speakers_of(site.reader, [session.session_id])[session.session_id]
    assert (anna.serial, anna.role) == (serial_of(site, "A1"), "moderator")
    assert (lara.serial, lara.name, lara.label) == (None, "Later, Lara", "lara@example.org")
    ships = activities.activity(site.reader, "all-day")
    assert ships.kind == "exhibition"


def test_what_is_not_taken_over_is_named(event: Event, site: Database) -> None:
    notes = take(event, site).venue.notes
    (left,) = (note for note in notes if note.startswith("not imported"))
    assert set(left.removeprefix("not imported: ").split(", ")) == {
        "DESCRIPTION (1)", "VALARM (1)", "VTODO (1)", "optional ATTENDEE (1)",
    }  # fmt: skip
    assert "cancelled in the file: called-off" in notes
    assert (
        "no organisation of the event, so that they host nothing: Port Authority, Tide Council"
    ) in notes


def test_the_same_calendar_again_changes_nothing(event: Event, site: Database) -> None:
    take(event, site)
    before = dump(site)
    take(event, site)
    assert dump(site) == before


def test_a_series_that_moves_within_its_day_keeps_sessions(event: Event, site: Database) -> None:
    take(event, site)
    codes = {session.code for session in store.sessions(site.reader)}
    take(event, site, FORUM.replace(b"20260502T170000", b"20260502T163000").replace(
        b"20260502T180000", b"20260502T173000").replace(b"20260504T170000", b"20260504T163000")
        .replace(b"20260505T170000", b"20260505T163000"))  # fmt: skip
    assert {session.code for session in store.sessions(site.reader)} == codes


def test_a_cancelled_session_stays_until_it_is_removed(event: Event, site: Database) -> None:
    take(event, site)
    off = FORUM.replace(b"SUMMARY:Lunch", b"SUMMARY:Lunch\r\nSTATUS:CANCELLED")
    assert any(
        note.startswith("cancelled, and still in the event: floating.")
        for note in take(event, site, off).venue.notes
    )
    assert any(session.code == "floating" for session in store.sessions(site.reader))


START = ("DTSTART:20260501T090000", "DURATION:PT1H")


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        ("FREQ=DAILY", ["04 09:00", "05 09:00", "06 09:00"]),
        ("FREQ=DAILY;INTERVAL=2", ["05 09:00"]),
        ("FREQ=DAILY;COUNT=5", ["04 09:00", "05 09:00"]),
        ("FREQ=DAILY;UNTIL=20260505T010000Z", ["04 09:00", "05 09:00"]),
        ("FREQ=DAILY;UNTIL=20260505T005959Z", ["04 09:00"]),
        ("FREQ=WEEKLY;BYDAY=MO,WE", ["04 09:00", "06 09:00"]),
        ("FREQ=MONTHLY;BYDAY=1TU", ["05 09:00"]),
        ("FREQ=MONTHLY;BYDAY=MO,TU,WE;BYSETPOS=2", ["05 09:00"]),
        ("FREQ=YEARLY;BYMONTH=5;BYMONTHDAY=6", ["06 09:00"]),
        ("FREQ=WEEKLY;BYDAY=MO,TU;BYSETPOS=2", ["05 09:00"]),
        ("FREQ=YEARLY;BYDAY=18MO", ["04 09:00"]),
        ("FREQ=YEARLY;BYYEARDAY=-241", ["05 09:00"]),
        ("FREQ=DAILY;BYHOUR=10,9;BYMINUTE=0,30;UNTIL=20260504T020000Z",
         ["04 09:00", "04 09:30", "04 10:00"]),
    ],
)  # fmt: skip
def test_rules(event: Event, rule: str, expected: list[str]) -> None:
    assert times(event, *START, f"RRULE:{rule}") == expected


def test_each_day_at_nine_stays_nine_when_clocks_change(event: Event) -> None:
    """Clocks in Berlin go forward on 29 March."""
    lines = ("DTSTART;TZID=Europe/Berlin:20260301T090000", "DURATION:PT1H", "RRULE:FREQ=DAILY")
    assert times(event, *lines) == ["04 15:00", "05 15:00", "06 15:00"]


@pytest.mark.parametrize("until", ["99991231T235959Z", "99991231T235959", "99991231"])
def test_for_ever_may_be_written_as_the_end_of_all_years(event: Event, until: str) -> None:
    starts = times(event, *START, f"RRULE:FREQ=DAILY;UNTIL={until}")
    assert starts == ["04 09:00", "05 09:00", "06 09:00"]


def test_a_day_in_exdate_takes_the_whole_day(event: Event) -> None:
    lines = (*START, "RRULE:FREQ=DAILY", "EXDATE;VALUE=DATE:20260505")
    assert times(event, *lines) == ["04 09:00", "06 09:00"]


WRONG = {
    "by the second": ((*START, "RRULE:FREQ=SECONDLY"), "a rule with FREQ=SECONDLY, which is not"),
    "by the minute": ((*START, "RRULE:FREQ=MINUTELY"), "a rule with FREQ=MINUTELY"),
    "by the hour": ((*START, "RRULE:FREQ=HOURLY"), "a rule with FREQ=HOURLY"),
    "an unknown part": ((*START, "RRULE:FREQ=YEARLY;BYWEEKNO=3"), "a rule with BYWEEKNO"),
    "a month": ((*START, "RRULE:FREQ=DAILY;BYMONTH=13"), "BYMONTH"),
    "nothing between": ((*START, "RRULE:FREQ=DAILY;INTERVAL=0"), "INTERVAL=0: correct it"),
    "a weekday": ((*START, "RRULE:FREQ=WEEKLY;BYDAY=2MO"), "2MO in each week: correct it"),
    "two ends": (
        (*START, "RRULE:FREQ=DAILY;COUNT=3;UNTIL=20260505T000000Z"),
        "both COUNT and UNTIL",
    ),
    "never": ((*START, "RRULE:FREQ=DAILY;BYMONTH=2;BYMONTHDAY=30"), "never on a day of the event"),
    "since ever": (
        ("DTSTART:19700101T090000", "DURATION:PT1H", "RRULE:FREQ=DAILY"),
        "repeats since 1970, over 10 years before the event",
    ),
    "in another age": (("DTSTART:99991231T090000", "DURATION:PT1H"), "9999-12-31 is out of range"),
    "repeated in another age": (
        ("DTSTART:99991231T090000", "DURATION:PT1H", "RRULE:FREQ=WEEKLY"),
        "9999-12-31 is out of range",
    ),
    "once more in another age": (
        (*START, "RDATE:99991231T235959Z"), "9999-12-31 is out of range"
    ),
    "in place of another age": (
        (*START, "RECURRENCE-ID:99991231T235959Z"), "9999-12-31 is out of range",
    ),
    "longer than any event": (
        ("DTSTART:20260504T090000", "DURATION:P99999D"), "has an invalid DURATION",
    ),
    "too often": (
        (*START, "RRULE:FREQ=DAILY;BYHOUR=" + ",".join(map(str, range(24))) + ";BYMINUTE="
         + ",".join(map(str, range(60)))),
        "repeats over 1,000 times in the event",
    ),
    "no start": (("DTEND:20260504T090000",), "has no DTSTART"),
    "two starts": ((*START, "DTSTART:20260504T100000"), "has several DTSTART"),
    "no end": (("DTSTART:20260504T090000",), "has neither DTEND nor DURATION"),
    "backwards": (("DTSTART:20260504T090000", "DTEND:20260504T080000"), "ends before it starts"),
    "an unknown zone": (
        ("DTSTART;TZID=Mars/Olympus:20260504T090000", "DURATION:PT1H"),
        "'Mars/Olympus', which is unknown",
    ),
    "a time that clocks skip": (
        ("DTSTART;TZID=Europe/Berlin:20260329T023000", "DURATION:PT1H"),
        "does not exist: the clocks change then",
    ),
    "no time": (("DTSTART:soon", "DURATION:PT1H"), "DTSTART: "),
    "no duration": (("DTSTART:20260504T090000", "DURATION:long"), "DURATION: "),
    "no line": (("DTSTART:20260504T090000", "DURATION:PT1H", "WHAT IS THIS"), "a line: "),
    "periods": (
        (*START, "RDATE;VALUE=PERIOD:20260505T090000Z/PT1H"),
        "an RDATE with PERIOD: write separate events",
    ),
    "from one on": (
        (*START, "RECURRENCE-ID;RANGE=THISANDFUTURE:20260504T090000"),
        "changes this and all later times",
    ),
}  # fmt: skip


@pytest.mark.timeout(300)
@pytest.mark.parametrize("case", WRONG)
def test_what_is_wrong_with_an_event_is_named(event: Event, case: str) -> None:
    lines, message = WRONG[case]
    programme = read_programme(calendar(*lines), "c.ics", event.settings)
    (problem,) = programme.problems
    assert message in problem
    assert problem.startswith("event 'Something': ")
    assert programme.drafts == []


def test_an_event_without_a_uid(event: Event) -> None:
    programme = read_programme(calendar(*START, uid=""), "c.ics", event.settings)
    assert programme.problems == [
        "event 'Something': has no UID, so a later import could not recognise it"
    ]


def test_a_uid_that_is_there_twice(event: Event) -> None:
    text = calendar("DTSTART:20260504T090000", "DURATION:PT1H").decode()
    inside = text[text.index("BEGIN:VEVENT") : text.index("END:VCALENDAR")]
    data = text.replace(inside, inside + inside).encode()
    (problem,) = read_programme(data, "c.ics", event.settings).problems
    assert problem == "event 'Something': its UID is there 2 times: keep one"


HOSTILE = {
    "deep": (b"BEGIN:VCALENDAR\r\n" + b"BEGIN:VEVENT\r\n" * 100_000, "parts nested too deeply"),
    "cut off": (b"BEGIN:VCALENDAR\r\nBEGIN:VEVENT\r\nUID:a\r\n", "is not iCalendar"),
    "bytes": (b"BEGIN:VCALENDAR\r\nX:\xff\r\nEND:VCALENDAR\r\n", "UTF-8 text (first at line 2)"),
    "a zone by the second": (
        FORUM.replace(b"TZNAME:HT", b"RRULE:FREQ=SEC\r\n ONDLY"),
        "has a time zone with the unsupported rule FREQ=SECONDLY",
    ),
    "zones": (
        b"BEGIN:VCALENDAR\r\n" + b"BEGIN:VTIMEZONE\r\nEND:VTIMEZONE\r\n" * 61,
        "has over 60 time zones",
    ),
    "lines": (b"BEGIN:VCALENDAR\r\n" + b"X:1\r\n" * 200_001, "has over 200,000 lines"),
    "a folder of zones": (
        FORUM.replace(b"TZID=Asia/Shanghai", b"TZID=Asia"),
        "a TZID does not name a time zone",
    ),
    "a list of types": (
        FORUM.replace(b"TZID=Asia/Shanghai", b"VALUE=DATE,DATE-TIME"), "is not iCalendar",
    ),
    "empty": (b"BEGIN:VCALENDAR\r\nEND:VCALENDAR\r\n", "has no events"),
}  # fmt: skip


@pytest.mark.timeout(300)
@pytest.mark.parametrize("case", HOSTILE)
def test_files_that_are_no_calendar(event: Event, case: str) -> None:
    data, message = HOSTILE[case]
    with pytest.raises(VenueError) as raised:
        read_programme(data, "c.ics", event.settings)
    assert message in str(raised.value)


def test_many_endless_rules_end(event: Event) -> None:
    """Each would count through ten years of minutes. The file has one limit for all rules."""
    minutes = ";BYHOUR=0,6,12,18;BYMINUTE=" + ",".join(map(str, range(60)))
    text = calendar("DTSTART:20160601T000000", "DURATION:PT1H",
                   f"RRULE:FREQ=DAILY;COUNT=100000{minutes}").decode()  # fmt: skip
    inside = text[text.index("BEGIN:VEVENT") : text.index("END:VCALENDAR")]
    many = "".join(inside.replace("UID:one", f"UID:{n}") for n in range(300))
    programme = read_programme(text.replace(inside, many).encode(), "c.ics", event.settings)
    assert "the rules of this file have too many times" in programme.problems[-1]


def test_many_rules_without_any_time_end(event: Event) -> None:
    """Each is searched for its first time up to the last day of the calendar."""
    text = calendar("DTSTART:20260401T000000", "DURATION:PT1H",
                   "RRULE:FREQ=DAILY;BYMONTH=2;BYMONTHDAY=30").decode()  # fmt: skip
    inside = text[text.index("BEGIN:VEVENT") : text.index("END:VCALENDAR")]
    many = "".join(inside.replace("UID:one", f"UID:{n}") for n in range(300))
    programme = read_programme(text.replace(inside, many).encode(), "c.ics", event.settings)
    assert "repeats, but never on a day of the event" in programme.problems[0]
    assert "the rules of this file have too many times" in programme.problems[-1]


@pytest.mark.parametrize(
    ("rule", "days"),
    [
        ("FREQ=DAILY;BYDAY=TU;COUNT=3", [6, 12, 19]),  # the start is the first, on a Wednesday
        ("FREQ=WEEKLY;BYDAY=MO,WE,FR;BYSETPOS=2", [6, 13, 20, 27]),  # of the whole first week
        ("FREQ=WEEKLY;BYDAY=SU;WKST=SU;INTERVAL=2;COUNT=3", [6, 17, 31]),
        ("FREQ=MONTHLY;BYDAY=-1SU", [6, 31]),
    ],
)
def test_a_rule_repeats_as_the_standard_has_it(rule: str, days: list[int]) -> None:
    start, first, last = (
        datetime.fromisoformat("2026-05-06T09:00"),
        date(2026, 5, 1),
        date(2026, 5, 31),
    )
    parts = {
        key: [int(item) if item.isdigit() else item for item in value.split(",")]
        for key, value in (part.split("=") for part in rule.split(";"))
    }
    times = list(occurrences(rule_of(parts, start, None), start, first, last, Budget()))
    assert times == [start.replace(day=day) for day in days]
