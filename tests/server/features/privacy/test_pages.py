"""The pages of retention and of one person's data: roles, texts and effects."""

import io
import json
import re
import sqlite3
import zipfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from werkzeug.test import TestResponse

from badges.credential.badge_number import badge_number
from server.core.event import retention as clocks
from server.core.event.directory import Event
from server.core.people import attendees
from server.core.second_disk.copy import make_backup
from server.features.backup.pages import TO_DOWNLOAD
from server.features.cards.pages.printing import KIND as CARDS
from server.features.privacy import erase
from server.features.privacy.pages import pages as erasure_pages
from server.storage import database_file
from server.storage.database import Database
from server.web.apart import ApartError
from server.web.jobs import jobs_of
from server.web.services import services_of
from tests.server.conftest import MINUTE, NOW
from tests.server.features.privacy.conftest import Forum
from tests.server.support.disks.full_commit import full_at_commit
from tests.server.support.pages import Pages, Staff, acts
from tests.waiting import LONGEST_S

HOME = "/admin/privacy/"


@pytest.fixture
def pages(event: Event, site: Database, tmp_path: Path) -> Iterator[Pages]:
    (tmp_path / "second").mkdir()
    settings = replace(event.settings, backup_dir=str(tmp_path / "second"))
    with Pages(replace(event, settings=settings), site) as opened:
        opened.issue()
        yield opened


def number(pages: Pages) -> str:
    return badge_number(pages.serial("A1"))


def opened(admin: Staff, person: str) -> dict[str, object]:
    """The form of a person's page, confirmed."""
    return {**admin.fields_shown(person, f"{person}/erase"), "confirm": "yes"}


def confirmed(pages: Pages) -> Staff:
    """Staff who have just signed in with their password."""
    return pages.staff("admin")


def test_the_password_is_asked_before_anything_leaves(pages: Pages) -> None:
    admin, person = pages.staff("admin"), f"{HOME}person/{number(pages)}"
    pages.now += 16 * MINUTE
    for target in (f"{HOME}clocks", f"{person}/export.zip", f"{person}/erase"):
        answer = admin.post(target, {"confirm": "yes", "people": "0"})
        assert answer.location.startswith("/admin/account/confirm")
    assert clocks.settings(pages.database.reader) == {}
    assert pages.serial("A1")


def test_export(pages: Pages) -> None:
    answer = confirmed(pages).post(f"{HOME}person/{number(pages)}/export.zip")
    whole = json.loads(zipfile.ZipFile(io.BytesIO(answer.data)).read("person.json"))
    assert whole["tables"]["attendee"][0]["email"] == "anna@example.org"
    assert acts(pages)[-1] == "person_exported"


@pytest.mark.system
@pytest.mark.sqlite_alone
def test_it_says_first_what_it_does_and_then_does_it(pages: Pages) -> None:
    admin, person = confirmed(pages), f"{HOME}person/{number(pages)}"
    make_backup(pages.event, pages.event.backup_path, NOW)
    page = admin.get(person).text
    for phrase in ("Keller", "Badges", "Backups from before still have this person: 1."):
        assert phrase in page
    assert (
        "Nothing was changed: tick the box"
        in admin.post(f"{person}/erase", {}, follow_redirects=True).text
    )
    assert pages.serial("A1")
    answer = admin.post(
        f"{person}/erase", opened(admin, person) | {"backups": "yes"}, follow_redirects=True
    )
    assert "is erased." in answer.text
    assert "still contains" not in answer.text
    assert admin.get(person).status_code == 404
    held = b"".join(
        path.read_bytes()
        for folder in (pages.event.path, pages.event.backup_path)
        for path in folder.rglob("*")
        if path.is_file()
    )
    assert b"anna@example.org" not in held
    assert acts(pages)[-2:] == ["person_erased", "backups_deleted"]


@pytest.mark.system
@pytest.mark.sqlite_alone
def test_prepared_downloads_are_dropped(pages: Pages) -> None:
    """The cards' PDF and a backup, which still had the person. Backups are deleted too."""
    admin = confirmed(pages)
    cards, backup = "/admin/cards/print", "/admin/backup"
    admin.post(f"{cards}/start", {"who": "all"})
    admin.post(f"{backup}/make", {"confirm": "yes"})
    with pages.app.app_context():
        made = jobs_of(services_of(pages.app))
    files = [made.own(kind) for kind in (CARDS, TO_DOWNLOAD)]
    for job in files:
        assert job.ended.wait(LONGEST_S)
        assert job.path.exists()
    person = f"{HOME}person/{number(pages)}"
    answer = admin.post(
        f"{person}/erase", opened(admin, person) | {"backups": "yes"}, follow_redirects=True
    )
    assert "still contains" not in answer.text
    assert [job.path.exists() for job in files] == [False, False]
    for page, name in ((cards, "cards.pdf"), (backup, "backup.tar")):
        for _ in range(2):
            answer = admin.post(f"{page}/{name}", follow_redirects=True)
            assert "There is no such file any more: make it again." in answer.text
        assert "Make the file again." in admin.get(page).text
    done = acts(pages)
    assert {"badges_printed", "backup_made"} & set(done) == set()
    assert "请重新生成该文件。" in admin.get(f"{cards}?lang=zh").text
    admin.post(f"{cards}/start", {"who": "all"})
    again = made.own(CARDS)
    assert again.ended.wait(LONGEST_S)
    admin.post(f"{cards}/cards.pdf", buffered=True)
    assert acts(pages).count("badges_printed") == 1


@pytest.mark.parametrize("repository", [None, "sftp:backup@nas.example.org:/srv/forum"])
def test_it_says_that_copies_elsewhere_still_have_the_person(
    event: Event, site: Database, tmp_path: Path, repository: str | None
) -> None:
    settings = replace(event.settings, backup_dir=str(tmp_path), backup_repository=repository)
    with Pages(replace(event, settings=settings), site) as pages:
        page = confirmed(pages).get(f"{HOME}person/{number(pages)}").text
    assert ("repository of backups still has this person" in page) is (repository is not None)


@pytest.mark.sqlite_alone
def test_an_erasure_whose_commit_fails_has_deleted_no_file(
    forum: Forum, monkeypatch: pytest.MonkeyPatch
) -> None:
    admin = confirmed(forum.pages)
    monkeypatch.setattr(erasure_pages, "_left", lambda _: [])
    uploads = forum.event.path / "uploads"
    uploads.mkdir(exist_ok=True)
    (uploads / "roster").write_text("Wilhelmina,Quartermaine", "utf-8")
    holder = attendees.attendee(forum.database.reader, forum.serial)
    person = f"{HOME}person/{holder.number}"
    files = [forum.event.path / "cards/photos/REG-ZQ-90417.jpg", uploads / "roster"]
    with full_at_commit(forum.database):
        answer = admin.post(f"{person}/erase", opened(admin, person))
    assert answer.status_code in (503, 507)
    assert "Nothing was changed" in answer.text
    assert [path.name for path in files if not path.exists()] == []
    admin.post(f"{person}/erase", opened(admin, person))
    assert [path.name for path in files if path.exists()] == []


@pytest.mark.sqlite_alone
def test_an_erasure_deletes_only_what_its_page_named(
    forum: Forum, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(erasure_pages, "_left", lambda _: [])
    admin = confirmed(forum.pages)
    holder = attendees.attendee(forum.database.reader, forum.serial)
    person = f"{HOME}person/{holder.number}"
    form = opened(admin, person)
    uploads = forum.event.path / "uploads"
    uploads.mkdir(exist_ok=True)
    upload = uploads / "roster-of-a-colleague"
    upload.write_text("not imported yet", "utf-8")
    make_backup(forum.event, forum.backups, NOW)
    page = admin.post(f"{person}/erase", form | {"backups": "yes"}, follow_redirects=True).text
    assert "Nothing was changed: meanwhile this has changed. New: backup " in page
    assert "an uploaded file" in page
    assert upload.exists()
    assert erase.old_backups(forum.event)
    assert admin.get(person).status_code == 200
    admin.post(f"{person}/erase", opened(admin, person) | {"backups": "yes"})
    assert not upload.exists()
    assert erase.old_backups(forum.event) == []


@pytest.mark.sqlite_alone
def test_an_erasure_says_that_it_was_done_whatever_fails_after_it(
    pages: Pages, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise sqlite3.OperationalError("database or disk is full")

    def failing(*_: object, **__: object) -> None:
        raise PermissionError

    def busy(*_: object) -> None:
        raise ApartError("busy")

    make_backup(pages.event, pages.event.backup_path, NOW)
    admin, person = confirmed(pages), f"{HOME}person/{number(pages)}"
    monkeypatch.setattr(database_file, "written_anew", full)
    monkeypatch.setattr(erase, "delete_backups", failing)
    monkeypatch.setattr(erasure_pages, "work_apart", busy)
    answer = admin.post(
        f"{person}/erase", opened(admin, person) | {"backups": "yes"}, follow_redirects=True
    )
    assert answer.status_code == 200
    for phrase in (
        "is erased.",
        "The database&#39;s file was not rewritten.",
        "Not all backups from before could be deleted.",
        "files were not searched",
    ):
        assert phrase in answer.text
    assert admin.get(person).status_code == 404


def test_who_is_inside(pages: Pages) -> None:
    door = pages.connected_kiosk("north", "main")
    pages.send(door)
    door.scan(NOW, pages.serial("A1"))
    pages.send(door)
    admin, person = confirmed(pages), f"{HOME}person/{number(pages)}"
    why = "this person is counted in a hall. Wait until they left"
    page = admin.get(person).text
    assert why in page
    assert "/erase" not in page
    assert why in admin.post(f"{person}/erase", {"confirm": "yes"}, follow_redirects=True).text
    assert pages.serial("A1")
    assert "此人仍计入某会场" in admin.get(f"{person}?lang=zh").text


def mark(admin: Staff) -> str:
    return re.search(r'name="seen" value="(\w+)"', admin.get(HOME).text)[1]


def put(admin: Staff, **fields: str) -> TestResponse:
    fields = {"seen": mark(admin), **fields}
    return admin.post(f"{HOME}clocks", fields, follow_redirects=True)


def test_clocks_are_set_and_stopped(pages: Pages) -> None:
    admin = confirmed(pages)
    put(admin, contact="30", mails=" ")
    stored = clocks.settings(pages.database.reader)
    assert {kind: clock.days for kind, clock in stored.items()} == {"contact": 30}
    page = admin.get(f"{HOME}?count=1").text
    assert 'value="30"' in page
    assert "0 now" in page
    answer = put(admin, contact="soon")
    assert "days are whole numbers" in answer.text
    answer = put(admin, contact="5000")
    assert "from 0 to 3,650" in answer.text
    assert clocks.settings(pages.database.reader)["contact"].days == 30
    put(admin)
    assert clocks.settings(pages.database.reader) == {}


@pytest.mark.parametrize("wrong", ["soon", "3651", "３０"])
def test_a_refused_form_of_clocks_stays_as_it_was_typed(pages: Pages, wrong: str) -> None:
    admin = confirmed(pages)
    put(admin, mails="90")
    answer = put(admin, contact="30", photos=wrong, mails="")
    assert answer.status_code == 400
    shown = dict(re.findall(r' name="(\w+)" inputmode[^>]* value="([^"]*)"', answer.text))
    assert {kind: days for kind, days in shown.items() if days} == {
        "contact": "30",
        "photos": wrong,
    }
    assert re.findall(r'id="e-(\w+)">0 to 3,650<', answer.text) == ["photos"]
    assert clocks.settings(pages.database.reader)["mails"].days == 90


def test_a_form_from_before_another_admins_change_sets_no_clocks(pages: Pages) -> None:
    admin, other = confirmed(pages), confirmed(pages)
    put(admin, people="1")
    seen = mark(admin)
    put(other)
    answer = put(admin, seen=seen, people="1", contact="30")
    assert answer.status_code == 409
    assert clocks.settings(pages.database.reader) == {}


def test_an_auditor_sees_and_sets_nothing(pages: Pages) -> None:
    page = pages.staff("auditor").get(HOME).text
    assert "E-mail addresses, telephone and order numbers" in page
    assert "<input" not in page.partition("<main")[2]


def test_a_person_is_found_by_number_or_registration(pages: Pages) -> None:
    admin = pages.staff("admin")
    for asked in ("A1", number(pages)):
        assert admin.get(f"{HOME}?badge={asked}").location.endswith(number(pages))
    answer = admin.get(f"{HOME}?badge=nobody", follow_redirects=True)
    assert "There is no attendee" in answer.text
