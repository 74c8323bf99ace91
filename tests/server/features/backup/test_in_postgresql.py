"""An event in PostgreSQL: its backups are PostgreSQL's, and no page proposes a second disk."""

from dataclasses import replace
from pathlib import Path

import pytest

from server.app.app import close_app
from server.app.wsgi import open_app
from server.console import opened
from server.core.alerts.server import of_server
from server.core.alerts.sources import AlertContext
from server.core.event.directory import Event
from server.core.second_disk.copy import check_directory
from server.features.backup.steps import steps
from server.web.services import services_of
from tests.server.conftest import NOW, ROSTER
from tests.server.support.console import Console
from tests.server.support.pages import Pages

pytestmark = [
    pytest.mark.parametrize("engine", ["postgresql"], indirect=True),
    pytest.mark.sqlite_alone,  # These tests choose their engine themselves.
]
PAGE = "/admin/backup"


def test_the_page_explains_and_sets_no_second_disk(
    pages: Pages, event: Event, tmp_path: Path
) -> None:
    before = (event.path / "event.toml").read_bytes()
    admin = pages.known("admin")
    page = admin.get(PAGE).text
    assert "This event is in PostgreSQL, whose own tools back it up: pg_dump" in page
    assert f'action="{PAGE}' not in page
    assert "Remove" not in page
    refused = admin.post(f"{PAGE}/disk", {"directory": str(tmp_path / "second")})
    assert refused.status_code == 400
    assert "Nothing was changed: this event is in PostgreSQL" in refused.text
    assert not (tmp_path / "second").exists()
    assert (event.path / "event.toml").read_bytes() == before


def test_a_backup_directory_in_the_settings(pages: Pages, event: Event, tmp_path: Path) -> None:
    assert check_directory(event) == ""
    settings = replace(event.settings, backup_dir=str(tmp_path))
    assert "pg_dump" in check_directory(replace(event, settings=settings))
    with Pages(replace(event, settings=settings), pages.database, NOW) as again:
        page = again.staff("admin").get(PAGE).text
    assert 'Remove <span class="code">backup_dir</span> from event.toml' in page


def test_a_second_disk_from_before_the_move_hinders_nothing(
    filled: Console, tmp_path: Path
) -> None:
    """It is still named in the settings: commands and a running server change what it had kept."""
    old = tmp_path / "20260501-080000Z"
    old.mkdir()
    file = filled.event.path / "event.toml"
    (old / "event.toml").write_bytes(file.read_bytes())
    file.write_text(f'backup_dir = "{tmp_path}"\n' + file.read_text("utf-8"), "utf-8")
    hall = "UPDATE hall SET capacity = 3 WHERE hall_id = 1"
    with opened(filled.event.path) as (_, database):
        database.write(lambda db: db.execute(hall) and None)
    app = open_app(filled.event.path)
    try:
        here = services_of(app)
        here.database.write(lambda db: db.execute(hall) and None)
        assert here.backups is None
    finally:
        close_app(app)
        here.database.close()
    changed = filled.file("r.csv", ROSTER.replace("Harbour", "Port"))
    output = filled("import", changed).output
    assert "No backup was made before this import: this event is in PostgreSQL" in output
    output = filled(*"person erase --attendee A1 --yes --delete-backups".split()).output
    assert "1 backup from before still has all of it" in output
    assert "Deleted 1 backup." in output
    assert not old.exists()


def test_no_alert_and_no_step_asks_for_a_second_disk(pages: Pages, event: Event) -> None:
    here = services_of(pages.app)
    with here.database.reading() as db:
        alerts = of_server(AlertContext(db, event, NOW, here))
    assert "no_second_disk" not in {alert.about for alert in alerts}
    assert steps(here) == ()


@pytest.mark.parametrize("to", [(), (".",)])
def test_the_command_explains(console: Console, to: tuple[str, ...]) -> None:
    output = console("backup", *to, status=1).output
    assert "this event is in PostgreSQL, whose own tools back it up: pg_dump" in output
