"""Renders video files of badges carried into a door camera's view, with motion blur, defocus, light
and sensor noise, so that kiosks really read them.
"""

import math
import random
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import FIRST_EXCEPTION, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from badges.printing.card import Card
from server.demo.film.avi import MotionJpeg
from server.demo.film.motion import (
    FPS,
    PRESENTATION_S,
    Corners,
    Manner,
    Trouble,
    make_manner,
    pose_at,
    project,
    smear,
    trouble_at,
)
from server.demo.film.props import Front, Prop, card_front, held, phone_front
from server.demo.film.scene import HEIGHT, WIDTH, Picture, Scene, lay_over

LEAD_S, TAIL_S = 2.0, 2.0
JPEG_QUALITY = 88
WORKERS = 3
INTERRUPT_S = 0.2  # maximum delay until Ctrl-C is noticed
_FRAMES = round(PRESENTATION_S * FPS)


@dataclass(frozen=True)
class Shown:
    """The object of a presentation: a printed badge, or a code on a phone."""

    text: str
    card: Card | None = None  # the card with `text`, or None for a phone


@dataclass(frozen=True)
class Take:
    """A presentation ready to be drawn. `hampered` is the prop while its trouble lasts."""

    manner: Manner
    prop: Prop
    hampered: Prop


def film_seconds(presentations: int) -> float:
    return LEAD_S + presentations * PRESENTATION_S + TAIL_S


def make_films(
    films: Sequence[tuple[Path, Sequence[Shown]]],
    event_name: str,
    seed: int,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> None:
    """Draw the films in parallel. `progress` is called after each presentation.

    If it is interrupted or a film fails, the others stop after the current frame.
    """
    stop = threading.Event()
    total, done = sum(len(shown) for _, shown in films), 0

    def drawn() -> None:
        nonlocal done
        done += 1
        progress(done, total)

    threads = cv2.getNumThreads()
    cv2.setNumThreads(1)  # the films are already drawn in parallel
    try:
        with ThreadPoolExecutor(WORKERS) as pool:
            try:
                jobs = [
                    pool.submit(make_film, path, shown, event_name, seed * 1000 + n, drawn, stop)
                    for n, (path, shown) in enumerate(films)
                ]
                _wait_for(jobs)
            except BaseException:
                # The pool waits for its jobs, and a film takes a minute.
                stop.set()
                raise
    finally:
        cv2.setNumThreads(threads)


def _wait_for(jobs: Sequence[Future[None]]) -> None:
    """Raises the first failure."""
    due: Iterable[Future[None]] = jobs
    while due:
        # A signal just before a wait does not end it, so each wait is short.
        done, due = wait(due, INTERRUPT_S, FIRST_EXCEPTION)
        for job in done:
            job.result()


def make_film(
    path: Path,
    shown: Sequence[Shown],
    event_name: str,
    seed: int,
    drawn: Callable[[], None] = lambda: None,
    stop: threading.Event | None = None,
) -> None:
    """Write a film: an empty lobby, each presentation, and an empty lobby.

    It stops early once `stop` is set.
    """
    dice = random.Random(seed)
    scene = Scene(seed)
    steps = _steps(shown, event_name, dice, drawn)
    with MotionJpeg(path, fps=FPS, width=WIDTH, height=HEIGHT) as film:
        for number, (take, step) in enumerate(steps):
            if stop is not None and stop.is_set():
                return
            picture = frame(scene, number, take, step)
            _, jpeg = cv2.imencode(".jpg", picture, (cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY))
            film.add(jpeg.tobytes())


def _steps(
    shown: Sequence[Shown], event_name: str, dice: random.Random, drawn: Callable[[], None]
) -> Iterator[tuple[Take | None, int]]:
    """Yield each frame's take and its number in the take; None is an empty lobby."""
    yield from ((None, 0) for _ in range(round(LEAD_S * FPS)))
    for item in shown:
        take = make_take(item, event_name, dice)
        yield from ((take, step) for step in range(_FRAMES))
        drawn()
    yield from ((None, 0) for _ in range(round(TAIL_S * FPS)))


def make_take(shown: Shown, event_name: str, dice: random.Random) -> Take:
    manner = make_manner(dice)
    hand = dice.randrange(20)
    dark = dice.random() < 0.5
    if shown.card is None:
        front = phone_front(shown.text, dark=dark)
    else:
        front = card_front(shown.card, event_name)
    return Take(manner, *_props(front, manner, hand))


def _props(front: Front, manner: Manner, hand: int) -> tuple[Prop, Prop]:
    prop = held(front, hand, quarter_turns=manner.quarter_turns)
    if manner.trouble is not Trouble.THUMB:
        return prop, prop
    return prop, held(front, hand, quarter_turns=manner.quarter_turns, thumb=True)


def frame(scene: Scene, number: int, take: Take | None, step: int) -> Picture:
    """`step` counts the frames of its presentation."""
    at_s = number / FPS
    picture = scene.empty(at_s)
    level = 1.0
    if take is not None:
        _compose(picture, take, step / FPS)
        if take.manner.trouble is Trouble.DIM:
            level = 1 - 0.5 * math.sin(math.pi * step / _FRAMES)
    return scene.grain(scene.light(picture, at_s, level), number)


def _compose(picture: Picture, take: Take, at_s: float) -> None:
    manner = take.manner
    bad = trouble_at(manner, at_s)
    prop = take.hampered if bad > 0 else take.prop
    corners = project(pose_at(manner, at_s), prop.corners_mm)
    blur = smear(manner, at_s)
    defocus = max(0.45, 3.5 * bad if manner.trouble is Trouble.DEFOCUS else 0)
    margin = int(max(abs(blur[0]), abs(blur[1])) + 3 * defocus) + 2
    left, top = (max(0, int(low) - margin) for low in corners.min(axis=0))
    right, bottom = (int(high) + margin for high in corners.max(axis=0))
    area = picture[top : min(bottom, HEIGHT), left : min(right, WIDTH)]
    if not area.size:
        return
    card = _warp(prop, corners - (left, top), area.shape)
    card = _blur(card, blur, defocus)
    if manner.trouble is Trouble.GLARE and bad > 0:
        code = project(pose_at(manner, at_s), np.array([prop.code_mm], np.float32))[0]
        _glare(card, code - (left, top), bad)
    lay_over(area, card)


def _warp(prop: Prop, corners: Corners, shape: tuple[int, ...]) -> Picture:
    height, width = prop.picture.shape[:2]
    source = np.array([(0, 0), (width, 0), (width, height), (0, height)], np.float32)
    matrix = cv2.getPerspectiveTransform(source, corners.astype(np.float32))
    size = (shape[1], shape[0])
    return np.asarray(cv2.warpPerspective(prop.picture, matrix, size, flags=cv2.INTER_LINEAR))


def _blur(card: Picture, smear_px: tuple[float, float], defocus: float) -> Picture:
    card = np.asarray(cv2.GaussianBlur(card, (0, 0), defocus))
    # Averaging with copies at 1/2, 1/4, 1/8 … of the way gives an even blur.
    share = 0.5
    while max(abs(smear_px[0]), abs(smear_px[1])) * share >= 0.75:
        card = _doubled(card, round(smear_px[0] * share), round(smear_px[1] * share))
        share /= 2
    return card


def _doubled(card: Picture, dx: int, dy: int) -> Picture:
    """The mean of the picture and its shifted copy."""
    height, width = card.shape[:2]
    if abs(dx) >= width or abs(dy) >= height:
        return card
    mean = np.asarray(cv2.convertScaleAbs(card, alpha=0.5))
    to = mean[max(0, dy) : height + min(0, dy), max(0, dx) : width + min(0, dx)]
    source = card[max(0, -dy) : height - max(0, dy), max(0, -dx) : width - max(0, dx)]
    to[:] = cv2.scaleAdd(source, 0.5, np.ascontiguousarray(to))
    return np.asarray(mean, np.uint8)


def _glare(card: Picture, code: Corners, bad: float) -> None:
    """Draw a lamp's reflection, which moves off the code."""
    shine = np.zeros(card.shape[:2], np.uint8)
    at = (int(code[0] + 260 * (1 - bad)), int(code[1] - 160 * (1 - bad)))
    cv2.ellipse(shine, at, (90, 46), 20, 0, 360, 235, -1)
    shine = np.asarray(cv2.blur(shine, (61, 61)))
    # Only the card reflects light.
    shine = np.asarray(cv2.min(shine, card[:, :, 3]))
    card[:, :, :3] = cv2.add(card[:, :, :3], cv2.merge((shine, shine, shine)))
