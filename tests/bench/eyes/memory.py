"""Whether a watching door's memory grows: the resident set, minute by minute."""

import threading
import time
from pathlib import Path
from typing import Any

from tests.bench.eyes.kiosks import (
    Tape,
    badge_view,
    empty_views,
    frames_in,
    jpegs,
    open_kiosk,
    watch,
)
from tests.bench.eyes.pictures.stills import HD
from tests.bench.eyes.pipeline import _scratch

BUILD = Path("build/bench")
SETTLE_PART = 0.2  # of the time, in which caches fill


def resident_mb() -> float:
    """Of this process, on Linux."""
    text = Path("/proc/self/status").read_text()
    line = next(line for line in text.splitlines() if line.startswith("VmRSS"))
    return int(line.split()[1]) / 1000


def _pictures(shown: int) -> list[bytes]:
    """The hall, then twenty badges with the hall after each, as far as they are shown."""
    hall = jpegs(empty_views(HD))
    pictures = hall.copy()
    for serial in range(1, 21):
        if len(pictures) >= shown:
            break
        pictures += jpegs([badge_view(serial, HD, number) for number in range(3)]) + hall[:6]
    return pictures


def run(minutes: float = 10.0) -> dict[str, Any]:
    """Run a kiosk on 720p video at 30 frames a second: badges come and go, the hall between."""
    pictures = _pictures(frames_in(minutes * 60))
    tape, samples = Tape(pictures, minutes * 60), []

    def sample() -> None:
        while not tape.ended.wait(minutes * 60 / 40):
            samples.append(round(resident_mb(), 1))

    sampler = threading.Thread(target=sample)
    with _scratch(BUILD) as scratch, open_kiosk(Path(scratch)) as kiosk:
        began = time.monotonic()
        sampler.start()
        watch(kiosk, tape)
        scans = kiosk.journal.state().last_seq
    sampler.join()
    settled = samples[int(len(samples) * SETTLE_PART) :]
    return {
        "bench": "memory",
        "minutes": round((time.monotonic() - began) / 60, 2),
        "scans": scans,
        "resident_mb": samples,
        "grown_mb": round(settled[-1] - settled[0], 1) if settled else None,
    }
