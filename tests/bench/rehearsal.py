"""The time to rehearse a day with 100,000 people, and to look up one person."""

import random
import sqlite3
from datetime import date
from functools import partial
from pathlib import Path
from zoneinfo import ZoneInfo

from badges.credential.badge_number import badge_number
from server.core.event.calendar import Clock, day_starts
from server.features.rehearsal.report import Rehearsal, rehearse
from server.features.rehearsal.would_enter import would_enter
from tests.bench.event import SETTINGS, new_event, summary, timed
from tests.server.support.pages import Pages

PEOPLE = 100_000
HALLS = 55
DAYS = SETTINGS.days
ASKED = 100
HOUR = 3_600_000
ALL_ZONES = 0xFFFFFFFF


def fill(db: sqlite3.Connection, sessions: int) -> None:
    """Add halls, a programme, people with badges, and guests of half of the sessions."""
    dice = random.Random(1)
    categories = [row[0] for row in db.execute("SELECT category FROM category")]
    for hall in range(1, HALLS + 1):
        zones = dice.choice((ALL_ZONES, ALL_ZONES, 1, 2, 4))
        capacity = dice.choice((300, 800, 1500))
        db.execute(
            "INSERT INTO hall (hall_id, code, names, fire_limit, capacity, zones, sessions_only,"
            " anti_passback, exits) VALUES (?, ?, ?, ?, ?, ?, 1, 'hard', 'strict')",
            (hall, f"h{hall}", f'{{"en":"Hall {hall}"}}', capacity, capacity, zones),
        )
        db.execute("INSERT INTO door VALUES (?, ?, ?, '{}', 'both')", (hall, f"d{hall}", hall))
    people = dice.sample(range(1, 1 << 24), PEOPLE)
    db.executemany(
        "INSERT INTO attendee (serial, external_id, given_name, family_name, organisation, email,"
        " country, category, valid_days, zones, flags, language, created_at, revoked_at)"
        " VALUES (?, ?, 'Given', 'Family', '', '', 'CN', ?, ?, ?, 0, 'en', 0, ?)",
        (
            (
                serial, f"P{number}", dice.choice(categories),
                dice.choice((0xFFFF, 0xFFFF, dice.randrange(1 << DAYS))),
                dice.choice((ALL_ZONES, ALL_ZONES, dice.randrange(16))),
                1 if dice.random() < 0.01 else None,
            )
            for number, serial in enumerate(people)
        ),
    )  # fmt: skip
    # No door reads these badges: only their owners are counted.
    badges = ((serial, f"c{serial}", number) for number, serial in enumerate(people))
    db.executemany(
        "INSERT INTO badge (serial, issue, credential, lookup, sealed, issued_at, names_row)"
        " VALUES (?, 1, ?, X'00', X'00', 0, ?)",
        badges,
    )
    for number in range(1, sessions + 1):
        starts = day_starts(SETTINGS)[number % DAYS] + dice.randrange(16, 36) * HOUR // 2
        ends = starts + dice.choice((1, 2, 3)) * HOUR
        db.execute(
            "INSERT INTO session (session_id, code, hall_id, titles, starts_at, ends_at, opens_at,"
            ' closes_at) VALUES (?, ?, ?, \'{"en":"Talk"}\', ?, ?, ?, ?)',
            (number, f"s{number}", dice.randint(1, HALLS), starts, ends, starts - HOUR // 2, ends),
        )
        db.executemany(
            "INSERT INTO session_category VALUES (?, ?)",
            ((number, category) for category in dice.sample(categories, dice.randrange(5))),
        )
        guests = dice.sample(people, dice.choice((0, 0, 20, 200)))
        db.executemany(
            "INSERT INTO session_guest VALUES (?, ?, 1)", ((number, guest) for guest in guests)
        )


def memory_mb(name: str) -> float:
    """The kernel's figure for this process's memory."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(f"{name}:")) / 1024


def measure(pages: Pages) -> dict[str, object]:
    db, event = pages.database.reader, pages.event
    clock, day = Clock(ZoneInfo(SETTINGS.time_zone)), date(2026, 5, 5)
    Path("/proc/self/clear_refs").write_text("5")  # resets the peak (Linux)
    before = memory_mb("VmRSS")
    reports: list[Rehearsal] = []
    took, cpu = timed(lambda: reports.append(rehearse(db, event, day, clock)))
    (report,) = reports
    more_mb = memory_mb("VmHWM") - before
    dice = random.Random(2)
    serials = [row[0] for row in db.execute("SELECT serial FROM attendee LIMIT 1000")]
    noon = day_starts(SETTINGS)[1] + 12 * HOUR
    pages.database.write(lambda db: db.execute("DELETE FROM badge"))  # so that each is issued anew

    def ask() -> None:
        person, hall = badge_number(dice.choice(serials)), f"hall:h{dice.randint(1, HALLS)}"
        would_enter(pages.database.reader, event, person, hall, noon)

    return {
        "sessions_of_the_day": len(report.sessions),
        "guests": len(report.day.crowd.guests),
        "groups": len(report.day.crowd.groups),
        "findings": len(report.findings),
        "day_s": round(took / 1000, 2),
        "day_cpu_s": round(cpu / 1000, 2),
        "day_more_mb": round(more_mb),
        "one_person": summary([timed(ask) for _ in range(ASKED)]),
    }


def run() -> dict[str, object]:
    figures: dict[str, object] = {"people": PEOPLE}
    for sessions in (150, 2_000):
        with new_event() as pages:
            pages.database.write(partial(fill, sessions=sessions))
            figures[f"of {sessions} sessions"] = measure(pages)
    return figures
