"""Reads of photos: by the first look, by a door held eight frames, and by `read`.

Times are CPU time, so other load on the machine does not count.
"""

import json
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

from kiosk.reader.photo import read_still
from kiosk.reader.reader import Reader
from tests.bench.eyes.engines import opencv, pyzbar, zxing
from tests.bench.eyes.measure import HOLD_FRAMES, percentiles
from tests.bench.eyes.pictures.cards import Gray
from tests.bench.eyes.pictures.photo_kinds import KINDS
from tests.bench.eyes.pictures.photos import Photo, photo

FIRST_NUMBER = 100  # earlier photos were used to choose the looks
EACH = 4
BUILD = Path("build/bench")


def _door(gray: Gray) -> list[str]:
    reader = Reader(time.process_time)
    for _ in range(HOLD_FRAMES):
        texts = [sighting.text for sighting in reader.read(gray)]
        if texts:
            return texts
    return []


def _photo(gray: Gray) -> list[str]:
    return [sighting.text for sighting in read_still(gray)]


READERS: dict[str, Callable[[Gray], list[str]]] = {
    "read": _photo,
    "door, 8 frames": _door,
    "zxing-cpp": zxing(),
    "pyzbar": pyzbar(),
    "OpenCV": opencv(),
}


class Score:
    """One reader's. A photo counts as read if any of its codes is."""

    def __init__(self) -> None:
        self.read: Counter[str] = Counter()
        self.codes = 0
        self.wrong: list[str] = []
        self.ms: list[float] = []

    def show(self, read: Callable[[Gray], list[str]], shown: Photo) -> None:
        began = time.process_time()
        texts = set(read(shown.gray))
        self.ms.append((time.process_time() - began) * 1000)
        right = texts & set(shown.texts)
        self.codes += len(right)
        self.read[shown.kind] += bool(right)
        self.wrong += sorted(texts - set(shown.texts))

    def report(self) -> dict[str, Any]:
        return {
            "photos_read": sum(self.read.values()),
            "codes_read": self.codes,
            "wrong": self.wrong,
            "by_kind": dict(self.read),
            "cpu_ms": percentiles(self.ms),
        }


def run(each: int | None = None, build: Path = BUILD) -> dict[str, Any]:
    """Show `each` photo of every kind to each reader; write photos.json into `build`."""
    each = each or EACH
    scores = {name: Score() for name in READERS}
    photos = codes = 0
    for kind in KINDS:
        for number in range(FIRST_NUMBER, FIRST_NUMBER + each):
            shown = photo(kind, number)
            photos, codes = photos + 1, codes + len(shown.texts)
            for name, score in scores.items():
                score.show(READERS[name], shown)
    report = {
        "bench": "photos",
        "photos": photos,
        "codes": codes,
        "readers": {name: score.report() for name, score in scores.items()},
    }
    build.mkdir(parents=True, exist_ok=True)
    (build / "photos.json").write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")
    return report
