"""One setting of `event.toml` is changed; all else stays."""

import pytest

from server.core.event import settings_file
from server.core.event.directory import SETTINGS_FILE, Event
from server.core.event.settings import EventError


def test_comments_and_other_settings_stay(event: Event) -> None:
    path = event.path / SETTINGS_FILE
    before = path.read_text("utf-8")
    text, settings = settings_file.changed(path, "backup_dir", "/mnt/stick")
    assert settings.backup_dir == "/mnt/stick"
    assert set(before.splitlines()) <= set(text.splitlines())
    assert path.read_text("utf-8") == before, "nothing is written yet"
    path.write_text(text, "utf-8")
    text, settings = settings_file.changed(path, "backup_dir", "/mnt/third")
    assert settings.backup_dir == "/mnt/third"
    assert "/mnt/stick" not in text


def test_an_invalid_value_is_refused(event: Event) -> None:
    with pytest.raises(EventError):
        settings_file.changed(event.path / SETTINGS_FILE, "backup_dir", "")
