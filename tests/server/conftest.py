"""What the tests of `server` share: a small event, its database, a time, a venue and a roster."""

import os
from collections.abc import Iterator
from dataclasses import dataclass, replace
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
from tests.once import beginnings
from tests.once.databases import slots
from tests.once.databases.slots import kept_databases as kept_databases
from tests.once.databases.slots import own_database as own_database
from tests.once.folders import Folder
from tests.once.pages.apps import apps_are_made_once as apps_are_made_once
from tests.once.pages.apps import own_app as own_app
from tests.once.pages.compiled import templates_are_compiled_once as templates_are_compiled_once
from tests.once.schema import new_tables_are_copied as new_tables_are_copied
from tests.server.support.console import Console
from tests.server.support.postgresql import engines, lines
from tests.server.support.postgresql.cluster import MISSING, binaries
from tests.server.support.postgresql.databases import Databases

NOW = 1_777_860_000_000  # 2026-05-04 10:00 in Shanghai, the event's first morning
MINUTE = 60_000
HOUR = 60 * MINUTE


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    engines.parametrize(metafunc)


@pytest.fixture(scope="session", autouse=True)
def cheap_passwords() -> Iterator[None]:
    """argon2 as cheap as it can be: real parameters cost 64 MiB and 50 ms for each password."""
    kept = users.HASHER
    users.HASHER = argon2.PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
    yield
    users.HASHER = kept


@pytest.fixture(scope="session")
def settings() -> EventSettings:
    return EventSettings(
        name={"en": "Harbour Forum", "zh": "海港论坛"},
        time_zone="Asia/Shanghai",
        first_day=date(2026, 5, 4),
        days=3,
        public_host="localhost",
        host="127.0.0.1",
        port=8443,
    )


@dataclass(frozen=True)
class Template:
    """An event that each test gets a copy of, as it was made and as it was loaded."""

    event: Event
    password: str
    folder: Folder


@pytest.fixture(scope="session")
def _template(
    settings: EventSettings, tmp_path_factory: pytest.TempPathFactory, cheap_passwords: None
) -> Template:
    path = tmp_path_factory.mktemp("template") / "event"
    _, password = init_event(path, settings, now=NOW - 24 * HOUR, password_stays=True)
    return Template(load_event(path), password, Folder.read(path))


@pytest.fixture(scope="session")
def _filled_database(_template: Template, tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """The file of an event with the venue and the roster below."""
    path = tmp_path_factory.mktemp("filled") / "event"
    _template.folder.write(path)
    event = replace(_template.event, path=path)
    with Database(event.database_path) as opened:
        fill(event, opened)
    return event.database_path.read_bytes()


@pytest.fixture
def engine(request: pytest.FixtureRequest) -> str:
    """Which engine keeps the test's event. `engines.py` says which tests have both."""
    return str(getattr(request, "param", "sqlite"))


@pytest.fixture
def event(
    _template: Template, tmp_path: Path, request: pytest.FixtureRequest, engine: str
) -> Iterator[Event]:
    """A new event: default categories, the user `admin`, nothing else.

    For a test with the `site` below it has that from the beginning.
    """
    path = tmp_path / "event"
    copy = replace(_template.event, path=path, badge_keys=dict(_template.event.badge_keys))
    filled = "_filled_database" in request.fixturenames
    begun = None
    if engine != "postgresql":
        begun = beginnings.database(request, _template.event, _template.folder)
        if begun is None and filled:
            begun = request.getfixturevalue("_filled_database")
    name = copy.database_path.name
    if engine != "postgresql" and slots.suit(request):
        _template.folder.write(path, without=name)
        kept: slots.Slots = request.getfixturevalue("kept_databases")
        kept.lend(copy.database_path, begun or _template.folder.bytes_of(name))
        yield copy
        left = kept.give_back(copy.database_path)
        assert not left, f"left behind: {', '.join(left)}"
        return
    _template.folder.write(path, **({} if begun is None else {name: begun}))
    if engine == "postgresql":
        copy.database_path.unlink()
        databases: Databases = request.getfixturevalue("postgres")
        with databases.event(path, filled=filled, keeps_lines=lines.suit(request)):
            yield copy
        # A test that looks into a file of SQLite makes one, and finds nothing in it.
        assert not copy.database_path.exists(), "this test looked for the event in SQLite"
        return
    yield copy


@pytest.fixture(scope="session")
def postgres(_template: Template, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Databases]:
    """PostgreSQL with databases for events, as they are made and with the site below."""
    if binaries() is None:
        pytest.skip(MISSING)
    with Databases(_template.event, fill, tmp_path_factory.mktemp("postgres")) as made:
        yield made


@pytest.fixture
def admin_password(_template: Template) -> str:
    return _template.password


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


@pytest.fixture
def site(database: Database, _filled_database: bytes) -> Database:
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


beginnings.WRITTEN["filled"] = fill_by_commands


@pytest.fixture
def filled(request: pytest.FixtureRequest, console: Console) -> Console:
    """With venue, roster and badges."""
    if not beginnings.is_begun(request):
        with Database(console.event.database_path) as database:
            fill_by_commands(console.event, database)
    return console
