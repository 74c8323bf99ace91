"""A card before a camera: its position in the picture, and the hall behind it."""

from dataclasses import dataclass
from functools import lru_cache

import cv2
import numpy as np

from tests.bench.eyes.pictures.cards import Card, Gray, picture, size_of

LENS_DEGREES = 70.0
SCALE_MAX = 24


@dataclass(frozen=True)
class Pose:
    """The symbol's middle in pixels, its modules' size if it faced the camera, and its turns."""

    x: float
    y: float
    module_px: float
    roll: float = 0.0  # degrees, as the next two
    yaw: float = 0.0
    pitch: float = 0.0


@dataclass(frozen=True)
class Shown:
    """The truth about one code in a picture."""

    text: str
    corners: tuple[tuple[float, float], ...]
    module_px: float
    whole: bool  # all of it in view
    blur_modules: float = 0.0  # how far it moved while the shutter was open

    @property
    def side(self) -> float:
        xs = [x for x, _ in self.corners]
        return max(xs) - min(xs)


@dataclass(frozen=True, eq=False)
class Layer:
    """A card as light and cover (0 to 1) at (left, top) of a picture."""

    light: Gray
    cover: Gray
    left: int
    top: int
    shown: Shown


def focal_px(width: int) -> float:
    return width / 2 / np.tan(np.radians(LENS_DEGREES / 2))


def _project(points: Gray, pose: Pose, width: int) -> Gray:
    """Points of the card in modules from the symbol's middle, as pixels."""
    roll, yaw, pitch = np.radians([pose.roll, pose.yaw, pose.pitch])
    about_z = [[np.cos(roll), -np.sin(roll), 0], [np.sin(roll), np.cos(roll), 0], [0, 0, 1]]
    about_y = [[np.cos(yaw), 0, np.sin(yaw)], [0, 1, 0], [-np.sin(yaw), 0, np.cos(yaw)]]
    about_x = [[1, 0, 0], [0, np.cos(pitch), -np.sin(pitch)], [0, np.sin(pitch), np.cos(pitch)]]
    turned = np.column_stack([points, np.zeros(len(points))]) @ np.array(about_z).T
    turned = turned @ (np.array(about_x) @ np.array(about_y)).T
    distance = focal_px(width) / pose.module_px
    flat = turned[:, :2] * pose.module_px * (distance / (distance + turned[:, 2:]))
    return flat + np.array((pose.x, pose.y))


def place(card: Card, pose: Pose, size: tuple[int, int], margin: int = 0) -> Layer:
    """The card as a camera of `size` (width, height) sees it, with `margin` pixels around."""
    width, height = size
    over = 3 if pose.module_px < 3 else 2
    scale = int(min(SCALE_MAX, max(3, round(pose.module_px * over))))
    flat = picture(card, scale)
    high, wide = flat.shape
    edges = np.array([[0, 0], [wide, 0], [wide, high], [0, high]], float)
    outline = _project((edges - (wide / 2, 0.6 * high)) / scale, pose, width)
    half = size_of(card.text) / 2
    square = np.array([(-half, -half), (half, -half), (half, half), (-half, half)])
    corners = _project(square, pose, width)
    left, top = np.maximum(np.floor(outline.min(axis=0)).astype(int) - margin, -margin)
    right, bottom = np.minimum(
        np.ceil(outline.max(axis=0)).astype(int) + margin, (width + margin, height + margin)
    )
    shape = (max(1, right - left), max(1, bottom - top))
    warp = cv2.getPerspectiveTransform(
        edges.astype(np.float32), ((outline - (left, top)) * over).astype(np.float32)
    )
    large = (shape[0] * over, shape[1] * over)
    light = cv2.warpPerspective(flat, warp, large, flags=cv2.INTER_LINEAR, borderValue=0)
    cover = cv2.warpPerspective(np.full_like(flat, 255), warp, large, flags=cv2.INTER_LINEAR)
    light = cv2.resize(light, shape, interpolation=cv2.INTER_AREA).astype(np.float32)
    cover = cv2.resize(cover, shape, interpolation=cv2.INTER_AREA).astype(np.float32) / 255
    inside = (corners >= 0).all() and (corners <= (width - 1, height - 1)).all()
    points = tuple((float(x), float(y)) for x, y in corners)
    shown = Shown(card.text, points, pose.module_px, bool(inside))
    return Layer(light, cover, int(left), int(top), shown)


def put(view: Gray, layer: Layer) -> None:
    """Draw the card over the picture (floats)."""
    height, width = view.shape
    top, left = max(0, layer.top), max(0, layer.left)
    bottom = min(height, layer.top + layer.light.shape[0])
    right = min(width, layer.left + layer.light.shape[1])
    if bottom <= top or right <= left:
        return
    rows = slice(top - layer.top, bottom - layer.top)
    columns = slice(left - layer.left, right - layer.left)
    part = view[top:bottom, left:right]
    part *= 1 - layer.cover[rows, columns]
    part += layer.light[rows, columns]


@lru_cache(maxsize=12)
def hall(size: tuple[int, int], number: int) -> Gray:
    """A hall behind the badge: soft light, walls, people in coats, lettering, a patterned floor."""
    rng = np.random.default_rng((number, size[0]))
    width, height = size
    coarse = rng.integers(50, 190, (6, 10), dtype=np.uint8)
    view = cv2.resize(coarse, size, interpolation=cv2.INTER_CUBIC)
    for _ in range(14):  # panels and door frames
        x, y = rng.integers(0, width), rng.integers(0, height)
        wide, high = rng.integers(width // 40, width // 5), rng.integers(height // 20, height // 2)
        level = int(rng.integers(30, 230))
        cv2.rectangle(view, (int(x), int(y)), (int(x + wide), int(y + high)), level, -1)
    for _ in range(4):  # people
        x, y = int(rng.integers(0, width)), int(rng.integers(height // 3, height))
        cv2.ellipse(view, (x, y + height // 3), (width // 9, height // 3), 0, 0, 360, 60, -1)
        cv2.circle(view, (x, y - height // 20), height // 9, int(rng.integers(90, 200)), -1)
    font = cv2.FONT_HERSHEY_SIMPLEX
    cv2.putText(view, "HALL 7  ENTRANCE", (width // 12, height // 4), font, height / 300, 235, 6)
    tile = max(6, width // 90)
    y, x = np.mgrid[0:height, 0:width]
    checked = ((x // tile + y // tile) % 2) * 26 - 13
    floor = np.where(y > height * 0.8, checked, 0)
    grain = cv2.GaussianBlur(rng.normal(0, 20, (height, width)).astype(np.float32), (0, 0), 1.5)
    return np.clip(cv2.GaussianBlur(view, (0, 0), 1.2) + floor + grain, 0, 255).astype(np.float32)
