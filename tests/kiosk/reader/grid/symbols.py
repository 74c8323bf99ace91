"""Symbols by two writers, and pictures of them bent by known functions."""

from collections.abc import Callable

import cv2
import numpy as np
import qrcode
import segno

Modules = np.ndarray[tuple[int, ...], np.dtype[np.bool_]]
Picture = np.ndarray[tuple[int, ...], np.dtype[np.uint8]]
Bend = Callable[[np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray]]

LEVELS = "LMQH"


def by_segno(text: str, version: int, level: str) -> Modules:
    code = segno.make(text, version=version, error=level, micro=False, boost_error=False)
    return np.array([list(row) for row in code.matrix], bool)


def by_qrcode(text: str, version: int, level: str) -> Modules:
    levels = {
        "L": qrcode.ERROR_CORRECT_L,
        "M": qrcode.ERROR_CORRECT_M,
        "Q": qrcode.ERROR_CORRECT_Q,
        "H": qrcode.ERROR_CORRECT_H,
    }
    code = qrcode.QRCode(version=version, error_correction=levels[level], border=0)
    code.add_data(text)
    code.make(fit=False)
    return np.array(code.get_matrix(), bool)


WRITERS = {"segno": by_segno, "qrcode": by_qrcode}


def picture(modules: Modules, px: int = 6, edge: int = 6) -> Picture:
    gray = np.where(np.pad(modules, edge), 30, 220).astype(np.uint8)
    return gray.repeat(px, axis=0).repeat(px, axis=1)


def bent(gray: Picture, bend: Bend) -> Picture:
    """`bend` takes and returns columns and rows from 0 to 1: where each pixel comes from."""
    high, wide = gray.shape
    rows, columns = np.indices(gray.shape) / np.array([high, wide])[:, None, None]
    x, y = bend(columns, rows)
    return np.asarray(
        cv2.remap(
            gray,
            (x * wide).astype(np.float32),
            (y * high).astype(np.float32),
            cv2.INTER_LINEAR,
            borderValue=220,
        ),
        np.uint8,
    )
