"""Reads of photos, drawn and public, by `read`, by a door, and by other engines; and of pictures
without a code.

Times are CPU time, so other load on the machine does not count.
"""

import json
import time
from collections import Counter
from collections.abc import Callable, Collection
from pathlib import Path
from typing import Any

from kiosk.pictures import to_gray
from kiosk.reader.photo import read_still
from kiosk.reader.reader import Reader
from tests.bench.eyes.engines import opencv, pyzbar, zxing
from tests.bench.eyes.measure import percentiles
from tests.bench.eyes.pictures.cards import Gray
from tests.bench.eyes.pictures.photo_kinds import KINDS
from tests.bench.eyes.pictures.photos import photo
from tests.bench.eyes.pictures.public import public_photos, same
from tests.bench.eyes.pictures.without_code import WITHOUT_CODE, without_code

FIRST_NUMBER = 100  # earlier photos were used to choose the looks
EACH = 4
WITHOUT_CODE_EACH = 2000
DOOR_FRAMES = 10
BUILD = Path("build/bench")
# Of the 588 public photos, at commit a69a0ecb.
BEFORE = {"read": 573, "door": 524}


def _door(gray: Gray, frames: int = DOOR_FRAMES) -> list[str]:
    reader = Reader(time.process_time)
    for _ in range(frames):
        texts = [sighting.text for sighting in reader.read(gray)]
        if texts:
            return texts
    return []


def _photo(picture: Gray) -> list[str]:
    return [sighting.text for sighting in read_still(picture)]


READERS: dict[str, Callable[[Gray], list[str]]] = {
    "read": _photo,
    f"door, {DOOR_FRAMES} frames": _door,
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

    def show(
        self,
        read: Callable[[Gray], list[str]],
        picture: Gray,
        kind: str,
        truth: Collection[str] | None,
    ) -> None:
        """Without a `truth` any text counts, and none is wrong."""
        began = time.process_time()
        texts = set(read(picture))
        self.ms.append((time.process_time() - began) * 1000)
        right = {t for t in texts if truth is None or any(same(t, other) for other in truth)}
        self.codes += len(right)
        self.read[kind] += bool(right)
        self.wrong += sorted(texts - right)

    def report(self) -> dict[str, Any]:
        return {
            "photos_read": sum(self.read.values()),
            "codes_read": self.codes,
            "wrong": self.wrong,
            "by_kind": dict(self.read),
            "cpu_ms": percentiles(self.ms),
        }


def drawn(each: int) -> dict[str, Any]:
    """`each` photo of every kind."""
    scores = {name: Score() for name in READERS}
    codes = 0
    for kind in KINDS:
        for number in range(FIRST_NUMBER, FIRST_NUMBER + each):
            shown = photo(kind, number)
            codes += len(shown.texts)
            for name, score in scores.items():
                score.show(READERS[name], shown.gray, kind, shown.texts)
    return {"photos": each * len(KINDS), "codes": codes} | _reports(scores)


def public() -> dict[str, Any]:
    scores = {name: Score() for name in READERS}
    kinds: Counter[str] = Counter()
    for kind, picture, text in public_photos():
        kinds[kind] += 1
        truth = None if text is None else [text]
        for name, score in scores.items():
            # Of the readers only `read` uses colours.
            seen = picture if name == "read" else to_gray(picture)
            score.show(READERS[name], seen, kind, truth)
    report = {"photos": kinds.total(), "by_kind": dict(kinds), "before": BEFORE}
    return report | _reports(scores) if kinds else {"photos": 0}


def _reports(scores: dict[str, Score]) -> dict[str, Any]:
    return {"readers": {name: score.report() for name, score in scores.items()}}


def nothing_to_read(each: int) -> dict[str, Any]:
    """The texts that a door has in `each` picture of every kind without a code."""
    texts = [
        f"{kind} {number}: {text!r}"
        for kind in WITHOUT_CODE
        for number in range(each)
        for text in _door(without_code(kind, number))
    ]
    return {"pictures": each * len(WITHOUT_CODE), "texts": texts}


def run(each: int = EACH, without: int = WITHOUT_CODE_EACH, build: Path = BUILD) -> dict[str, Any]:
    """Measure, and write photos.json into `build`."""
    report = {
        "bench": "photos",
        "drawn": drawn(each),
        "public": public(),
        "without_code": nothing_to_read(without),
    }
    build.mkdir(parents=True, exist_ok=True)
    (build / "photos.json").write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")
    return report
