import json
import time
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path

import click
import numpy as np

from kiosk.camera.sources import PHOTO_SUFFIXES, VIDEO_SUFFIXES, read_photo, video_frames
from kiosk.pictures import CameraError, NoPictureError, Picture, to_gray
from kiosk.reader.passes import NO_ZBAR, has_zbar
from kiosk.reader.photo import read_still
from kiosk.reader.presentation import Presentations
from kiosk.reader.reader import NO_BUDGET_MS, Reader


@dataclass(frozen=True)
class ReadText:
    text: str
    at_s: float | None = None


@dataclass(frozen=True)
class FileReading:
    """`frame_ms` is the time that the reader took for each picture."""

    path: str
    texts: tuple[ReadText, ...] = ()
    frame_ms: tuple[float, ...] = field(default=(), repr=False)
    error: str = ""

    @property
    def total_ms(self) -> float:
        return sum(self.frame_ms)


@dataclass(frozen=True)
class Total:
    """The last line of the output. Percentiles are of the reader's time per frame."""

    files: int
    read: int
    not_read: int
    errors: int
    p50_ms: float
    p99_ms: float


def read_files(paths: Iterable[str | Path]) -> Iterator[FileReading]:
    """One result per file, in order. Unreadable files give a result with an error.

    A folder means the photos and videos in it, by name.
    """
    for path in map(Path, paths):
        try:
            files = _files_in(path) if path.is_dir() else [path]
        except (CameraError, OSError) as error:
            yield FileReading(str(path), error=_why(error))
            continue
        for file in files:
            try:
                yield _read_file(file)
            except CameraError as error:
                yield FileReading(str(file), error=str(error))


def _files_in(folder: Path) -> list[Path]:
    suffixes = PHOTO_SUFFIXES | VIDEO_SUFFIXES
    files = sorted(p for p in folder.iterdir() if p.suffix.lower() in suffixes and p.is_file())
    if not files:
        raise CameraError("this folder holds no photos or videos", "name another")
    return files


def _why(error: CameraError | OSError) -> str:
    return str(error) if isinstance(error, CameraError) else error.strerror or "can't be read"


def _read_file(path: Path) -> FileReading:
    if path.suffix.lower() in VIDEO_SUFFIXES:
        return _read_video(path)
    try:
        return _read_photo(path, read_photo(path))
    except NoPictureError as no_photo:
        try:
            return _read_video(path)  # a video with a picture's name
        except CameraError:
            raise no_photo from None


def _read_photo(path: Path, picture: Picture) -> FileReading:
    began = time.perf_counter()
    sightings = read_still(picture)
    texts = tuple(dict.fromkeys(ReadText(s.text) for s in sightings))
    return FileReading(str(path), texts, ((time.perf_counter() - began) * 1000,))


def _read_video(path: Path) -> FileReading:
    reader, presentations = Reader(), Presentations()
    texts: list[ReadText] = []
    frame_ms: list[float] = []
    for at_s, picture in video_frames(path):
        gray = to_gray(picture)
        began = time.perf_counter()
        sightings = reader.read(gray, NO_BUDGET_MS)
        frame_ms.append((time.perf_counter() - began) * 1000)
        # A door takes only the nearest code. Here every code in view is reported.
        new = [s.text for s in sightings if presentations.present(s.text, at_s)]
        texts += [ReadText(text, round(at_s, 3)) for text in new]
    return FileReading(str(path), tuple(texts), tuple(frame_ms))


def total_of(readings: Iterable[FileReading]) -> Total:
    readings = list(readings)
    frame_ms = [ms for reading in readings for ms in reading.frame_ms] or [0.0]
    errors = sum(bool(reading.error) for reading in readings)
    read = sum(bool(reading.texts) for reading in readings)
    p50_ms, p99_ms = (float(p) for p in np.percentile(frame_ms, [50, 99]))
    not_read = len(readings) - read - errors
    return Total(len(readings), read, not_read, errors, round(p50_ms, 1), round(p99_ms, 1))


def printable(text: str) -> str:
    """Escape other characters: a stranger's code may contain terminal commands."""
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text)


def _line(reading: FileReading) -> str:
    path = printable(reading.path)
    if reading.error:
        return f"{path}: error: {printable(reading.error)}"
    shown = " | ".join(_shown(text) for text in reading.texts) or "no code"
    frames = f", {len(reading.frame_ms)} looks" if len(reading.frame_ms) > 1 else ""
    return f"{path}: {shown} ({reading.total_ms:.1f} ms{frames})"


def _shown(text: ReadText) -> str:
    shown = printable(text.text)
    return shown if text.at_s is None else f"{shown} at {text.at_s:.1f} s"


def _json(reading: FileReading) -> str:
    return json.dumps(
        {
            "path": reading.path,
            "texts": [asdict(text) for text in reading.texts],
            "ms": round(reading.total_ms, 2),
            "frames": len(reading.frame_ms),
            "error": reading.error or None,
        }
    )


@click.command("read")
@click.argument("files", nargs=-1, required=True, metavar="FILE|FOLDER...", type=click.Path())
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line.")
def read_command(files: tuple[str, ...], as_json: bool) -> None:
    """Read the QR codes in photos and videos, or in folders of them, as a door's camera would.

    Exits with 1 if a file can't be opened. The last line counts the files and gives the time that a
    frame took: half of them no longer than p50, 99 in 100 no longer than p99.
    """
    if not has_zbar():
        click.echo(NO_ZBAR, err=True)
    readings = []
    for reading in read_files(files):
        readings.append(reading)
        click.echo(_json(reading) if as_json else _line(reading))
    total = total_of(readings)
    if as_json:
        click.echo(json.dumps({"total": asdict(total)}))
    else:
        click.echo(
            f"{total.files} files: {total.read} read, {total.not_read} not read,"
            f" {total.errors} errors; a frame took {total.p50_ms} ms (p50), {total.p99_ms} ms (p99)"
        )
    if total.errors:
        raise SystemExit(1)
