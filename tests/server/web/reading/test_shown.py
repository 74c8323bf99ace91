"""Tests that share one event's pages are detected if they change data."""

import sqlite3

import pytest

from tests.server.support.pages import Pages
from tests.server.web.reading.shown import Shown


def test_it_works(shown: Pages) -> None:
    assert shown.staff("auditor").get("/admin/entries").status_code == 200
    assert shown.staff("steward").get("/admin/entries").status_code == 403


@pytest.mark.sqlite_alone
def test_what_is_written_is_found(kept_pages: tuple[Shown, sqlite3.Connection]) -> None:
    pages, look = kept_pages
    with pytest.raises(AssertionError, match="changed what others read"), pages.unchanged(look):
        pages.database.write(lambda db: db.execute("UPDATE attendee SET organisation = 'x'") and 0)
    with pages.unchanged(look):
        assert pages.serial("A1") > 0
    with pytest.raises(AssertionError, match="changed what others read"), pages.unchanged(look):
        (pages.event.path / "more").write_text("a file")
    (pages.event.path / "more").unlink()
