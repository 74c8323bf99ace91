"""A kiosk's knowledge of its own computer, and its fault messages."""

from pathlib import Path

import pytest

from kiosk.health import DISK_FREE_MB_MIN, disk_trouble
from kiosk.texts.messages import Code, Message, as_message, in_language


@pytest.mark.parametrize("free_mb", [None, DISK_FREE_MB_MIN, 80_000])
def test_a_disk_with_room_is_no_trouble(
    free_mb: int | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("kiosk.health.disk_free_mb", lambda _: free_mb)
    assert disk_trouble(tmp_path) is None


def test_a_nearly_full_disk_is_reported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("kiosk.health.disk_free_mb", lambda _: 120)
    message = disk_trouble(tmp_path)
    assert message is not None
    assert str(message) == "The disk is nearly full: 120 MB left. Free some space."
    assert "120 MB" in in_language("zh", message)


def test_troubles_are_one_text_in_each_language() -> None:
    relay, journal = Message(Code.RELAY_TOO_SLOW), as_message("No disk.")
    assert in_language("en") == ""
    assert in_language("zh", relay) == "继电器响应过慢：漏发了一次开门信号。"
    assert in_language("zh", relay, journal) == f"{in_language('zh', relay)} No disk."
    assert in_language("en", relay, journal) == f"{relay} No disk."
