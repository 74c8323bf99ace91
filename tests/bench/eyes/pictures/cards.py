"""Badges and phones, flat, with real symbols of real credentials."""

from dataclasses import dataclass
from functools import lru_cache

import cv2
import numpy as np

from badges.credential.credential import Credential, issue_credential
from badges.credential.keys import PrivateKey
from badges.printing.qr import ALPHA_NUM, symbol

Gray = np.ndarray
QUIET = 4
CHARACTERS = {4: 88, 6: 150, 7: 175, 8: 215}  # that fill each version at level M
ALPHABET = "".join(sorted(chr(byte) for byte in ALPHA_NUM))


@dataclass(frozen=True)
class Card:
    """One code on something: "badge", "phone" (dark on light) or "dark phone" (light on dark)."""

    text: str
    kind: str = "badge"


def credential(serial: int) -> str:
    """The text of an issued badge: version 5 at level M."""
    fields = Credential(serial=serial, issue=1, category=1, valid_days=3, zones=1, key_id=1)
    return issue_credential(PrivateKey(bytes(32)), bytes(range(16)), fields)


def filler(version: int, seed: int) -> str:
    """A text that fills a symbol of another version."""
    rng = np.random.default_rng((version, seed))
    count = CHARACTERS[version]
    return "HK" + "".join(ALPHABET[i] for i in rng.integers(0, len(ALPHABET), count - 2))


@lru_cache(maxsize=4096)
def modules(text: str) -> Gray:
    """255 for light and 0 for dark, a pixel a module, with the quiet zone."""
    drawn = np.array(symbol(text).modules, bool)
    return np.pad(np.where(drawn, 0, 255).astype(np.uint8), QUIET, constant_values=255)


def size_of(text: str) -> int:
    """Modules along one side, without the quiet zone."""
    return modules(text).shape[0] - 2 * QUIET


@lru_cache(maxsize=256)
def picture(card: Card, scale: int) -> Gray:
    """The card at `scale` pixels a module. Its symbol's middle is at (width / 2, 0.6 height)."""
    code = np.kron(modules(card.text), np.ones((scale, scale), np.uint8))
    side = code.shape[0]
    width, height = int(side * 1.3) // 2 * 2, int(side * 1.8)
    view = np.full((height, width), 235, np.uint8)
    left, top = (width - side) // 2, int(0.6 * height) - side // 2
    view[top : top + side, left : left + side] = np.where(code > 0, 235, 25)
    _letter(view, top, scale)
    if card.kind == "dark phone":
        view = 255 - view
    if card.kind != "badge":
        bezel = max(1, side // 18)
        cv2.rectangle(view, (0, 0), (width - 1, height - 1), 10, bezel * 2)
    return view


def _letter(view: Gray, bottom: int, scale: int) -> None:
    """A name and an organisation above the symbol."""
    size = scale * 0.16
    thick = max(1, scale // 2)
    width, font = view.shape[1], cv2.FONT_HERSHEY_DUPLEX
    cv2.putText(view, "Mei Lin", (width // 8, int(bottom * 0.45)), font, size, 30, thick)
    cv2.putText(view, "ACME Trade", (width // 8, int(bottom * 0.8)), font, size / 2, 90, thick)
    cv2.rectangle(view, (0, 0), (width, int(bottom * 0.12)), 110, -1)
