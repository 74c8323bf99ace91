"""What pages say while the second disk is away: what was refused, and what is on one disk."""

from dataclasses import replace
from pathlib import Path

import pytest

from server.core.second_disk.copy import Backups
from server.web.services import keep_services, services_of
from tests.server.features.editing.test_editing import address, fields
from tests.server.support.pages import Pages

pytestmark = pytest.mark.sqlite_alone


def lose_second_disk(pages: Pages, second: Path) -> None:
    """Let the app have a second disk, which is then taken away."""
    here = services_of(pages.app)
    named = replace(pages.event, settings=replace(pages.event.settings, backup_dir=str(second)))
    backups = Backups(named, pages.database, here.now)
    backups.keep_acts()
    keep_services(pages.app, replace(here, backups=backups))
    second.rename(second.with_name("away"))


@pytest.fixture
def second(tmp_path: Path) -> Path:
    folder = tmp_path / "second"
    folder.mkdir()
    return folder


def test_who_lowers_a_capacity_is_told_why_not(pages: Pages, second: Path) -> None:
    lose_second_disk(pages, second)
    hall = "/admin/halls/2"
    before = pages.database.reader.execute("SELECT * FROM hall").fetchall()
    answer = pages.known("admin").post(f"{hall}/capacity", {"capacity": "3"}, follow_redirects=True)
    assert "So this was not done" in answer.text
    assert "choose another on the page Backups" in answer.text
    assert pages.database.reader.execute("SELECT * FROM hall").fetchall() == before


def test_who_edits_the_venue_too(pages: Pages, second: Path) -> None:
    """The form handles this error nowhere: every page does."""
    pages.kiosk("west-1", "h1-west")
    lose_second_disk(pages, second)
    admin = pages.known("admin")
    target = address(pages, "hall", "h1")
    answer = admin.post(target, {**fields(admin.get(target).text), "capacity": "90"})
    assert answer.status_code == 503
    assert "The second disk takes no changes" in answer.text
    assert "So this was not done" in answer.text


def test_who_closes_a_hall_is_told_that_it_is_on_one_disk(pages: Pages, second: Path) -> None:
    lose_second_disk(pages, second)
    supervisor = pages.known("supervisor")
    answer = supervisor.post("/admin/halls/2/close", follow_redirects=True)
    assert "The hall is closed" in answer.text
    assert "on one disk only" in answer.text
    assert "on one disk only" not in supervisor.get("/admin/halls/2").text
