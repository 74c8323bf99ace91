"""Organisers' files in the event are backed up, stored once, and restored."""

import os
from pathlib import Path

import pytest

from badges.printing.look import FORMATS
from server.core.event.directory import Event
from server.core.people.card_design import read_design
from server.core.second_disk import own_files
from server.core.second_disk.copy import BackupError, make_backup
from server.features.backup.restore import restore
from server.storage.database import Database
from tests.badges.printing.forum import LOGO
from tests.server.conftest import MINUTE, NOW

# A backup of ours is a copy of SQLite's file.
pytestmark = pytest.mark.sqlite_alone


@pytest.fixture
def folder(event: Event) -> Path:
    """A folder with all permitted files."""
    cards = event.path / "cards"
    (cards / "photos").mkdir(parents=True)
    (cards / "cards.toml").write_text('format = "4x6in"\nlogo = "logo.svg"\nphotos = "photos"\n')
    (cards / "logo.svg").write_text(LOGO)
    (cards / "photos" / "A17.jpg").write_bytes(b"a photo")
    (cards / "cards.toml.new").write_text("half")
    return cards


def contents(path: Path) -> dict[str, bytes]:
    return {
        file.relative_to(path).as_posix(): file.read_bytes()
        for file in path.rglob("*")
        if file.is_file()
    }


def test_it_comes_back(
    event: Event, site: Database, folder: Path, second: Path, tmp_path: Path
) -> None:
    copy = make_backup(event, second, NOW).path
    wanted = {name: data for name, data in contents(folder).items() if name != "cards.toml.new"}
    assert contents(copy / "cards") == wanted
    done = restore(copy, tmp_path / "new", now=NOW + MINUTE, without_acts=True)
    assert contents(done.event.path / "cards") == wanted
    look = read_design(done.event).look
    assert (look.format, look.logo) == (FORMATS["4x6in"], LOGO)
    for file in [done.event.path / "cards", *(done.event.path / "cards").rglob("*")]:
        assert file.stat().st_mode & 0o077 == 0, file


def test_mails_and_passes_come_back_too(
    event: Event, site: Database, second: Path, tmp_path: Path
) -> None:
    (event.path / "mail").mkdir()
    wanted = {"mail/mail.toml": b"a", "mail/password": b"b", "mail/badge.en.txt": b"c"}
    wanted["wallet.toml"] = b"d"
    for name, data in wanted.items():
        (event.path / name).write_bytes(data)
    copy = make_backup(event, second, NOW).path
    assert own_files.copied_bytes(event.path, copy) == 0
    done = restore(copy, tmp_path / "new", now=NOW + MINUTE, without_acts=True)
    for where in (copy, done.event.path):
        restored = contents(where)
        assert {name: restored[name] for name in wanted} == wanted
        for name in (*wanted, "mail"):
            assert (where / name).stat().st_mode & 0o077 == 0, name


def test_what_is_there_is_moved_aside(
    event: Event, site: Database, folder: Path, second: Path, tmp_path: Path
) -> None:
    copy, new = make_backup(event, second, NOW).path, tmp_path / "new"
    restore(copy, new, now=NOW + MINUTE, without_acts=True)
    (new / "cards" / "cards.toml").write_text('format = "62mm"\n')
    restore(copy, new, now=NOW + 2 * MINUTE, without_acts=True, over=True)
    assert (new / "earlier-1" / "cards" / "cards.toml").read_text() == 'format = "62mm"\n'
    assert contents(new / "cards") == contents(copy / "cards")


def test_a_backup_without_the_folder_leaves_what_is_there(
    event: Event, site: Database, second: Path, tmp_path: Path
) -> None:
    copy, new = make_backup(event, second, NOW).path, tmp_path / "new"
    restore(copy, new, now=NOW + MINUTE, without_acts=True)
    (new / "cards").mkdir()
    (new / "cards" / "cards.toml").write_text('format = "62mm"\n')
    restore(copy, new, now=NOW + 2 * MINUTE, without_acts=True, over=True)
    assert contents(new / "cards") == {"cards.toml": b'format = "62mm"\n'}


def test_what_has_not_changed_takes_no_room(
    event: Event, site: Database, folder: Path, second: Path
) -> None:
    first = make_backup(event, second, NOW).path
    assert own_files.copied_bytes(event.path, first) == 0
    (folder / "cards.toml").write_text('format = "a6"\n')
    assert own_files.copied_bytes(event.path, first) == len('format = "a6"\n')
    again = make_backup(event, second, NOW + MINUTE).path

    def same(name: str) -> bool:
        return (first / "cards" / name).samefile(again / "cards" / name)

    assert same("photos/A17.jpg")
    assert not same("cards.toml")
    assert (first / "cards" / "cards.toml").read_text().startswith('format = "4x6in"')
    assert (again / "cards" / "cards.toml").read_text() == 'format = "a6"\n'


def test_a_disk_without_links_gets_copies(
    event: Event, site: Database, folder: Path, second: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def none(*_: object) -> None:
        raise OSError(95, "Operation not supported")

    monkeypatch.setattr(os, "link", none)
    make_backup(event, second, NOW)
    again = make_backup(event, second, NOW + MINUTE).path
    assert (again / "cards" / "photos" / "A17.jpg").read_bytes() == b"a photo"


def test_too_many_files(
    event: Event, site: Database, folder: Path, second: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(own_files, "FILES_MAX", 2)
    with pytest.raises(BackupError, match=r"cards has more than 2 files"):
        make_backup(event, second, NOW)
    assert list(second.iterdir()) == []


def test_links_to_other_folders_are_not_followed(
    event: Event, site: Database, folder: Path, second: Path, tmp_path: Path
) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "x.jpg").write_bytes(b"x")
    (folder / "more").symlink_to(tmp_path / "elsewhere")
    copy = make_backup(event, second, NOW).path
    assert not (copy / "cards" / "more").exists()
