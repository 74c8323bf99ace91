"""The whole door on a real disk: from a frame in memory to the committed decision, and its CPU."""

import time
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from kiosk.run import AnswerReport
from tests.bench.eyes.kiosks import (
    Tape,
    badge_view,
    empty_views,
    frames_in,
    jpegs,
    open_kiosk,
    watch,
)
from tests.bench.eyes.measure import percentiles
from tests.bench.eyes.pictures.films import FPS

FRAMES_EACH = 3  # in which a badge is in view


def frame_to_commit(badges: int, size: tuple[int, int], directory: Path) -> dict[str, Any]:
    """`badges` one after the other, ten a second: ms from frame in memory to commit."""
    pictures: list[bytes] = []
    for serial in range(1, badges + 1):
        pictures += jpegs([badge_view(serial, size)]) * FRAMES_EACH
    reports: list[AnswerReport] = []
    cpu_s: list[float] = []  # of the thread that looks and answers, at each answer

    def answered(report: AnswerReport) -> None:
        reports.append(report)
        cpu_s.append(time.thread_time())

    tape = Tape(pictures, seconds=len(pictures) / FPS)
    with _scratch(directory) as scratch, open_kiosk(Path(scratch), answered) as kiosk:
        lines = watch(kiosk, tape)
        scans = kiosk.journal.state().last_seq
    took_ms = [
        report.frame_to_answer_ms for report in reports if report.frame_to_answer_ms is not None
    ]
    return {
        "size": f"{size[0]}x{size[1]}",
        "badges": badges,
        "scans": scans,
        "ms": percentiles(took_ms),
        # Includes the looks at the badge's other two frames; other load does not count.
        "cpu_ms_a_badge": percentiles([1000 * float(step) for step in np.diff(cpu_s)]),
        "max_ms": round(max(took_ms), 1) if took_ms else None,
        "feed_lines": lines[0],
    }


def cpu_of_a_door(
    seconds: float, size: tuple[int, int], directory: Path, *, busy: bool
) -> dict[str, Any]:
    """CPU seconds a second of a whole kiosk at 30 frames a second, with its page."""
    views = empty_views(size)
    if busy:
        count = min(60, max(len(views), frames_in(seconds)))
        views = [badge_view(1 + number // 10, size, number) for number in range(count)]
    tape = Tape(jpegs(views), seconds)
    with _scratch(directory) as scratch, open_kiosk(Path(scratch)) as kiosk:
        cpu, wall = time.process_time(), time.monotonic()
        watch(kiosk, tape)
        share = (time.process_time() - cpu) / (time.monotonic() - wall)
    decode = _decoding(jpegs(views[:8]), rounds=min(30, frames_in(seconds)))
    return {
        "size": f"{size[0]}x{size[1]}",
        "state": "busy" if busy else "idle",
        "seconds": seconds,
        "cpu_per_s": round(share, 3),
        "of_it_decoding_jpeg": round(decode, 3),
    }


def _decoding(pictures: list[bytes], rounds: int) -> float:
    """CPU seconds a second to decode a webcam's JPEG pictures."""
    tape = Tape(pictures, 0)
    cpu = time.process_time()
    tape.began -= rounds  # all are due
    for _ in range(rounds):
        tape.read()
    return (time.process_time() - cpu) / rounds * FPS


def _scratch(directory: Path) -> "TemporaryDirectory[str]":
    """On the disk of the results: a file system in memory syncs for nothing."""
    directory.mkdir(parents=True, exist_ok=True)
    return TemporaryDirectory(dir=directory)
