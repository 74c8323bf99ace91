"""The whole eyes bench: figures as JSON and a table in build/bench."""

import json
import os
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from tests.bench.eyes import measure, pipeline, table
from tests.bench.eyes.pictures.stills import FULL_HD, HD

BUILD = Path("build/bench")
FSYNC_BYTES = 8192  # about the size of a scan's commit


@dataclass(frozen=True)
class Extent:
    """The size of the run."""

    stills: int = 45  # of each difficulty
    still_size: tuple[int, int] = HD
    large_stills: int = 9  # the same at 1080p
    films: int = 30  # of each kind
    film_size: tuple[int, int] = HD
    badges: int = 300  # through the whole door, at each size
    seconds: float = 60.0  # of video, idle and busy


# Some smaller films would have no frame with all of the code at MODULES_MIN.
SMALL = (800, 450)
QUICK = Extent(
    stills=1, still_size=SMALL, large_stills=0, films=1, film_size=SMALL, badges=4, seconds=0.5
)


def run(extent: Extent | None = None, build: Path = BUILD) -> dict[str, Any]:
    """Measure, write eyes.json and eyes.txt into `build`, and return the figures."""
    extent = extent or Extent()
    build.mkdir(parents=True, exist_ok=True)
    began, cpu = time.monotonic(), time.process_time()
    measure.warm_up()
    stills = measure.measure_stills(extent.stills, extent.large_stills, extent.still_size)
    films = measure.measure_films(extent.films, extent.film_size)
    report = {
        "bench": "eyes",
        "stills": {name: measure.stills_report(tally) for name, tally in stills.items()},
        "films": {
            name: {kind: measure.film_report(reel) for kind, reel in reels.items()}
            for name, reels in films.items()
        },
        "wrong_reads": [text for tally in stills.values() for text in tally.wrong],
        "pipeline": _pipeline(extent, build),
    }
    report["took_s"] = round(time.monotonic() - began, 1)
    report["took_cpu_s"] = round(time.process_time() - cpu, 1)
    (build / "eyes.json").write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")
    (build / "eyes.txt").write_text(table.text_of(report) + "\n", encoding="utf-8")
    return report


def _pipeline(extent: Extent, build: Path) -> dict[str, Any]:
    load = os.getloadavg()[0]
    return {
        "load_before": load,
        "fsync_ms": measure.percentiles(_fsyncs(build, extent.badges)),
        "frame_to_commit": [
            pipeline.frame_to_commit(extent.badges, size, build) for size in (HD, FULL_HD)
        ],
        "cpu": [
            pipeline.cpu_of_a_door(extent.seconds, size, build, busy=busy)
            for size in (HD, FULL_HD)
            for busy in (False, True)
        ],
        "load_after": os.getloadavg()[0],
    }


def _fsyncs(build: Path, count: int) -> list[float]:
    """The disk's own time, in ms: the lower bound of any commit."""
    path, took_ms = build / "fsync.tmp", []
    with path.open("wb", buffering=0) as file:
        for _ in range(count):
            file.write(np.random.default_rng(0).bytes(FSYNC_BYTES))
            began = time.perf_counter()
            os.fsync(file.fileno())
            took_ms.append((time.perf_counter() - began) * 1000)
            time.sleep(0.01)
    path.unlink()
    return took_ms
