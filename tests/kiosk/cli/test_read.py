import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest
from click.testing import CliRunner, Result

from kiosk.cli.read import FileReading, printable, read_command, read_files, total_of
from kiosk.reader.passes import NO_ZBAR
from tests.kiosk.support.pictures import TEXT, hall, held_up, symbol

pytestmark = pytest.mark.system

# Larger than any code in it. Searching in every way takes time per pixel.
SMALL = (320, 180)


def write(path: Path, picture: np.ndarray) -> Path:
    assert cv2.imwrite(str(path), picture)
    return path


@pytest.fixture
def badge(tmp_path: Path) -> Path:
    return write(tmp_path / "badge.png", held_up(symbol(TEXT), 3))


@pytest.fixture
def nobody(tmp_path: Path) -> Path:
    return write(tmp_path / "nobody.jpg", hall(*SMALL))


@pytest.fixture
def broken(tmp_path: Path) -> Path:
    path = tmp_path / "broken.png"
    path.write_bytes(b"\x89PNG\r\n\x1a\n and no more")
    return path


@pytest.fixture
def video(tmp_path: Path) -> Path:
    """A in view for a second, none for three, then A again, and B."""
    return film(tmp_path, "A" * 2 + "." * 6 + "AABBA", 2)


@pytest.fixture
def short(tmp_path: Path) -> Path:
    """A in view for a moment, and B: each frame without a code gets every pass."""
    return film(tmp_path, "AAABBB")


def film(folder: Path, frames: str, per_second: int = 10) -> Path:
    """A film whose frames show the code of each letter, or none."""
    path = folder / "door.avi"
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"MJPG"), per_second, SMALL)
    empty = hall(*SMALL)
    views = {name: held_in(empty, symbol(name, version=2)) for name in ("A", "B")}
    for name in frames:
        writer.write(cv2.cvtColor(views.get(name, empty), cv2.COLOR_GRAY2BGR))
    writer.release()
    return path


def held_in(view: np.ndarray, card: np.ndarray) -> np.ndarray:
    view = view.copy()
    view[27:160, 100:233] = cv2.resize(card, (133, 133), interpolation=cv2.INTER_AREA)
    return view


def run(*arguments: object) -> Result:
    return CliRunner().invoke(read_command, [str(argument) for argument in arguments])


def test_photos_are_read_one_line_each(badge: Path, nobody: Path) -> None:
    result = run(badge, nobody)
    assert result.exit_code == 0
    first, second, total = result.stdout.splitlines()
    assert first.startswith(f"{badge}: {TEXT} (")
    assert first.endswith(" ms)")
    assert second.startswith(f"{nobody}: no code (")
    assert total.startswith("2 files: 1 read, 1 not read, 0 errors; a frame took ")
    assert "(p50)" in total
    assert "(p99)" in total


@pytest.mark.parametrize("suffix", ["png", "jpg", "webp", "bmp", "tiff", "pgm", "dat"])
def test_formats(suffix: str, tmp_path: Path) -> None:
    path = tmp_path / f"badge.{suffix}"
    around = held_up(symbol(TEXT), 3)[200:560, 480:920]
    done, data = cv2.imencode(".png" if suffix == "dat" else f".{suffix}", around)
    assert done
    path.write_bytes(data.tobytes())
    (reading,) = read_files([path])
    assert [text.text for text in reading.texts] == [TEXT]


def test_a_hard_photo_gets_every_look(tmp_path: Path) -> None:
    path = write(tmp_path / "hard.png", held_up(symbol(TEXT), 1.45))
    (reading,) = read_files([path])
    assert [text.text for text in reading.texts] == [TEXT]
    assert len(reading.frame_ms) == 1


def test_a_photo_without_a_code_has_its_time_too(nobody: Path) -> None:
    (reading,) = read_files([nobody])
    assert reading.texts == ()
    assert reading.total_ms > 0


def test_a_large_photo_is_read(tmp_path: Path) -> None:
    small = cv2.GaussianBlur(held_up(symbol(TEXT), 4), (0, 0), 2.2)
    path = write(tmp_path / "phone.jpg", cv2.resize(small, (3840, 2160)))
    (reading,) = read_files([path])
    assert [text.text for text in reading.texts] == [TEXT]
    # The same width and reduction, but low: it gets every pass.
    low = cv2.resize(hall()[270:450], (3840, 540))
    (nothing,) = read_files([write(tmp_path / "hall.jpg", low)])
    assert nothing.texts == ()


def test_two_codes_in_a_photo(tmp_path: Path) -> None:
    view = held_up(symbol("NEAR", version=2), 7, x=900)
    view[100:300, 100:300] = cv2.resize(symbol("FAR", version=2), (200, 200))
    path = write(tmp_path / "two.png", view)
    assert run(path).stdout.startswith(f"{path}: NEAR | FAR (")


def test_a_video_reports_each_presentation_with_its_time(
    video: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    readings: list[FileReading] = []

    def noted(paths: list[Path]) -> Iterator[FileReading]:
        for line in read_files(paths):
            readings.append(line)
            yield line

    monkeypatch.setattr("kiosk.cli.read.read_files", noted)
    result = run(video)
    (reading,) = readings
    assert [text.text for text in reading.texts] == ["A", "A", "B"]
    times = [text.at_s for text in reading.texts]
    assert times == pytest.approx([0.0, 4.0, 5.0], abs=0.11)
    assert len(reading.frame_ms) == 13
    assert f"{video}: A at 0.0 s | A at 4.0 s | B at 5.0 s (" in result.stdout


def test_a_video_by_another_name(short: Path) -> None:
    renamed = short.rename(short.with_suffix(".bin"))
    (reading,) = read_files([renamed])
    assert [text.text for text in reading.texts] == ["A", "B"]
    assert len(reading.frame_ms) == 6


def test_a_file_that_cannot_be_opened_has_its_line_and_the_rest_is_read(
    badge: Path, broken: Path, tmp_path: Path
) -> None:
    empty = tmp_path / "empty.mp4"
    empty.touch()
    nothing = tmp_path / "nothing"
    nothing.mkdir()
    result = run(tmp_path / "none.png", broken, empty, nothing, badge)
    assert result.exit_code == 1
    lines = result.stdout.splitlines()
    assert lines[0] == f"{tmp_path}/none.png: error: No such file or directory"
    assert lines[1] == f"{broken}: error: no photo or video that can be read"
    assert lines[2].startswith(f"{empty}: error: ")
    assert lines[3] == f"{nothing}: error: this folder holds no photos or videos; name another"
    assert TEXT in lines[4]
    assert lines[5].startswith("5 files: 1 read, 0 not read, 4 errors;")


def test_a_folder_is_read_file_by_file(badge: Path, nobody: Path, short: Path) -> None:
    (badge.parent / "notes.txt").write_text("no picture")
    result = run(badge.parent)
    assert result.exit_code == 0
    first, film, second, total = result.stdout.splitlines()
    assert first.startswith(f"{badge}: {TEXT} (")
    assert film.startswith(f"{short}: A at ")
    assert second.startswith(f"{nobody}: no code (")
    assert total.startswith("3 files: 2 read, 1 not read, 0 errors; a frame took ")


def test_json_has_one_object_a_line(badge: Path, short: Path, broken: Path) -> None:
    result = run("--json", badge, short, broken)
    assert result.exit_code == 1
    photo, film, wrong, total = map(json.loads, result.stdout.splitlines())
    assert photo["path"] == str(badge)
    assert photo["texts"] == [{"text": TEXT, "at_s": None}]
    assert photo["ms"] > 0
    assert (photo["frames"], photo["error"]) == (1, None)
    assert film["texts"][0] == {"text": "A", "at_s": 0.0}
    assert wrong["error"] == "no photo or video that can be read"
    assert (total["total"]["files"], total["total"]["read"], total["total"]["errors"]) == (3, 2, 1)


def test_no_file_is_a_usage_error() -> None:
    assert run().exit_code == 2


STRANGE = {
    "escape sequence": ("\x1b[2J\x07", r"\x1b[2J\x07"),
    "line ends": ("a\r\nb", r"a\r\nb"),
    "C1 control": ("\x9b31m", r"\x9b31m"),
    "bidi override": ("\u202eevil", r"\u202eevil"),
    "lone surrogate": ("\udcff", r"\udcff"),
    "Chinese": ("会场 7", "会场 7"),
    "emoji": ("🎫", "🎫"),
}


@pytest.mark.parametrize(("text", "shown"), STRANGE.values(), ids=STRANGE.keys())
def test_a_strangers_code_cannot_write_on_the_terminal(text: str, shown: str) -> None:
    assert printable(text) == shown


def test_control_characters_in_a_code_are_escaped(tmp_path: Path) -> None:
    path = write(tmp_path / "evil.png", symbol(b"\x1b]0;owned\x07\n", version=None))
    line, _ = run(path).stdout.splitlines()
    assert r"\x1b]0;owned\x07\n" in line
    assert "\x1b" not in line
    assert "\x1b" not in run("--json", path).stdout


def test_total() -> None:
    readings = [FileReading("a", frame_ms=tuple(float(n) for n in range(101)))]
    total = total_of([*readings, FileReading("b", error="gone")])
    assert (total.files, total.read, total.not_read, total.errors) == (2, 0, 1, 1)
    assert (total.p50_ms, total.p99_ms) == (50.0, 99.0)
    assert total_of([]).p99_ms == 0.0


def test_without_zbar_badges_are_read_and_the_remedy_is_named(badge: Path) -> None:
    program = (
        "import ctypes.util; ctypes.util.find_library = lambda name: None\n"
        "import kiosk.cli.main; kiosk.cli.main.main()"
    )
    command = [sys.executable, "-c", program, "read", str(badge)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert TEXT in done.stdout
    assert done.stderr == f"{NO_ZBAR}\n"
