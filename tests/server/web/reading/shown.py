"""Pages of one event that a file's tests only read.

Making an event, an app and a signed-in user takes longer than showing most pages. Tests that change
nothing take `shown` in place of `pages`; a test that does change data fails. A file whose event
needs more than the venue and the roster has a function `prepare` that writes it.
"""

import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from server.core.event.settings import ROLES
from server.storage.database import Database
from server.web import auth, security
from tests.leaks import share
from tests.server.conftest import fill
from tests.server.support.pages import Pages, Staff
from tests.server.support.templates import Templates


@dataclass
class Shown(Pages):
    """Pages with a signed-in user of each role. Each `staff` is a new browser."""

    _tokens: dict[str, str] = field(default_factory=dict)

    def sign_in(self) -> None:
        for role in ROLES:
            cookie = super().staff(role).client.get_cookie(auth.COOKIE)
            assert cookie is not None
            self._tokens[role] = cookie.value

    def staff(self, role: str) -> Staff:
        someone = self.stranger()
        someone.client.set_cookie(
            auth.COOKIE, self._tokens[role], domain="localhost", secure=True, httponly=True
        )
        return someone

    @contextmanager
    def unchanged(self, look: sqlite3.Connection) -> Iterator[None]:
        """Lend the pages to a test. Raises AssertionError if it changed stored data."""
        security.limiter.reset()
        before, now = self._stored(look), self.now
        yield
        self.now = now
        self._known.clear()
        self.database.give_back()
        assert self._stored(look) == before, "this test changed what others read: give it `pages`"

    def _stored(self, look: sqlite3.Connection) -> list[object]:
        """A number that differs after each commit, and the event's files."""
        (commits,) = look.execute("PRAGMA data_version").fetchone()
        return [commits, *sorted(_files(self.event.path, self.database.path.name))]


def _files(path: str | Path, database: str) -> Iterator[tuple[str, int]]:
    """Yield all files and folders with their time of change, except the database's."""
    with os.scandir(path) as entries:
        for entry in entries:
            if entry.name.startswith(database):
                continue
            yield entry.path, entry.stat().st_mtime_ns
            if entry.is_dir():
                yield from _files(entry.path, database)


@pytest.fixture(scope="module")
def kept_pages(
    request: pytest.FixtureRequest, templates: Templates, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Shown, sqlite3.Connection]]:
    event = templates.copy(fill, tmp_path_factory.mktemp("shown") / "event")
    for suffix in ("", "-wal", "-shm"):
        share(event.database_path.with_name(event.database_path.name + suffix))
    with (
        Database(event.database_path) as database,
        Shown(event, database) as pages,
        closing(sqlite3.connect(event.database_path)) as look,
    ):
        write_first(request, pages)
        pages.sign_in()  # type: ignore[attr-defined]
        database.give_back()
        yield pages, look


@pytest.fixture
def shown(
    request: pytest.FixtureRequest,
    engine: str,
    venue_and_roster: None,
    kept_pages: tuple[Shown, sqlite3.Connection],
) -> Iterator[Pages]:
    """Pages that the test only reads. With PostgreSQL it has an event of its own."""
    pages, look = kept_pages
    if engine == "sqlite":
        with pages.unchanged(look):
            yield pages
        return
    event = request.getfixturevalue("event")
    with Pages(event, request.getfixturevalue("database")) as own:
        write_first(request, own)
        yield own


def write_first(request: pytest.FixtureRequest, pages: Pages) -> None:
    if (write := getattr(request.module, "prepare", None)) is not None:
        write(pages)
