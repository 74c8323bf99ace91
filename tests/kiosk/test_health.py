"""What a kiosk knows of its own machine, and how its troubles are told."""

from pathlib import Path

import pytest

from kiosk.health import DISK_FREE_MB_MIN, disk_trouble, joined


@pytest.mark.parametrize("free_mb", [None, DISK_FREE_MB_MIN, 80_000])
def test_a_disk_with_room_is_no_trouble(
    free_mb: int | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("kiosk.health.disk_free_mb", lambda _: free_mb)
    assert disk_trouble(tmp_path) == {}


def test_a_disk_that_is_nearly_full_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("kiosk.health.disk_free_mb", lambda _: 120)
    told = disk_trouble(tmp_path)
    assert told["en"] == "The disk is nearly full: 120 MB left. Free some space."
    assert "120 MB" in told["zh"]


def test_troubles_are_one_text_in_each_language() -> None:
    relay, journal = {"en": "No relay.", "zh": "无继电器。"}, {"en": "No disk."}
    assert joined({}, {"en": ""}) == {}
    assert joined(relay) == relay
    assert joined(relay, {}, journal) == {"en": "No relay. No disk.", "zh": "无继电器。 No disk."}
