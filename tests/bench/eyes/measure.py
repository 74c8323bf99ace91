"""Each engine's reads of the stills and the films, and their cost."""

import time
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from tests.bench.eyes.engines import ENGINES, OURS, SLOW, Read
from tests.bench.eyes.pictures.cards import Gray
from tests.bench.eyes.pictures.films import FPS, KINDS, Film, film
from tests.bench.eyes.pictures.stills import DIFFICULTIES, FULL_HD, HD, Still, still

HOLD_FRAMES = 8  # a badge held still for a quarter of a second
SLOW_PART = 3  # slow engines get every third picture


@dataclass
class Tally:
    """One engine's score."""

    asked: Counter[str] = field(default_factory=Counter)
    read: Counter[str] = field(default_factory=Counter)
    held: Counter[str] = field(default_factory=Counter)  # read within HOLD_FRAMES of the same still
    wrong: list[str] = field(default_factory=list)
    wall_ms: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    cpu_ms: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))

    def timed(self, read: Read, gray: Gray) -> list[str]:
        size = f"{gray.shape[0]}p"
        wall, cpu = time.perf_counter(), time.process_time()
        texts = read(gray)
        self.cpu_ms[size].append((time.process_time() - cpu) * 1000)
        self.wall_ms[size].append((time.perf_counter() - wall) * 1000)
        return texts


def warm_up() -> None:
    """Load tables and libraries, so that no engine pays for it while it is measured."""
    gray = still("moving 1.5-3 modules", 0).gray
    for make in ENGINES.values():
        read = make()
        for _ in range(3):
            read(gray)


def _pictures(each: int, each_large: int, size: tuple[int, int]) -> Iterator[tuple[int, Still]]:
    for difficulty in DIFFICULTIES:
        for number in range(each):
            yield number, still(difficulty, number, size)
        for number in range(each_large):
            yield number, still(difficulty, number, FULL_HD)


def measure_stills(each: int, each_large: int, size: tuple[int, int] = HD) -> dict[str, Tally]:
    """`each` of every difficulty, and some at 1080p, before each engine."""
    tallies = {name: Tally() for name in ENGINES}
    for number, picture in _pictures(each, each_large, size):
        for name, tally in tallies.items():
            if number % SLOW_PART == 0 or name not in SLOW:
                _show_still(name, tally, picture)
    return tallies


def _show_still(name: str, tally: Tally, picture: Still) -> None:
    """The nearest code counts; texts that are not in view at all are wrong."""
    read, key = ENGINES[name](), picture.difficulty
    truth = {shown.text for shown in picture.shown}
    tally.asked[key] += 1
    for offer in range(HOLD_FRAMES if name == OURS else 1):  # the others would only repeat it
        texts = tally.timed(read, picture.gray)
        tally.wrong += [f"{key}: {text!r}" for text in texts if text not in truth]
        if picture.shown[0].text in texts:
            tally.read[key] += offer == 0
            tally.held[key] += 1
            return


class FilmPlayer:
    """Shows a film in real time: a slow engine misses frames, as at a door.

    Its clock adds CPU time to the film's, so other load on the machine does not count.
    """

    def __init__(self) -> None:
        self.film_s = 0.0
        self._cpu_s = time.process_time()

    def clock(self) -> float:
        return self.film_s + time.process_time() - self._cpu_s

    def play(self, shown: Film, read: Read) -> tuple[int, float, list[str]] | None:
        """(frames from full view to the one read, ms from full view to the text, all texts)."""
        full = shown.first_full_view
        number, texts = 0, []
        while number < len(shown.frames):
            self.film_s, self._cpu_s = max(self.clock(), number / FPS), time.process_time()
            texts += read(shown.frames[number])
            if shown.text in texts:
                return number - full, (self.clock() - full / FPS) * 1000, texts
            number = max(number + 1, int(self.clock() * FPS))
        return None


@dataclass
class Reel:
    """One engine's score at the films of one kind. Unread films have no frames and no ms."""

    asked: int = 0
    two_sharp_asked: int = 0
    two_sharp_read: int = 0
    frames: list[int] = field(default_factory=list)
    ms: list[float] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)


def measure_films(each: int, size: tuple[int, int] = HD) -> dict[str, dict[str, Reel]]:
    """`each` film of every kind, before each engine."""
    reels = {name: {kind: Reel() for kind in KINDS} for name in ENGINES}
    for kind in KINDS:
        for number in range(each):
            shown = film(kind, number, size)
            for name in ENGINES:
                if number % SLOW_PART == 0 or name not in SLOW:
                    _show_film(reels[name][kind], name, shown)
    return reels


def _show_film(reel: Reel, name: str, shown: Film) -> None:
    door = FilmPlayer()
    outcome = door.play(shown, ENGINES[name](door.clock))
    reel.asked += 1
    reel.two_sharp_asked += shown.sharp_frames >= 2
    if outcome is None:
        return
    frames, ms, texts = outcome
    reel.two_sharp_read += shown.sharp_frames >= 2
    reel.frames.append(frames)
    reel.ms.append(ms)
    reel.wrong += [text for text in texts if text != shown.text]


def percentiles(values: list[float]) -> dict[str, float] | None:
    if not values:
        return None
    p50, p95, p99 = (round(float(p), 2) for p in np.percentile(values, [50, 95, 99]))
    return {"p50": p50, "p95": p95, "p99": p99}


def stills_report(tally: Tally) -> dict[str, Any]:
    asked, read, held = (sum(c.values()) for c in (tally.asked, tally.read, tally.held))
    return {
        "frames": asked,
        "read": round(read / asked, 4),
        "read_held": round(held / asked, 4),
        "wrong": len(tally.wrong),
        "by_difficulty": {
            key: {
                "frames": count,
                "read": round(tally.read[key] / count, 4),
                "read_held": round(tally.held[key] / count, 4),
            }
            for key, count in tally.asked.items()
        },
        "wall_ms": {size: percentiles(ms) for size, ms in tally.wall_ms.items()},
        "cpu_ms": {size: percentiles(ms) for size, ms in tally.cpu_ms.items()},
    }


def film_report(reel: Reel) -> dict[str, Any]:
    return {
        "films": reel.asked,
        "read": round(len(reel.ms) / reel.asked, 4) if reel.asked else None,
        "with_two_sharp_frames": reel.two_sharp_asked,
        "of_them_read": reel.two_sharp_read,
        "frames_to_read": percentiles([float(n) for n in reel.frames]),
        "ms_to_read": percentiles(reel.ms),
        "wrong": len(reel.wrong),
    }
