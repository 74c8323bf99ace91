"""How long staff wait for the forum's pages, with 100,000 people and 2,000 activities."""

import os
import random
import statistics
import time
from datetime import date
from pathlib import Path
from tempfile import TemporaryDirectory

from flask.testing import FlaskClient

from server.app.app import close_app, create_app
from server.app.new_event import init_event
from server.core.event.settings import EventSettings
from server.core.staff import users
from server.storage.connection import Connection
from server.storage.database import Database
from server.storage.localized import names_text
from server.web import auth

PEOPLE, ACTIVITIES, ORGANISATIONS, STANDS, HALLS = 100_000, 2_000, 20_000, 2_000, 55
REPEATS = 25
HOUR = 3_600_000
NOW = 1_777_860_000_000
COUNTRIES = "AR AU BR CA CH CL CN DE EG ES FR GB GR IN IT JP KE KR MA MX NG PL TH TR US VN".split()
KINDS = ("conference", "exhibition", "transaction", "release", "competition")
PAGES = (
    "/admin/",
    "/admin/programme/",
    "/admin/programme/countries",
    "/admin/programme/activities",
    "/admin/programme/activities?page=20",
    "/admin/programme/activities?kind=release&day=2&hall=3",
    "/admin/programme/activities/A00001",
    "/admin/programme/speakers",
    "/admin/programme/speakers?role=keynote&page=30",
    "/admin/programme/organisations",
    "/admin/programme/organisations?page=300",
    "/admin/programme/organisations?q=house+1999",
    "/admin/programme/organisations/O00001",
    "/admin/programme/organisations/O00001?page=90",
    "/admin/programme/exhibition",
    "/admin/programme/exhibition?page=30",
)


def fill(db: Connection) -> None:
    """A forum twenty times the usual size. The first organisation has 5,000 people."""
    dice = random.Random(1)
    db.executemany(
        "INSERT INTO hall (hall_id, code, names, fire_limit, capacity, zones, sessions_only,"
        " anti_passback, exits) VALUES (?, ?, ?, 900, 800, 1, 1, 'hard', 'strict')",
        [(n, f"H{n}", names_text({"en": f"Hall {n}"})) for n in range(1, HALLS + 1)],
    )
    db.executemany(
        "INSERT INTO organisation (organisation_id, code, names, country, kind)"
        " VALUES (?, ?, ?, ?, ?)",
        [
            (n, f"O{n:05d}", names_text({"en": f"House {n}", "zh": f"第{n}馆"}),
             dice.choice(COUNTRIES), dice.choice(("company", "institute", "government")))
            for n in range(1, ORGANISATIONS + 1)
        ],
    )  # fmt: skip
    serials = dice.sample(range(1, 1 << 24), PEOPLE)
    db.executemany(
        "INSERT INTO attendee (serial, external_id, given_name, family_name, organisation,"
        " country, email, category, valid_days, zones, flags, language, created_at,"
        " organisation_id) VALUES (?, ?, ?, ?, '', ?, ?, 1, 65535, 1, 0, 'en', 0, ?)",
        [
            (serial, f"E{n}", f"Given {n % 997}", f"Family {n % 9973}", dice.choice(COUNTRIES),
             f"p{n}@forum.example", 1 if n < 5_000 else dice.randrange(2, ORGANISATIONS + 1))
            for n, serial in enumerate(serials)
        ],
    )  # fmt: skip
    for n in range(1, ACTIVITIES + 1):
        _activity(db, dice, n, serials)
    db.execute("INSERT INTO area VALUES (1, 'robotics', 1, ?, 27000)", ('{"en": "Robotics"}',))
    stands = range(1, STANDS + 1)
    db.executemany("INSERT INTO exhibitor VALUES (?, ?, ?)", [(n, f"X{n}", n) for n in stands])
    db.executemany(
        "INSERT INTO stand VALUES (?, ?, 1, ?, 9)", [(n, f"S{n:04d}", n) for n in stands]
    )


def _activity(db: Connection, dice: random.Random, number: int, serials: list[int]) -> None:
    """An activity with two hosts, and two sessions with three speakers each."""
    titles = names_text({"en": f"Forum {number}", "zh": f"第{number}场"})
    db.execute(
        "INSERT INTO activity VALUES (?, ?, ?, ?, ?, ?, '', 'en')",
        (number, f"A{number:05d}", dice.choice(KINDS), titles, number % 2, number % 2),
    )
    for role, host in zip(
        ("lead", "co_host"), dice.sample(range(1, ORGANISATIONS), 2), strict=True
    ):
        db.execute("INSERT INTO activity_host VALUES (?, ?, ?)", (number, host, role))
    for session in (2 * number, 2 * number + 1):
        at = NOW + dice.randrange(6 * 24) * HOUR
        db.execute(
            "INSERT INTO session (session_id, code, hall_id, titles, starts_at, ends_at, opens_at,"
            " closes_at, activity_id) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (session, f"S{session}", dice.randrange(1, HALLS + 1), titles, at, at + HOUR, at,
             at + HOUR, number),
        )  # fmt: skip
        db.executemany(
            "INSERT INTO session_speaker VALUES (?, ?, ?, '', '', ?, NULL)",
            [
                (session, at, dice.choice(serials), role)
                for at, role in enumerate(("keynote", "speaker", "panellist"))
            ],
        )


def run() -> dict[str, object]:
    settings = EventSettings(
        name={"en": "Bench"}, time_zone="UTC", first_day=date(2026, 5, 4), days=6, country="CN"
    )
    with TemporaryDirectory() as folder:
        event, _ = init_event(Path(folder) / "event", settings, now=NOW, password_stays=True)
        with Database(event.database_path) as database:
            database.write(fill)
            app = create_app(event, database, now=lambda: NOW)
            app.testing = True
            try:
                client = _signed_in(app.test_client(), database)
                pages = {address: _timed(client, address) for address in PAGES}
            finally:
                close_app(app)
    worst = max(page["cpu_p95_ms"] for page in pages.values())
    return {"people": PEOPLE, "activities": ACTIVITIES, "worst_cpu_p95_ms": worst, "pages": pages}


def _signed_in(client: FlaskClient, database: Database) -> FlaskClient:
    password = os.urandom(12).hex()
    hashed = users.hash_password(password)
    database.write(lambda db: users.add_user(db, "bench", "admin", hashed, by="test", now=NOW))
    _, token = users.sign_in(database, "bench", password, now=NOW)
    client.set_cookie(auth.COOKIE, token, domain="localhost", secure=True, httponly=True)
    return client


def _timed(client: FlaskClient, address: str) -> dict[str, float]:
    """A page's time, and its own CPU within that on a busy machine."""
    took, cpu = [], []
    client.get(address, base_url="https://localhost")  # compiles the template, once for all
    for _ in range(REPEATS):
        began, began_cpu = time.perf_counter(), time.thread_time()
        answer = client.get(address, base_url="https://localhost")
        cpu.append((time.thread_time() - began_cpu) * 1000)
        took.append((time.perf_counter() - began) * 1000)
        if answer.status_code != 200:
            raise RuntimeError(f"{address}: {answer.status}")
    return {
        "p50_ms": round(statistics.median(took), 1),
        "p95_ms": round(statistics.quantiles(took, n=20)[-1], 1),
        "cpu_p50_ms": round(statistics.median(cpu), 1),
        "cpu_p95_ms": round(statistics.quantiles(cpu, n=20)[-1], 1),
    }
