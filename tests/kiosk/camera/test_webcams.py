"""Webcams by name: the list, the match, and errors for ambiguous names."""

import sys
from pathlib import Path

import pytest

from kiosk.camera.sources import Kind, Source, parse_source
from kiosk.camera.webcams import (
    NONE_HERE,
    NoWebcamError,
    find_webcam,
    list_webcams,
    webcam_name,
    webcams_text,
)
from kiosk.pictures import CameraError
from tests.kiosk.camera.webcams import plug_in

TWINS = {"video0": ("C920", 0), "video2": ("C920", 0), "video4": ("C920 Pro", 0)}


def test_webcams_are_listed_by_number_without_their_second_nodes(tmp_path: Path) -> None:
    webcams = list_webcams(plug_in(tmp_path))
    assert webcams == [("/dev/video2", "HD C270"), ("/dev/video10", "Wide")]
    assert list_webcams(tmp_path / "none") == []


@pytest.mark.parametrize("text", ["c270", "HD", "hd c270", " C270 "])
def test_a_part_of_the_name_in_any_case_is_enough(text: str, tmp_path: Path) -> None:
    webcams = plug_in(tmp_path)
    assert find_webcam(text, webcams).device == "/dev/video2"
    assert parse_source(text, webcams) == Source(Kind.WEBCAM, text.strip())


def test_a_whole_name_goes_before_a_part_of_another(tmp_path: Path) -> None:
    webcams = plug_in(tmp_path, {"video0": ("C920 Pro", 0), "video1": ("C920", 0)})
    assert find_webcam("c920", webcams).device == "/dev/video1"


def test_an_ambiguous_name_is_reported_with_its_matches(tmp_path: Path) -> None:
    webcams = plug_in(tmp_path, TWINS)
    with pytest.raises(CameraError) as refused:
        parse_source("C920", webcams)
    assert "2 webcams are called C920" in str(refused.value)
    assert "/dev/video0 (C920), /dev/video2 (C920)" in str(refused.value)
    with pytest.raises(CameraError, match="3 webcams are called 92"):
        find_webcam("92", webcams)


def test_an_unknown_name_is_reported_with_the_webcams(tmp_path: Path) -> None:
    webcams = plug_in(tmp_path)
    with pytest.raises(NoWebcamError, match=r"Webcams here: /dev/video2 \(HD C270\), /dev/video10"):
        find_webcam("Logitech", webcams)
    with pytest.raises(CameraError, match="called Logitech; .*here: /dev/video2"):
        parse_source("Logitech", webcams)


def test_a_webcam_that_may_come_needs_not_be_there(tmp_path: Path) -> None:
    webcams = plug_in(tmp_path, TWINS)
    for name in ("Logitech", "C920", "HD Pro Webcam, model 2.1"):
        assert parse_source(name, webcams, may_come=True) == Source(Kind.WEBCAM, name)
    for other in ("door.mp4", "photos/door", "user:secret@camera"):
        with pytest.raises(CameraError, match="No webcam and no file"):
            parse_source(other, webcams, may_come=True)


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere webcams have numbers alone")
def test_without_a_webcam_that_is_reported(tmp_path: Path) -> None:
    with pytest.raises(CameraError, match=NONE_HERE):
        parse_source("Logitech", tmp_path)
    assert webcams_text(tmp_path) == f"{NONE_HERE}."


def test_the_commands_text_has_a_line_for_each(tmp_path: Path) -> None:
    assert webcams_text(plug_in(tmp_path)).splitlines() == [
        "  2  /dev/video2  HD C270",
        " 10  /dev/video10  Wide",
    ]


def test_a_number_or_device_has_its_name(tmp_path: Path) -> None:
    webcams = plug_in(tmp_path)
    assert webcam_name("2", webcams) == "HD C270"
    assert webcam_name("/dev/video10", webcams) == "Wide"
    assert webcam_name("7", webcams) == ""
