"""An event whose directory is named by a relative path, as README does: `serve --event forum`."""

from pathlib import Path

import pytest

from server.core.event.directory import Event, load_event
from server.features.cards.pages.printing import KIND
from server.storage.database import Database
from server.web.jobs import State, jobs_of
from server.web.services import services_of
from tests.server.support.pages import Pages, acts
from tests.waiting import LONGEST_S

pytestmark = pytest.mark.sqlite_alone


@pytest.fixture
def relative(event: Event, site: Database, monkeypatch: pytest.MonkeyPatch) -> Pages:
    monkeypatch.chdir(event.path.parent)
    return Pages(load_event(Path(event.path.name)), site)


def test_its_cards_and_backup_are_downloaded(relative: Pages, tmp_path: Path) -> None:
    with relative as pages:
        pages.issue()
        admin = pages.known("admin")
        jobs = jobs_of(services_of(pages.app))
        for start, fields, kind, download in (
            ("cards/print/start", {"who": "all"}, KIND, "cards/print/cards.pdf"),
            ("backup/make", {"confirm": "yes"}, "backup to download", "backup/backup.tar"),
        ):
            admin.post(f"/admin/{start}", fields)
            job = jobs.own(kind)
            assert job is not None
            assert job.ended.wait(LONGEST_S)
            assert job.state is State.READY
            answer = admin.post(f"/admin/{download}", buffered=True)
            assert (download, answer.status_code) == (download, 200)
        assert {"badges_printed", "backup_made"} <= set(acts(pages))


def test_its_paths_are_absolute(event: Event, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(event.path.parent)
    loaded = load_event(Path(event.path.name))
    assert loaded.path == event.path
    assert loaded.database_path.is_absolute()
