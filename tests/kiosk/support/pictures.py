"""Pictures for the tests of the door's eye.

Symbols are made by another library than the readers', and degraded as at a door.
"""

from functools import cache
from pathlib import Path

import cv2
import numpy as np
from qrcode import base, constants, util
from qrcode.main import QRCode

TEXT = "HK" + "7Z%K.:A1+" * 13 + "XYZ"  # 122 characters, as a badge has
PLENTY_MS = 1e9
Gray = np.ndarray


def matrix(qr: QRCode, module_px: int) -> Gray:
    dark = np.array(qr.get_matrix(), bool)
    pixels = np.where(dark, 0, 255).astype(np.uint8)
    return np.kron(pixels, np.ones((module_px, module_px), np.uint8))


@cache
def symbol(text: str | bytes, module_px: int = 8, version: int | None = 5) -> Gray:
    """A symbol with its quiet zone. Shared, so do not change it."""
    qr = QRCode(version=version, error_correction=constants.ERROR_CORRECT_M, border=4)
    qr.add_data(text)
    qr.make(fit=version is None)
    drawn = matrix(qr, module_px)
    drawn.setflags(write=False)
    return drawn


def structured_append(text: str) -> Gray:
    """Part 1 of 2 of a message in several symbols (ISO/IEC 18004, 8)."""
    qr = QRCode(version=5, error_correction=constants.ERROR_CORRECT_M, border=4)
    bits = util.BitBuffer()
    for value, length in [(3, 4), (0, 4), (1, 4), (0x5A, 8), (4, 4), (len(text), 8)]:
        bits.put(value, length)
    for byte in text.encode():
        bits.put(byte, 8)
    bits.put(0, 4)
    blocks = base.rs_blocks(5, qr.error_correction)
    capacity = sum(block.data_count for block in blocks)
    bits.put(0, -len(bits) % 8)
    for number in range(capacity - len(bits) // 8):
        bits.put((0xEC, 0x11)[number % 2], 8)
    qr.data_cache = util.create_bytes(bits, blocks)
    qr.makeImpl(False, 2)
    return matrix(qr, 8)


def hall(width: int = 1280, height: int = 720) -> Gray:
    """A door's view without a badge: soft shapes, some lettering, some noise. Constant."""
    return _hall(width, height).copy()


@cache
def _hall(width: int, height: int) -> Gray:
    rng = np.random.default_rng(7)
    coarse = rng.integers(60, 200, (9, 16), dtype=np.uint8)
    view = cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC)
    cv2.putText(view, "HALL 7", (width // 10, height // 3), cv2.FONT_HERSHEY_SIMPLEX, 3, 40, 8)
    noise = rng.normal(0, 3, view.shape)
    return np.clip(view + noise, 0, 255).astype(np.uint8)


def held_up(
    card: Gray, module_px: float, *, x: int = 700, y: int = 380, degrees: float = 8, tilt: float = 1
) -> Gray:
    """The hall with a card (8 pixels a module) in view, `tilt` times its width."""
    view, scale = _hall(1280, 720), module_px / 8
    middle = card.shape[0] / 2
    turn = cv2.getRotationMatrix2D((middle, middle), degrees, 1.0)
    squeeze = np.array([[scale * tilt, 0, x], [0, scale, y], [0, 0, 1]])
    centre = np.array([[1, 0, -middle], [0, 1, -middle], [0, 0, 1]])
    warp = (squeeze @ centre @ np.vstack([turn, [0, 0, 1]]))[:2]
    size = (view.shape[1] * 2, view.shape[0] * 2)
    placed = cv2.warpAffine(card, warp * 2, size, flags=cv2.INTER_AREA)
    covered = cv2.warpAffine(np.full_like(card, 255), warp * 2, size)
    large = np.where(covered > 128, placed, cv2.resize(view, size))
    return cv2.resize(large, view.shape[::-1], interpolation=cv2.INTER_AREA)


def noisy(gray: Gray, sigma: float) -> Gray:
    noise = np.random.default_rng(1).normal(0, sigma, gray.shape)
    return np.clip(gray + noise, 0, 255).astype(np.uint8)


def glared(gray: Gray) -> Gray:
    y, x = np.mgrid[0 : gray.shape[0], 0 : gray.shape[1]]
    light = 260 * np.exp(-((x - 700) ** 2 + (y - 380) ** 2) / (2 * 40.0**2))
    return np.clip(gray + light, 0, 255).astype(np.uint8)


def shaded(gray: Gray) -> Gray:
    """A hard shadow over the lower half."""
    lit = np.where(np.arange(gray.shape[0]) < 380, 1.0, 0.2)
    return (gray * lit[:, None]).astype(np.uint8)


def line(length_px: int, degrees: float) -> Gray:
    """The kernel of a steady motion."""
    fine = np.zeros((8 * length_px, 8 * length_px), np.float32)
    fine[4 * length_px - 4 : 4 * length_px + 4] = 1
    turn = cv2.getRotationMatrix2D((4 * length_px - 0.5, 4 * length_px - 0.5), degrees, 1.0)
    turned = cv2.warpAffine(fine, turn, fine.shape)
    kernel = cv2.resize(turned, (length_px, length_px), interpolation=cv2.INTER_AREA)
    return kernel / kernel.sum()


def disc(radius_px: float) -> Gray:
    """The kernel of a lens out of focus."""
    half = int(radius_px) + 1
    y, x = np.mgrid[-half - 0.5 : half + 0.5 : 0.125, -half - 0.5 : half + 0.5 : 0.125]
    fine = (np.hypot(x, y) <= radius_px).astype(np.float32)
    kernel = cv2.resize(fine, (2 * half + 1, 2 * half + 1), interpolation=cv2.INTER_AREA)
    return kernel / kernel.sum()


def plain(level: int, width: int = 64, height: int = 48) -> Gray:
    """A colour picture of one gray level."""
    return np.full((height, width, 3), level, np.uint8)


def write_video(path: Path) -> Path:
    """20 small pictures at 50 a second, each 10 levels brighter."""
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"MJPG"), 50, (64, 48))
    for number in range(20):
        writer.write(plain(number * 10))
    writer.release()
    return path


def write_photos(folder: Path) -> Path:
    """Two photos, a broken one, and another file."""
    folder.mkdir()
    cv2.imwrite(str(folder / "1.png"), plain(50))
    cv2.imwrite(str(folder / "2.JPG"), plain(150))
    (folder / "broken.png").write_bytes(b"no picture")
    (folder / "notes.txt").write_text("no picture either")
    return folder
