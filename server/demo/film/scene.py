"""The background of a door camera: a lobby with light, noise and passers-by."""

from typing import Any, TypeAlias

import cv2
import numpy as np

Picture: TypeAlias = np.ndarray[Any, np.dtype[np.uint8]]

WIDTH, HEIGHT = 1280, 720
_LIGHT_SCALE = 8  # light changes softly, so it is computed at a low resolution
# Standard deviation of a pixel of a webcam indoors.
_NOISE = 4.5
_NOISE_MARGIN = 96


class Scene:
    """One door's lobby, determined by the seed."""

    def __init__(self, seed: int) -> None:
        dice = np.random.default_rng(seed)
        self._backdrop = _backdrop(dice)
        self._passers = [_passer(dice) for _ in range(3)]
        size = (HEIGHT + _NOISE_MARGIN, WIDTH + _NOISE_MARGIN, 3)
        noise = dice.normal(128, _NOISE, size).astype(np.float32)
        # Demosaicing spreads noise over neighbouring pixels. It also keeps the film small.
        self._noise = cv2.GaussianBlur(noise, (0, 0), 0.7).clip(0, 255).astype(np.uint8)
        rows, columns = np.mgrid[0 : HEIGHT // _LIGHT_SCALE, 0 : WIDTH // _LIGHT_SCALE]
        self._rows = rows.astype(np.float32) / (HEIGHT // _LIGHT_SCALE)
        self._columns = columns.astype(np.float32) / (WIDTH // _LIGHT_SCALE)
        self._phase = float(dice.uniform(0, 60))

    def empty(self, at_s: float) -> Picture:
        picture = self._backdrop.copy()
        for sprite, speed, phase in self._passers:
            left = round((phase + speed * at_s) % 2600 - 600)
            shown = sprite[:, max(0, -left) : max(0, WIDTH - left)]
            if shown.size:
                top, left = 590 - sprite.shape[0], max(0, left)
                lay_over(picture[top : top + sprite.shape[0], left : left + shown.shape[1]], shown)
        return picture

    def light(self, picture: Picture, at_s: float, level: float = 1.0) -> Picture:
        """Apply the lamps' light and a moving shadow. `level` dims the picture."""
        at = (at_s + self._phase) * 0.21
        x, y = 0.5 + 0.6 * np.sin(at), 0.45 + 0.25 * np.sin(at * 1.7 + 1)
        distance = ((self._columns - x) / 0.38) ** 2 + ((self._rows - y) / 0.55) ** 2
        shadow = 1.0 - 0.3 * np.exp(-distance)
        fall_off = 1.0 - 0.22 * ((self._columns - 0.5) ** 2 + (self._rows - 0.45) ** 2)
        mask = (shadow * fall_off * (255 * level)).astype(np.uint8)
        large = cv2.resize(mask, (WIDTH, HEIGHT), interpolation=cv2.INTER_LINEAR)
        return cv2.multiply(picture, cv2.cvtColor(large, cv2.COLOR_GRAY2BGR), scale=1 / 255)  # type: ignore[return-value]

    def grain(self, picture: Picture, number: int) -> Picture:
        top, left = number * 37 % _NOISE_MARGIN, number * 61 % _NOISE_MARGIN
        noise = self._noise[top : top + HEIGHT, left : left + WIDTH]
        return cv2.addWeighted(picture, 1, noise, 1, -128)  # type: ignore[return-value]


def _backdrop(dice: np.random.Generator) -> Picture:
    shade = np.linspace(0.82, 1.05, HEIGHT, dtype=np.float32)[:, None, None]
    wall = np.array(dice.uniform((135, 150, 158), (165, 175, 182)), np.float32)
    picture: Picture = np.broadcast_to(wall * shade, (HEIGHT, WIDTH, 3)).astype(np.uint8).copy()
    floor = int(dice.integers(520, 570))
    picture[floor:] = (picture[floor:] * 0.62).astype(np.uint8)
    for x in range(int(dice.integers(-80, 60)), WIDTH, 330):
        cv2.rectangle(picture, (x, 24), (x + 190, 62), (236, 244, 248), -1)
    door = int(dice.integers(60, 760))
    cv2.rectangle(picture, (door, 150), (door + 300, floor), (58, 52, 46), -1)
    cv2.rectangle(picture, (door + 12, 162), (door + 288, floor), (92, 84, 74), -1)
    poster = (door + 480) % 1050
    colour = tuple(int(c) for c in dice.integers(40, 170, 3))
    cv2.rectangle(picture, (poster, 170), (poster + 170, 430), colour, -1)
    cv2.circle(picture, (poster + 85, 270), 52, (190, 200, 205), -1)
    return cv2.GaussianBlur(picture, (0, 0), 7)  # type: ignore[return-value]


def lay_over(area: Picture, card: Picture) -> None:
    """Composite a premultiplied BGRA picture over a BGR one of the same size."""
    # OpenCV's functions are several times faster than slices of channels.
    clear = cv2.cvtColor(cv2.bitwise_not(cv2.extractChannel(card, 3)), cv2.COLOR_GRAY2BGR)
    behind = cv2.multiply(area, clear, scale=1 / 255)
    area[:] = cv2.add(behind, cv2.cvtColor(card, cv2.COLOR_BGRA2BGR))


def _passer(dice: np.random.Generator) -> tuple[Picture, float, float]:
    """Return picture, pixels a second, and start position."""
    height = int(dice.integers(260, 340))
    colour = tuple(int(c) for c in dice.integers(35, 110, 3))
    sprite = np.zeros((height + 60, 190, 4), np.uint8)
    shoulders = (95, 110 + height // 4)
    cv2.ellipse(sprite, shoulders, (46, height // 4 + 24), 0, 0, 360, (*colour, 255), -1)
    for foot in (72, 118):
        cv2.line(sprite, (95, height // 2), (foot, height + 20), (52, 46, 44, 255), 38)
    cv2.circle(sprite, (95, 52), 26, (112, 138, 168, 255), -1)
    speed = float(dice.uniform(25, 60) * dice.choice((-1, 1)))
    return np.asarray(cv2.GaussianBlur(sprite, (0, 0), 8)), speed, float(dice.uniform(0, 2600))
