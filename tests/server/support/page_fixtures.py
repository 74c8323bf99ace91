"""Fixtures of pages, which the conftests of `web` and `features` take."""

import pickle
from collections.abc import Iterator

import pytest

from server.core.event.directory import Event
from server.storage.database import Database
from server.web import apart
from tests.server.support.pages import Pages, Staff
from tests.server.web.reading.shown import kept_pages as kept_pages
from tests.server.web.reading.shown import shown as shown
from tests.server.web.reading.shown import write_first


@pytest.fixture(autouse=True)
def _apart_is_here(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a quick test's pages read files in this process, without its limits. Long jobs have a
    process of their own.
    """
    in_a_process = apart._run

    def run(job: apart._Job, tell: apart.Tell) -> object:
        if job.tells:
            return in_a_process(job, tell)
        return pickle.loads(pickle.loads(pickle.dumps(job)).outcome(tell)).value()

    if request.node.get_closest_marker("system") is None:
        monkeypatch.setattr(apart, "_run", run)


@pytest.fixture
def pages(request: pytest.FixtureRequest, event: Event, site: Database) -> Iterator[Pages]:
    """Pages of the venue and the roster, and of what the file's function `prepare` writes."""
    with Pages(event, site) as opened:
        write_first(request, opened)
        yield opened


@pytest.fixture
def admin(pages: Pages) -> Staff:
    return pages.staff("admin")
