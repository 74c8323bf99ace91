"""Finds likely regions of a code in a picture: a located symbol, motion, or the busiest texture.

It uses a thumbnail of about 320 pixels, which takes well under a millisecond.
"""

from dataclasses import dataclass

import numpy as np

from kiosk.pictures import Picture, cv2
from kiosk.reader.passes import Corners

THUMB_WIDTH = 320
CROP_PX_MAX = 480
CROP_PX_MIN = 96
MARGIN = 2.0  # side of a crop relative to the symbol in it
WINDOW_PX = 25  # pixels of the thumbnail; a badge's code at arm's length
PATCH_SHARE = 0.5  # this share of the densest texture bounds its patch
# Side of a code relative to its patch of texture, with tolerance.
PATCH_MARGIN = 0.8
TEXTURE_MIN = 3.0  # mean gradient both ways, in gray levels; noise of a dark picture has 2.5
MOVED_MIN = 12  # gray levels
# If more of the picture changed, it was the light or the camera, not a badge.
MOVED_SHARE_MAX = 0.6


@dataclass(frozen=True)
class Region:
    """A square in a picture, in pixels, by its centre and side."""

    x: float
    y: float
    side: float


@dataclass(frozen=True)
class Crop:
    picture: Picture
    left: int
    top: int
    scale: float


@dataclass(frozen=True)
class Motion:
    """The share of a thumbnail that changed, and a mask of these pixels (255). No mask if none or
    nearly all changed.
    """

    share: float
    mask: Picture | None


def region_of(corners: Corners) -> Region:
    xs = [x for x, _ in corners]
    ys = [y for _, y in corners]
    side = max(max(xs) - min(xs), max(ys) - min(ys), 1.0)
    return Region((max(xs) + min(xs)) / 2, (max(ys) + min(ys)) / 2, side)


def area_of(corners: Corners) -> float:
    """In square pixels."""
    following = corners[1:] + corners[:1]
    doubled = sum(x * v - u * y for (x, y), (u, v) in zip(corners, following, strict=True))
    return abs(doubled) / 2


def crop_at(gray: Picture, region: Region) -> Crop:
    """At most 480 pixels wide and high."""
    height, width = gray.shape
    reach = max(region.side * MARGIN, CROP_PX_MIN) / 2
    left, right = max(0, int(region.x - reach)), min(width, int(region.x + reach))
    top, bottom = max(0, int(region.y - reach)), min(height, int(region.y + reach))
    part = gray[top:bottom, left:right]
    if not part.size:
        return Crop(gray[:0, :0], 0, 0, 1.0)
    scale = min(1.0, CROP_PX_MAX / max(part.shape))
    if scale < 1.0:
        part = _resized(part, scale)
    return Crop(np.ascontiguousarray(part), left, top, scale)


def reduced(crop: Crop, px_max: int) -> Crop:
    """At most `px_max` pixels wide and high."""
    shrink = px_max / max(1, *crop.picture.shape)
    if shrink >= 1:
        return crop
    return Crop(_resized(crop.picture, shrink), crop.left, crop.top, crop.scale * shrink)


def _resized(part: Picture, scale: float) -> Picture:
    size = (max(1, round(part.shape[1] * scale)), max(1, round(part.shape[0] * scale)))
    return np.asarray(cv2.resize(part, size, interpolation=cv2.INTER_AREA), np.uint8)


def thumbnail(gray: Picture) -> tuple[Picture, float]:
    """The picture reduced to about 320 pixels wide, and how many of its pixels make one of the
    thumbnail.
    """
    step = max(1.0, gray.shape[1] / THUMB_WIDTH)
    return (_resized(gray, 1 / step) if step > 1 else gray), step


def motion(thumb: Picture, before: Picture | None) -> Motion:
    """`before` is an earlier frame's thumbnail."""
    if before is None or before.shape != thumb.shape:
        return Motion(1.0, None)
    smooth = cv2.blur(cv2.absdiff(thumb, before), (3, 3))
    changed = cv2.threshold(smooth, MOVED_MIN, 255, cv2.THRESH_BINARY)[1]
    share = cv2.countNonZero(changed) / max(1, changed.size)
    if not 0 < share <= MOVED_SHARE_MAX:
        return Motion(share, None)
    return Motion(share, np.asarray(cv2.dilate(changed, np.ones((9, 9), np.uint8)), np.uint8))


def busiest(
    thumb: Picture, step: float, mask: Picture | None = None, limit: int = 1
) -> list[Region]:
    """Regions with the densest gradients both ways (as in a code), within `mask`, densest first."""
    if min(thumb.shape) < 8:
        return []
    texture = np.asarray(_texture(thumb), np.float32)
    if mask is not None:
        texture = np.where(mask > 0, texture, 0)
    regions: list[Region] = []
    while len(regions) < limit:
        _, strength, _, (x, y) = cv2.minMaxLoc(texture)
        if strength < TEXTURE_MIN:
            break
        left, top, width, height = _patch(texture, x, y, strength * PATCH_SHARE)
        rim = WINDOW_PX // 2
        texture[max(0, top - rim) : top + height + rim, max(0, left - rim) : left + width + rim] = 0
        side = max(width, height, WINDOW_PX) * step * PATCH_MARGIN
        regions.append(Region((left + width / 2) * step, (top + height / 2) * step, side))
    return regions


def _patch(texture: "cv2.typing.MatLike", x: int, y: int, least: float) -> tuple[int, ...]:
    """Left, top, width and height of the patch around (x, y)."""
    dense = np.asarray(texture >= least, np.uint8)
    _, labels, boxes, _ = cv2.connectedComponentsWithStats(dense, connectivity=4)
    return tuple(int(edge) for edge in boxes[labels[y, x]][:4])


def _texture(thumb: Picture) -> "cv2.typing.MatLike":
    """The geometric mean of the mean horizontal and vertical gradients around each pixel."""
    gray = thumb.astype(np.int16)
    across = np.zeros(thumb.shape, np.float32)
    down = np.zeros(thumb.shape, np.float32)
    across[:, 1:] = np.abs(np.diff(gray, axis=1))
    down[1:, :] = np.abs(np.diff(gray, axis=0))
    window = (WINDOW_PX, WINDOW_PX)
    return cv2.sqrt(cv2.multiply(cv2.blur(across, window), cv2.blur(down, window)))


def sharpness(picture: Picture) -> float:
    """The share of a picture's contrast that is in its finest detail. Only comparable between
    similar pictures.
    """
    if min(picture.shape) < 8:
        return 0.0
    half = _resized(picture, 0.5)
    contrast = float(half.std())
    return float(cv2.Laplacian(half, cv2.CV_32F).std()) / max(contrast, 4.0)
