"""The bench's films of moving badges, one after the other, before a phone's and a kiosk's camera.

Both get the same JPEG pictures, 30 a second, as from a webcam.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import numpy as np

from badges.credential import base45
from badges.credential.credential import PREFIX
from tests.bench.eyes.engines import ours
from tests.bench.eyes.measure import FilmPlayer
from tests.bench.eyes.pictures.cards import Gray
from tests.bench.eyes.pictures.films import EMPTY_FRAMES, FPS, KINDS, Film, film

FORGED_EACH = 10  # every tenth film's badge is forged
CATEGORY_BYTE = 8  # of a badge: the byte that is changed
GAP_S, HELD_S, END_S = 0.4, 1.5, 10.0
JPEG = (cv2.IMWRITE_JPEG_QUALITY, 92)


@dataclass(frozen=True)
class Take:
    """A film, and the truth about its badge."""

    film: Film
    person: int
    forged: bool


@dataclass(frozen=True)
class Reel:
    """All takes in one file. At its end the person `mark` holds up a badge for long."""

    takes: Sequence[Take]
    mark: int
    path: Path
    seconds: float


def forged(badge: str) -> str:
    """The badge with one bit changed."""
    raw = bytearray(base45.decode(badge.removeprefix(PREFIX)))
    raw[CATEGORY_BYTE] ^= 1
    return PREFIX + base45.encode(bytes(raw))


def make_reel(
    path: Path, each: int, badge: Callable[[int], str], say: Callable[[str], None]
) -> Reel:
    """`each` films of every kind, each with the badge of another person."""
    takes: list[Take] = []
    jpegs: list[bytes] = []
    kinds = list(KINDS)
    count = each * len(kinds)
    for number in range(count):
        bad = number % FORGED_EACH == FORGED_EACH - 1
        text = forged(badge(number)) if bad else badge(number)
        shown = film(kinds[number % len(kinds)], number // len(kinds), text=text)
        drawn = [_jpeg(frame) for frame in shown.frames]
        takes.append(Take(replace(shown, frames=[_gray(jpeg) for jpeg in drawn]), number, bad))
        jpegs += [*drawn, *_empty(drawn, GAP_S)]
        say(f"films drawn: {number + 1} of {count}")
    jpegs += _held(badge(count), HELD_S, END_S)
    path.write_bytes(b"".join(jpegs))
    return Reel(takes, count, path, len(jpegs) / FPS)


def write_pace(path: Path, badges: Iterable[str], each_s: float) -> Path:
    """One person after the other, each `each_s` after the one before."""
    jpegs = []
    for text in badges:
        held = _held(text, 0, 0)
        jpegs += [*held, *_empty(held, each_s - len(held) / FPS)]
    path.write_bytes(b"".join(jpegs))
    return path


def write_empty(path: Path) -> Path:
    """The hall alone."""
    path.write_bytes(b"".join(_held("", 0, 0)[:EMPTY_FRAMES]))
    return path


def read_by_kiosk(takes: Sequence[Take]) -> tuple[set[int], int]:
    """The persons whose badge a Linux kiosk's reader reads in these films, and its wrong texts.

    Its clock is CPU time, so other load does not count. It misses frames while it reads.
    """
    persons, wrong = set(), 0
    for take in takes:
        door = FilmPlayer()
        outcome = door.play(take.film, ours(door.clock))
        if outcome is not None:
            persons.add(take.person)
            wrong += sum(text != take.film.text for text in outcome[2])
    return persons, wrong


def _held(text: str, held_s: float, end_s: float) -> list[bytes]:
    """A badge that is brought and held for longer, and the empty hall after it."""
    jpegs = [_jpeg(frame) for frame in film("brought and held", 0, text=text or None).frames]
    return [*jpegs, *jpegs[-1:] * round(held_s * FPS), *_empty(jpegs, end_s)]


def _empty(jpegs: Sequence[bytes], seconds: float) -> list[bytes]:
    """The first frames of a film, in turn: they show the hall alone."""
    return [jpegs[number % EMPTY_FRAMES] for number in range(round(seconds * FPS))]


def _jpeg(frame: Gray) -> bytes:
    return cv2.imencode(".jpg", cv2.cvtColor(frame, cv2.COLOR_GRAY2BGR), JPEG)[1].tobytes()


def _gray(jpeg: bytes) -> Gray:
    return np.asarray(cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_GRAYSCALE))
