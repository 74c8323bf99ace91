"""Fixtures of pages, which the conftests of `web` and `features` take."""

import pickle

import pytest

from server.web import apart
from tests.server.web.reading.shown import kept_pages as kept_pages
from tests.server.web.reading.shown import shown as shown


@pytest.fixture(autouse=True)
def _apart_is_here(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a quick test's pages read files in this process, without its limits."""

    def run(job: bytes) -> bytes:
        _, work = pickle.loads(job)
        return apart._answer(work)

    if request.node.get_closest_marker("system") is None:
        monkeypatch.setattr(apart, "_run", run)
