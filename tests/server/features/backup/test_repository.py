"""Backups in a restic repository, by restic itself."""

import random
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from server.core.event import settings_file
from server.core.event.directory import SETTINGS_FILE, Event, load_event
from server.core.event.settings import EventError, parse_settings
from server.core.second_disk.copy import Backups, make_backup
from server.features.backup.feature import FEATURE
from server.features.backup.restic import PASSWORD_FILE, Repository, RepositoryError, repository_of
from server.features.backup.sending import Sending
from server.features.integrations.interface.figures import exposition
from server.storage.database import Database
from server.web.services import keep_services, services_of
from tests.server.conftest import MINUTE, NOW
from tests.server.support.console import Console
from tests.server.support.disks.small_disk import small_disk
from tests.server.support.pages import Pages
from tests.tools import needs
from tests.waiting import until

pytestmark = [
    pytest.mark.system,
    pytest.mark.sqlite_alone,  # a backup is a copy of SQLite's file
    needs("restic"),
]


def init(address: Path, password: Path) -> None:
    words = ["restic", "-r", str(address), "--password-file", str(password), "--no-cache", "init"]
    subprocess.run(words, check=True, capture_output=True)


@pytest.fixture
def event_with_repository(event: Event, tmp_path: Path) -> Event:
    """An event with a second disk and a repository."""
    (tmp_path / "second").mkdir()
    for key in ("backup_dir", "backup_repository"):
        value = str(tmp_path / ("second" if key == "backup_dir" else "repository"))
        text, _ = settings_file.changed(event.path / SETTINGS_FILE, key, value)
        (event.path / SETTINGS_FILE).write_text(text)
    password = event.path / "keys" / PASSWORD_FILE
    password.write_text("a password\n")
    password.chmod(0o600)
    init(tmp_path / "repository", password)
    return load_event(event.path)


@pytest.fixture
def repository(event_with_repository: Event) -> Repository:
    repository = repository_of(event_with_repository)
    assert repository is not None
    return repository


def paths(repository: Repository) -> list[str]:
    return [Path(copy.paths[0]).name for copy in repository.snapshots()]


def test_a_server_is_restored_from_it(event_with_repository: Event, tmp_path: Path) -> None:
    event = event_with_repository
    password = tmp_path / "password"
    password.write_text("a password")
    password.chmod(0o600)
    console = Console(tmp_path, event)
    assert "Sent it to the repository" in console("backup").output
    shutil.rmtree(event.path)
    shutil.rmtree(tmp_path / "second")
    new = tmp_path / "new"
    words = ("--from", str(tmp_path / "repository"), "--password-file", str(password))
    asked = console("restore", *words, "--event", str(new), status=1)
    assert "no kiosk was added since" in asked.output or "--without-acts" in asked.output
    restored = console("restore", *words, "--event", str(new), "--without-acts")
    assert f"from {tmp_path / 'repository'}" in restored.output
    assert load_event(new).event_id == event.event_id
    assert not list(tmp_path.glob(".hallkeeper-*")), "the secrets were left there"


def test_each_backup_is_sent_once(
    event_with_repository: Event, repository: Repository, database: Database, tmp_path: Path
) -> None:
    second = tmp_path / "second"
    names = []
    for minute in range(2):
        names.append(make_backup(event_with_repository, second, NOW + minute * MINUTE).path.name)
        sending = Sending(repository, second, lambda: NOW)
        for _ in range(2):
            sending.start()
            until(lambda: paths(repository) == names)
            sending.close()
        assert not sending.sent.trouble
        assert sending.sent.newest_at is not None


def test_a_failure_is_shown_and_the_copy_sent_again(
    event_with_repository: Event, database: Database, tmp_path: Path
) -> None:
    event, away = event_with_repository, tmp_path / "away"
    (tmp_path / "repository").rename(away)
    with Pages(event, database, NOW) as pages:
        here = services_of(pages.app)
        keep_services(pages.app, replace(here, backups=Backups(event, database, here.now)))
        make_backup(event, tmp_path / "second", NOW)
        repository = repository_of(event)
        assert repository is not None
        sending = Sending(repository, tmp_path / "second", here.now)
        here.keep(sending)
        sending.start()
        until(lambda: sending.sent.trouble)
        admin = pages.staff("admin")
        assert "There is no restic repository at" in admin.get("/admin/backup").text
        assert "Backups are not sent elsewhere" in admin.get("/admin/").text
        sending.close()
        away.rename(tmp_path / "repository")
        sending.start()
        until(lambda: not sending.sent.trouble)
        assert len(paths(repository)) == 1
        assert "There is no restic" not in admin.get("/admin/backup").text


def test_metrics(event_with_repository: Event, database: Database, tmp_path: Path) -> None:
    with Pages(event_with_repository, database, NOW) as pages:
        here = services_of(pages.app)
        assert FEATURE.works is not None
        (sending,) = FEATURE.works(here)
        make_backup(event_with_repository, tmp_path / "second", NOW)
        sending.start()
        until(lambda: here.find(Sending).sent.newest_at)
        sending.close()
        text = exposition(here).decode()
    assert "hallkeeper_repository_trouble 0.0" in text
    assert "hallkeeper_repository_age_seconds 0.0" in text


def test_old_copies_are_deleted(
    event_with_repository: Event, repository: Repository, tmp_path: Path
) -> None:
    backup = make_backup(event_with_repository, tmp_path / "second", NOW).path
    for _ in range(14):
        repository.send(backup)
    repository.forget_old()
    assert len(repository.snapshots()) == 13, "the newest 12, and the first of all"


def test_copies_of_two_events(repository: Repository, tmp_path: Path) -> None:
    for name in ("one", "two"):
        (tmp_path / name / "backup").mkdir(parents=True)
        repository.send(tmp_path / name / "backup")
    with pytest.raises(RepositoryError, match=r"Name one of them with --snapshot: \w+ \(.*one"):
        repository.latest()


class TestBadInput:
    def check(self, address: Path | str, password: Path, words: str) -> None:
        with pytest.raises(EventError) as raised:
            Repository(str(address), password).snapshots()
        assert words in str(raised.value)
        assert "\n" not in str(raised.value)

    @pytest.fixture
    def password(self, tmp_path: Path) -> Path:
        path = tmp_path / "password"
        path.write_text("secret words")
        path.chmod(0o600)
        return path

    def test_a_wrong_password(self, repository: Repository, password: Path, tmp_path: Path) -> None:
        self.check(tmp_path / "repository", password, "is not the password of the repository")

    def test_no_password(self, tmp_path: Path) -> None:
        self.check(tmp_path, tmp_path / "nowhere", "There is no file")

    def test_a_password_for_all_to_read(self, password: Path) -> None:
        password.chmod(0o644)
        self.check("/x", password, "can be read by others")

    def test_no_repository(self, password: Path, tmp_path: Path) -> None:
        self.check(tmp_path / "none", password, "There is no restic repository at")

    def test_an_address_that_is_none(self, password: Path) -> None:
        self.check("foo:bar", password, "restic failed at the repository foo:bar: ")

    @needs("ssh")
    def test_a_computer_that_does_not_answer(self, password: Path) -> None:
        self.check("sftp://nobody@127.0.0.1:1//x", password, "does not answer. Is its computer on")

    def test_a_silent_one(self, password: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("server.features.backup.restic.ANSWER_S", 0.1)
        address = "rest:http://user:hidden@127.0.0.1:1/"
        with pytest.raises(RepositoryError, match="rest:http://127.0.0.1:1/ does not answer"):
            Repository(address, password).snapshots()

    def test_no_restic(self, password: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("PATH", "")
        self.check("/x", password, "restic is not installed")

    def test_a_locked_repository(
        self, password: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """As restic 0.18 reports a lock of another command."""
        program = tmp_path / "bin" / "restic"
        program.parent.mkdir()
        program.write_text(
            "#!/bin/sh\necho 'unable to create lock in backend: repository is already locked"
            " exclusively by PID 7 on nas' >&2\nexit 11\n"
        )
        program.chmod(0o755)
        monkeypatch.setenv("PATH", f"{program.parent}:/usr/bin:/bin")
        self.check("/x", password, "Another restic command has locked the repository /x")

    def test_a_full_repository(self, password: Path, tmp_path: Path) -> None:
        (tmp_path / "large").write_bytes(random.Random(1).randbytes(3_000_000))
        with small_disk(tmp_path / "small", 1) as disk:
            init(disk / "repository", password)
            with pytest.raises(RepositoryError, match="is full"):
                Repository(str(disk / "repository"), password).send(tmp_path / "large")

    def test_a_repository_without_a_second_disk(self, event: Event) -> None:
        text = (event.path / SETTINGS_FILE).read_text()
        line = 'backup_repository = "/mnt/nas"\n'
        with pytest.raises(EventError, match="backup_repository needs backup_dir"):
            parse_settings(line + text, "event.toml")

    @pytest.mark.parametrize("words", [("--from", "/x"), ("--snapshot", "latest"), ()])
    def test_half_of_a_command(self, words: tuple[str, ...], event: Event, tmp_path: Path) -> None:
        refused = Console(tmp_path, event)("restore", *words, status=2)
        assert "name BACKUP, or --from with --password-file" in refused.output
