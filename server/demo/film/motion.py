"""The motion of badges before a camera, and the camera's geometry."""

import math
import random
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, TypeAlias

import numpy as np

from server.demo.film.scene import HEIGHT, WIDTH

FPS = 15
ENTER_S, HOLD_S, LEAVE_S = 0.4, 0.8, 0.4
PRESENTATION_S = ENTER_S + HOLD_S + LEAVE_S
FOCAL_PX = 1100.0  # a webcam's 60 degrees over 1280 pixels
AWAY_MM = 420.0  # distance at which a badge comes into view
EXPOSURE_S = 1 / 60

Corners: TypeAlias = np.ndarray[Any, np.dtype[np.float32]]  # (n, 2) pixels


class Trouble(StrEnum):
    NONE = "none"
    DEFOCUS = "defocus"  # the camera has not focused yet
    THUMB = "thumb"  # a thumb covers a corner of the code at first
    GLARE = "glare"  # the reflection of a lamp moves off the code
    DIM = "dim"  # a person blocks the light


@dataclass(frozen=True)
class Manner:
    """How a badge is shown. Angles in degrees, at rest."""

    yaw: float = 0.0
    pitch: float = 0.0
    roll: float = 0.0
    # A badge on its lanyard may hang any way up, with the hand below it.
    quarter_turns: int = 0
    distance_mm: float = 260.0
    x_mm: float = 0.0
    y_mm: float = 0.0
    # Side of entry: -1 left, 1 right, 0 below.
    from_x: float = 0.0
    tremor: float = 0.0  # phase, different for each hand
    trouble: Trouble = Trouble.NONE


@dataclass(frozen=True)
class Pose:
    """A card's position relative to the camera, in millimetres and radians."""

    x: float
    y: float
    z: float
    yaw: float
    pitch: float
    roll: float


def make_manner(dice: random.Random) -> Manner:
    """Choose at random. Most manners are easy to read."""
    return Manner(
        yaw=max(-35.0, min(35.0, dice.gauss(0, 14))),
        pitch=max(-35.0, min(35.0, dice.gauss(4, 13))),
        roll=dice.gauss(0, 8),
        quarter_turns=dice.choice((0, 0, 0, 0, 0, 0, 1, 2, 3)),
        distance_mm=dice.uniform(215, 325),
        x_mm=dice.gauss(0, 16),
        y_mm=dice.gauss(0, 7),
        from_x=dice.choice((-1, 1, 0)),
        tremor=dice.uniform(0, 10),
        trouble=dice.choices(list(Trouble), (60, 12, 10, 10, 8))[0],
    )


def pose_at(manner: Manner, at_s: float) -> Pose:
    """With eased motion and tremor."""
    away = 1 - _ease(at_s / ENTER_S)
    left = _ease((at_s - ENTER_S - HOLD_S) / LEAVE_S)
    gone = max(away, left)
    side = manner.from_x if away > 0 or manner.from_x == 0 else -manner.from_x
    shake = at_s * 2 * math.pi + manner.tremor
    across_mm = AWAY_MM * WIDTH / FOCAL_PX
    return Pose(
        x=manner.x_mm + gone * side * across_mm + 0.7 * math.sin(shake * 3.1),
        y=manner.y_mm + gone * (90 if side else 330) + 0.7 * math.sin(shake * 2.3 + 1),
        z=manner.distance_mm + gone * (AWAY_MM - manner.distance_mm) + 2 * math.sin(shake * 0.9),
        yaw=math.radians(manner.yaw + gone * 25 * (side or 1) + 0.8 * math.sin(shake * 1.7)),
        pitch=math.radians(manner.pitch + gone * 20 + 0.8 * math.sin(shake * 2.1)),
        roll=math.radians(manner.roll + gone * 12 * side + 0.8 * math.sin(shake * 1.3)),
    )


def project(pose: Pose, corners_mm: Corners) -> Corners:
    """In pixels, by a pinhole camera."""
    cy, sy = math.cos(pose.yaw), math.sin(pose.yaw)
    cp, sp = math.cos(pose.pitch), math.sin(pose.pitch)
    cr, sr = math.cos(pose.roll), math.sin(pose.roll)
    turn = np.array([[cr, -sr, 0], [sr, cr, 0], [0, 0, 1]])
    tilt = np.array([[1, 0, 0], [0, cp, -sp], [0, sp, cp]])
    swing = np.array([[cy, 0, sy], [0, 1, 0], [-sy, 0, cy]])
    flat = np.column_stack((corners_mm, np.zeros(len(corners_mm))))
    points = flat @ (swing @ tilt @ turn).T + (pose.x, pose.y, pose.z)
    pixels = FOCAL_PX * points[:, :2] / points[:, 2:] + (WIDTH / 2, HEIGHT / 2)
    return np.asarray(pixels, np.float32)


def smear(manner: Manner, at_s: float) -> tuple[float, float]:
    """The motion while the shutter is open, in pixels."""
    centre = np.zeros((1, 2), np.float32)
    before = project(pose_at(manner, at_s - EXPOSURE_S), centre)[0]
    now = project(pose_at(manner, at_s), centre)[0]
    return float(now[0] - before[0]), float(now[1] - before[1])


def trouble_at(manner: Manner, at_s: float) -> float:
    """1 at first, 0 from the middle of the hold."""
    return max(0.0, min(1.0, 1.0 - (at_s - ENTER_S) / (HOLD_S / 2)))


def _ease(share: float) -> float:
    share = max(0.0, min(1.0, share))
    return share * share * (3 - 2 * share)
