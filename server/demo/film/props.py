"""Flat pictures of the objects held before the camera: printed badges and phones, with a hand."""

from dataclasses import dataclass
from typing import TypeAlias

import cv2
import numpy as np

from badges.printing.card import Card, CardError, render_pngs
from badges.printing.look import Look
from badges.printing.qr import symbol
from server.demo.film.motion import Corners
from server.demo.film.scene import Picture

PX_PER_MM = 5
BADGE_MM = (90, 130)
PHONE_MM = (74, 152)
HAND_MM = 150  # hand and sleeve below the object
MODULE_PX = 6
MARGIN_MM = 16
Colour: TypeAlias = tuple[int, int, int]  # BGR
_SKINS: tuple[Colour, ...] = ((150, 180, 222), (120, 150, 196), (86, 116, 160), (58, 80, 116))
_SLEEVES: tuple[Colour, ...] = (
    (70, 52, 40), (58, 58, 62), (120, 92, 60), (44, 40, 80), (150, 150, 156),
)  # fmt: skip


@dataclass(frozen=True)
class Front:
    """The visible side as a BGR picture, with its code's centre and half side in pixels."""

    picture: Picture
    code: tuple[int, int]  # x, y
    code_half: float


@dataclass(frozen=True)
class Prop:
    """A flat picture. Colours are premultiplied by alpha, for fast compositing."""

    picture: Picture  # BGRA
    # corners of the picture, relative to the centre of the object
    corners_mm: Corners
    code_mm: tuple[float, float]


def card_front(card: Card, event_name: str) -> Front:
    """Draw the badge as printed, or a plain one if no font has the holder's name."""
    try:
        (png,) = render_pngs([card], Look(event_name), PX_PER_MM * 25.4)
    except CardError:
        return plain_front(card)
    picture = np.asarray(cv2.imdecode(np.frombuffer(png, np.uint8), cv2.IMREAD_COLOR), np.uint8)
    detected, corners = cv2.QRCodeDetector().detect(picture)
    if not detected:
        return plain_front(card)
    low, high = corners[0].min(axis=0), corners[0].max(axis=0)
    x, y = (low + high) / 2
    return Front(picture, (int(x), int(y)), float(high[0] - low[0]) / 2)


def plain_front(card: Card) -> Front:
    width, height = (side * PX_PER_MM for side in BADGE_MM)
    picture: Picture = np.full((height, width, 3), 248, np.uint8)
    blue, green, red = bytes.fromhex(card.category_colour[1:])[::-1]
    picture[:70] = picture[-46:] = (blue, green, red)
    code = draw_code(card.text)
    side, top, left = code.shape[0], 92, (width - code.shape[1]) // 2
    picture[top : top + side, left : left + side] = code
    at, font = (36, top + side + 90), cv2.FONT_HERSHEY_SIMPLEX
    cv2.putText(picture, card.badge_number, at, font, 1.6, (40, 40, 40), 3, cv2.LINE_AA)
    return Front(picture, (left + side // 2, top + side // 2), side / 2)


def phone_front(text: str, *, dark: bool) -> Front:
    """Draw a phone with a code. Dark mode inverts the code."""
    width, height = (side * PX_PER_MM for side in PHONE_MM)
    picture: Picture = np.full((height, width, 3), 22, np.uint8)
    picture[34:-34, 16:-16] = 18 if dark else 240
    side = width - 40
    code = cv2.resize(draw_code(text), (side, side), interpolation=cv2.INTER_AREA)
    if dark:
        code = cv2.max(cv2.bitwise_not(code), 18)  # type: ignore[call-overload]
    picture[150 : 150 + side, 20 : 20 + side] = code
    for row in (72, 98, 190 + side, 222 + side):
        ink = (150, 150, 150) if dark else (90, 90, 90)
        cv2.rectangle(picture, (60, row), (width - 60 - row % 90, row + 10), ink, -1)
    return Front(picture, (20 + side // 2, 150 + side // 2), side / 2)


def draw_code(text: str) -> Picture:
    """BGR, with a narrow quiet zone of three modules."""
    modules = np.pad(~np.array(symbol(text).modules), 3, constant_values=True)
    large = np.kron(modules.astype(np.uint8) * 238 + 12, np.ones((MODULE_PX, MODULE_PX), np.uint8))
    return np.asarray(cv2.cvtColor(large.astype(np.uint8), cv2.COLOR_GRAY2BGR), np.uint8)


def held(front: Front, hand: int, *, quarter_turns: int = 0, thumb: bool = False) -> Prop:
    """Put `front` into a hand. `thumb` covers the code's corner, and `hand` selects skin and
    sleeve.
    """
    for _ in range(quarter_turns % 4):
        front = _turned(front)
    height, width = front.picture.shape[:2]
    margin = MARGIN_MM * PX_PER_MM
    canvas = np.zeros((height + HAND_MM * PX_PER_MM, width + 2 * margin, 4), np.uint8)
    skin, sleeve = _SKINS[hand % len(_SKINS)], _SLEEVES[hand % len(_SLEEVES)]
    middle = margin + _grip(front) + (hand % 5 - 2) * 8
    _draw_arm(canvas, middle, height, skin, sleeve)
    canvas[:height, margin : margin + width, :3] = front.picture
    canvas[:height, margin : margin + width, 3] = 255
    tip = (middle, height - 30)
    if thumb:
        reach = int(front.code_half * 0.3)
        tip = (margin + front.code[0] + reach, front.code[1] + reach)
    _draw_thumb(canvas, tip, (middle + 40, height + 40), skin)
    left, top = -(width / 2 + margin) / PX_PER_MM, -height / 2 / PX_PER_MM
    bottom = top + canvas.shape[0] / PX_PER_MM
    corners = np.array([(left, top), (-left, top), (-left, bottom), (left, bottom)], np.float32)
    code_mm = (front.code[0] - width / 2) / PX_PER_MM, (front.code[1] - height / 2) / PX_PER_MM
    return Prop(canvas, corners, code_mm)


def _grip(front: Front) -> int:
    """Return the grip along the lower edge: the middle, or beside a code there."""
    height: int = front.picture.shape[0]
    width: int = front.picture.shape[1]
    if front.code[1] + front.code_half < height - 80:
        return width // 2
    return width * 4 // 5 if front.code[0] < width / 2 else width // 5


def _turned(front: Front) -> Front:
    """Rotate a quarter clockwise."""
    turned = np.ascontiguousarray(np.rot90(front.picture, -1))
    code = (front.picture.shape[0] - front.code[1], front.code[0])
    return Front(turned, code, front.code_half)


def _draw_arm(canvas: Picture, x: int, top: int, skin: Colour, sleeve: Colour) -> None:
    bottom = canvas.shape[0]
    cv2.ellipse(canvas, (x, top + 70), (105, 130), 0, 0, 360, (*skin, 255), -1)
    cv2.rectangle(canvas, (x - 62, top + 90), (x + 62, bottom), (*skin, 255), -1)
    cv2.rectangle(canvas, (x - 88, top + 330), (x + 88, bottom), (*sleeve, 255), -1)


def _draw_thumb(canvas: Picture, tip: tuple[int, int], root: tuple[int, int], skin: Colour) -> None:
    darker = [round(part * 0.93) for part in skin]
    nail = [min(255, round(part * 1.1)) for part in skin]
    cv2.line(canvas, root, tip, (*darker, 255), 62, cv2.LINE_AA)
    cv2.circle(canvas, (tip[0] - 4, tip[1] - 6), 17, (*nail, 255), -1)
