"""Shared by the tests of `server`: a small event, its database, a time, a venue and a roster."""

import os
from collections.abc import Iterator
from datetime import date
from functools import partial
from pathlib import Path

import argon2
import pytest

from badges.categories import DEFAULT_CATEGORIES
from badges.roster.reader import Roster, read_roster
from server.app.new_event import init_event
from server.core.event.directory import Event, load_event
from server.core.event.settings import EventSettings
from server.core.staff import users
from server.features.imports.roster_import import import_roster
from server.features.imports.venue_file import read_venue
from server.features.imports.venue_import import import_venue
from server.features.imports.venue_plan import Venue
from server.storage.database import Database
from tests.server.support.apps import _apps_are_reused as _apps_are_reused
from tests.server.support.apps import _free_apps as _free_apps
from tests.server.support.apps import own_app as own_app
from tests.server.support.console import Console
from tests.server.support.postgresql import engines
from tests.server.support.postgresql.cluster import MISSING, binaries
from tests.server.support.postgresql.databases import Databases
from tests.server.support.templates import STARTS, Templates, nothing

NOW = 1_777_860_000_000  # 2026-05-04 10:00 in Shanghai, the event's first morning
MINUTE = 60_000
HOUR = 60 * MINUTE


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    engines.parametrize(metafunc)


@pytest.fixture(scope="session", autouse=True)
def cheap_passwords() -> Iterator[None]:
    """argon2 at its cheapest: real parameters cost 64 MiB and 50 ms for each password."""
    kept = users.HASHER
    users.HASHER = argon2.PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
    yield
    users.HASHER = kept


SETTINGS = EventSettings(
    name={"en": "Harbour Forum", "zh": "海港论坛"},
    time_zone="Asia/Shanghai",
    first_day=date(2026, 5, 4),
    days=3,
    public_host="localhost",
    host="127.0.0.1",
    port=8443,
)


@pytest.fixture(scope="session")
def settings() -> EventSettings:
    return SETTINGS


@pytest.fixture(scope="session")
def _empty_event(
    settings: EventSettings, tmp_path_factory: pytest.TempPathFactory, cheap_passwords: None
) -> tuple[Event, str]:
    """A new event, and the password of its user `admin`."""
    path = tmp_path_factory.mktemp("template") / "event"
    _, password = init_event(path, settings, now=NOW - 24 * HOUR, password_stays=True)
    return load_event(path), password


@pytest.fixture(scope="session")
def templates(
    _empty_event: tuple[Event, str], tmp_path_factory: pytest.TempPathFactory
) -> Templates:
    return Templates(_empty_event[0], tmp_path_factory.mktemp("templates"))


@pytest.fixture
def engine(request: pytest.FixtureRequest) -> str:
    """The engine of the test's event. `engines.py` names the tests that run on both."""
    return str(getattr(request, "param", "sqlite"))


@pytest.fixture
def event(
    request: pytest.FixtureRequest, templates: Templates, tmp_path: Path, engine: str
) -> Iterator[Event]:
    """A new event: default categories and the user `admin`, or the result of a function of
    `STARTS`.
    """
    start = next((STARTS[name] for name in request.fixturenames if name in STARTS), nothing)
    event = templates.copy(start, tmp_path / "event")
    if engine == "sqlite":
        yield event
        return
    event.database_path.unlink()
    databases: Databases = request.getfixturevalue("postgres")
    with databases.event(event.path, start):
        yield event
    # A test that opens an SQLite file makes an empty one.
    assert not event.database_path.exists(), "this test looked for the event in SQLite"


@pytest.fixture(scope="session")
def postgres(templates: Templates) -> Iterator[Databases]:
    """PostgreSQL with databases for events."""
    if binaries() is None:
        pytest.skip(MISSING)
    with Databases(templates) as databases:
        yield databases


@pytest.fixture
def admin_password(_empty_event: tuple[Event, str]) -> str:
    return _empty_event[1]


@pytest.fixture
def database(event: Event) -> Iterator[Database]:
    with Database(event.database_path) as opened:
        yield opened


VENUE = """
[[zone]]
bit = 0
code = "public"

[[zone]]
bit = 1
code = "backstage"

[[hall]]
code = "site"
name = "Harbour Centre"
name_zh = "海港中心"
capacity = 500

[[hall]]
code = "h1"
name = "Hall 1"
name_zh = "一号厅"
capacity = 100
fire_limit = 120
parent = "site"
sessions_only = true

[[hall]]
code = "green"
name = "Green Room"
capacity = 10
categories = ["speaker", "staff"]
zones = ["backstage"]
anti_passback = "soft"

[[door]]
code = "main"
hall = "site"
name = "Main entrance"

[[door]]
code = "h1-west"
hall = "h1"
from = "site"
name = "Hall 1 west"
name_zh = "一号厅西门"

[[door]]
code = "green-door"
hall = "green"
name = "Green Room door"
mode = "entry"

[[session]]
code = "opening"
hall = "h1"
title = "Opening"
title_zh = "开幕式"
starts = "2026-05-04 11:00"
ends = "2026-05-04 12:00"

[[session]]
code = "press"
hall = "h1"
title = "Press hour"
starts = "2026-05-04 13:00"
ends = "2026-05-04 14:00"
opens_before_min = 10
closes_after_min = 5
categories = ["press"]
"""

ROSTER = """\
id,given name,family name,organisation,country,email,category,days,zones,invitations,language
A1,Anna,Keller,Harbour Pilots,DE,anna@example.org,delegate,,,,en
A2,小明,王,海事大学,CN,xiaoming@example.org,speaker,,,,zh
A3,Boris,Novak,Daily Anchor,SI,boris@example.org,press,1,public,,en
A4,Chen,Lee,,SG,chen@example.org,visitor,1-2,public,press,en
"""


def venue_of(event: Event, text: str = VENUE) -> Venue:
    return read_venue(text.encode(), "venue.toml", event.settings)


def roster_of(text: str = ROSTER) -> Roster:
    keys = [category.key for category in DEFAULT_CATEGORIES]
    return read_roster(text.encode(), "roster.csv", categories=keys, days=3, language="")


def fill(event: Event, database: Database) -> None:
    database.write(lambda db: import_venue(db, venue_of(event), by="test", now=NOW))
    take = partial(import_roster, roster=roster_of(), skip_bad=False, by="test", now=NOW)
    database.write(lambda db: take(db, random=os.urandom))


STARTS["venue_and_roster"] = fill


@pytest.fixture
def venue_and_roster() -> None:
    """Let the event begin with the venue and the roster above."""


@pytest.fixture
def site(database: Database, venue_and_roster: None) -> Database:
    """The event's database with the venue and the roster above, and no badges."""
    return database


def serial_of(database: Database, external_id: str) -> int:
    """The serial of the attendee with this id."""
    query = "SELECT serial FROM attendee WHERE external_id = ?"
    return int(database.reader.execute(query, (external_id,)).fetchone()[0])


@pytest.fixture
def console(event: Event, tmp_path: Path) -> Console:
    return Console(tmp_path, event)


def fill_by_commands(event: Event, _: Database) -> None:
    console = Console(event.path.parent, event)
    console("import-venue", console.file("venue.toml", VENUE))
    console("import", console.file("roster.csv", ROSTER))
    console("issue")


STARTS["filled"] = fill_by_commands


@pytest.fixture
def filled(console: Console) -> Console:
    """With venue, roster and badges."""
    return console
