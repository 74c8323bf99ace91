"""A backup without a second disk is announced, and can be restored by an answer."""

from pathlib import Path

import pytest
from click.testing import CliRunner

from server.cli.main import main
from server.core.event.directory import Event, load_event
from server.features.backup import commands
from server.storage.database import Database

pytestmark = pytest.mark.sqlite_alone


@pytest.fixture
def backup(event: Event, site: Database, tmp_path: Path) -> Path:
    to = tmp_path / "stick"
    to.mkdir()
    done = CliRunner().invoke(main, ["backup", str(to), "--event", str(event.path)])
    assert "will ask whether there were any" in done.output
    (folder,) = to.iterdir()
    return folder


@pytest.mark.parametrize(("answer", "code"), [("y\n", 0), ("n\n", 1)])
def test_a_terminal_is_asked(
    backup: Path, event: Event, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, answer: str,
    code: int,
) -> None:  # fmt: skip
    monkeypatch.setattr(commands, "_has_terminal", lambda: True)
    again = tmp_path / "again"
    done = CliRunner().invoke(main, ["restore", str(backup), "--event", str(again)], input=answer)
    assert "Was no kiosk confirmed since the backup?" in done.output
    assert done.exit_code == code, done.output
    assert again.exists() == (code == 0)
    if code == 0:
        assert load_event(again).event_id == event.event_id


def test_a_script_is_refused_with_the_option(backup: Path, tmp_path: Path) -> None:
    again = tmp_path / "again"
    done = CliRunner().invoke(main, ["restore", str(backup), "--event", str(again)])
    assert done.exit_code == 1
    assert "--without-acts" in done.output
    assert not again.exists()
