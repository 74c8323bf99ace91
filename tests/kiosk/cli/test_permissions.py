"""A file that the user may not open is named in a plain sentence, without a traceback."""

import os
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner

from kiosk.cli.main import main
from tests.kiosk.support.door_fixture import enrolled

NOBODY = 65_534
RUN = ("run", "--headless", "--camera")


@pytest.fixture
def directory(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A kiosk of this user. If that is root, who may open everything, of another user."""
    monkeypatch.setattr("kiosk.cli.main._stopped_by_signals", threading.Event)
    with tempfile.TemporaryDirectory() as name:  # pytest's directories are closed to other users
        Path(name).chmod(0o755)
        directory = enrolled(Path(name) / "door")
        locked = directory / "locked"
        locked.mkdir()
        locked.chmod(0)
        (directory / "lock").touch()
        user = os.geteuid()
        if user == 0:
            for path in (directory, *directory.iterdir()):
                os.chown(path, NOBODY, NOBODY)
            os.seteuid(NOBODY)
        yield directory
        os.seteuid(user)
        locked.chmod(0o700)


def error(directory: Path, command: str, *words: str) -> str:
    result = CliRunner().invoke(main, [command, "--dir", str(directory), *words])
    assert isinstance(result.exception, SystemExit), result.exception
    assert result.exit_code == 1
    assert result.output.startswith("Error: ")
    return result.output


def test_a_film_in_a_folder_of_another_user(directory: Path) -> None:
    film = str(directory / "locked" / "film.mp4")
    assert f"{film}: Permission denied. Run this as" in error(directory, *RUN, film)


def test_the_name_of_a_camera_that_is_too_long(directory: Path) -> None:
    assert "xxx: File name too long." in error(directory, *RUN, "x" * 300)


def test_a_lock_of_another_user(directory: Path) -> None:
    (directory / "lock").chmod(0)
    assert f"{directory / 'lock'}: Permission denied." in error(directory, *RUN, "none")


def test_a_journal_of_another_user(directory: Path) -> None:
    (directory / "journal.db").chmod(0)
    text = error(directory, "status")
    assert f"A database in {directory}: unable to open database file. Run this as" in text


def test_an_export_to_a_folder_of_another_user(directory: Path) -> None:
    file = str(directory / "locked" / "out.jsonl")
    assert "Permission denied" in error(directory, "export", file)
