"""The page for the second disk, a backup now, and a backup to download."""

import io
import tarfile
from dataclasses import replace
from pathlib import Path
from threading import Event as Flag

import pytest

from server.core.event.directory import Event, load_event
from server.core.second_disk.copy import Backups, backups, make_backup
from server.features.backup.restore import NoActsError, restore
from server.storage.database import Database
from server.web.jobs import OwnJob, State, jobs_of
from server.web.services import keep_services, services_of
from tests.server.conftest import MINUTE, NOW
from tests.server.features.backup.conftest import LATER
from tests.server.support.pages import Pages, acts, assert_only
from tests.unpacking import unpack
from tests.waiting import LONGEST_S

pytestmark = pytest.mark.sqlite_alone
PAGE = "/admin/backup"


def ended(pages: Pages, kind: str) -> OwnJob:
    job = jobs_of(services_of(pages.app)).own(kind)
    assert job is not None
    assert job.ended.wait(LONGEST_S)
    return job


def test_a_second_disk_is_used_after_a_restart(
    pages: Pages, event: Event, site: Database, tmp_path: Path
) -> None:
    restarted = Flag()
    keep_services(pages.app, replace(services_of(pages.app), restart=restarted.set))
    admin = pages.known("admin")
    assert "No backups are made" in admin.get(PAGE).text
    directory = tmp_path / "second" / "forum"
    directory.parent.mkdir()
    admin.post(f"{PAGE}/disk", {"directory": str(directory)})
    assert restarted.wait(LONGEST_S)
    assert directory.stat().st_mode & 0o077 == 0
    assert "The server starts again now" in admin.get(PAGE).text
    assert "second_disk_set" in acts(pages)
    assert "# Whether the badge desk takes photos" in (event.path / "event.toml").read_text()
    with Pages(load_event(event.path), site, pages.now) as again:
        here = services_of(again.app)
        made = Backups(here.event, site, here.now)
        keep_services(again.app, replace(here, backups=made))
        admin = again.staff("admin")
        admin.post(f"{PAGE}/now")
        assert ended(again, "backup to the second disk").state is State.READY
        assert len(backups(directory)) == 1
        assert str(directory) in admin.get(PAGE).text
        assert "backup_made" in acts(again)


def test_the_former_disk_keeps_no_acts(event: Event, site: Database, tmp_path: Path) -> None:
    """They would lack a kiosk that is confirmed later, whose places a restored server must know."""
    former, other = tmp_path / "former", tmp_path / "other"
    former.mkdir()
    named = replace(event, settings=replace(event.settings, backup_dir=str(former)))
    made = Backups(named, site, lambda: NOW)
    made.keep_acts()
    copy = make_backup(named, former, NOW).path
    with Pages(named, site) as pages:
        keep_services(pages.app, replace(services_of(pages.app), backups=made))
        pages.known("admin").post(f"{PAGE}/disk", {"directory": str(other)})
        pages.kiosk("west-1", "h1-west")
    with pytest.raises(NoActsError):
        restore(copy, tmp_path / "new", now=LATER)
    done = restore(copy, tmp_path / "new", now=LATER, acts_file=other / "acts.sqlite")
    assert done.gained["kiosk"] == 1
    assert [kiosk.kiosk for kiosk in done.awaited] == ["west-1"]


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("second/forum", "Type a directory from / on"),
        ("{event}/backups", "outside that of the event"),
        ("{tmp}/not/there", "Is the disk mounted?"),
        ("{tmp}/file", "there is no directory"),
        ("{tmp}/a\nb", "Type a directory from / on"),
    ],
)
def test_a_wrong_directory_changes_nothing(
    pages: Pages, event: Event, tmp_path: Path, name: str, words: str
) -> None:
    (tmp_path / "file").write_text("x")
    before = (event.path / "event.toml").read_bytes()
    admin = pages.known("admin")
    typed = name.format(event=event.path, tmp=tmp_path)
    answer = admin.post(f"{PAGE}/disk", {"directory": typed})
    assert answer.status_code == 400
    assert words in answer.text
    assert f'name="directory" value="{typed}"' in answer.text
    assert (event.path / "event.toml").read_bytes() == before
    assert "second_disk_set" not in acts(pages)


def test_a_download_can_be_restored(pages: Pages, tmp_path: Path) -> None:
    admin = pages.known("admin")
    assert admin.post(f"{PAGE}/make").status_code == 303
    assert "tick the box" in admin.get(PAGE).text
    admin.post(f"{PAGE}/make", {"confirm": "yes"})
    job = ended(pages, "backup to download")
    assert job.path.stat().st_mode & 0o077 == 0
    assert [path.name for path in job.path.parent.iterdir()] == [job.path.name]
    answer = admin.post(f"{PAGE}/backup.tar", buffered=True)
    with tarfile.open(fileobj=io.BytesIO(answer.data)) as tar:
        unpack(tar, tmp_path / "unpacked")
    (unpacked,) = (tmp_path / "unpacked").iterdir()
    done = restore(unpacked, tmp_path / "again", now=pages.now, without_acts=True)
    assert done.event.event_id == pages.event.event_id
    assert acts(pages).count("backup_made") == 1
    other = pages.staff("admin")
    assert other.post(f"{PAGE}/backup.tar", buffered=True).status_code == 303


def test_admins_alone_with_their_password(pages: Pages) -> None:
    assert_only(pages, PAGE)
    admin = pages.known("admin")
    pages.now += 16 * MINUTE
    for path, fields in (("disk", {"directory": "/x"}), ("make", {"confirm": "yes"})):
        assert "/admin/account/confirm" in admin.post(f"{PAGE}/{path}", fields).location
