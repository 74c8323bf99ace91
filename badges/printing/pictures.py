"""Opens photos and logos from outside, which may be damaged, or made to take hours or gigabytes."""

import io
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from PIL.Image import Image as Picture

PX_MAX = 40_000_000  # before it is scaled down
# Each scan of a JPEG takes as long as a whole picture, and may have few bytes. Cameras and programs
# write up to about ten.
SCANS_MAX = 50
# Pillow knows more, some by other programs: it runs Ghostscript for an EPS.
FORMATS = ("JPEG", "PNG", "WEBP")
_ORIENTATION = 0x0112  # in EXIF
_SEGMENT_LESS = {0x00, 0x01, *range(0xD0, 0xD9)}  # second bytes without a length after them
_SCAN, _END = 0xDA, 0xD9


class PictureError(ValueError):
    """Raised if a picture can't be read."""


class LargePictureError(PictureError):
    """Raised for a picture with more than PX_MAX pixels."""


def read_small(data: bytes, most_px: int, mode: str) -> "Picture":
    """Return the picture upright, in this mode, and scaled down to `most_px` at each side. Its
    metadata may be damaged. Raises PictureError.
    """
    # Imported here because it loads slowly, and most commands read no picture.
    from PIL import Image

    turns = {
        2: Image.Transpose.FLIP_LEFT_RIGHT, 3: Image.Transpose.ROTATE_180,
        4: Image.Transpose.FLIP_TOP_BOTTOM, 5: Image.Transpose.TRANSPOSE,
        6: Image.Transpose.ROTATE_270, 7: Image.Transpose.TRANSVERSE,
        8: Image.Transpose.ROTATE_90,
    }  # fmt: skip
    with _damage_told(), Image.open(io.BytesIO(data), formats=FORMATS) as picture:
        _check_size(picture)
        if _scans(data) > SCANS_MAX:
            raise PictureError
        # A phone's JPEG is far larger than needed. This decodes it at an eighth, a quarter or a
        # half of its size, still twice the size needed.
        picture.draft(None, (2 * most_px, 2 * most_px))
        picture.load()
        turn = turns.get(_orientation(picture))
        small = picture if picture.mode == mode else picture.convert(mode)
        small.thumbnail((most_px, most_px))
        return small.copy() if turn is None else small.transpose(turn)


def check(data: bytes) -> None:
    """Raise PictureError unless the picture has a known format and no more than PX_MAX pixels."""
    from PIL import Image

    with _damage_told(), Image.open(io.BytesIO(data), formats=(*FORMATS, "GIF")) as picture:
        _check_size(picture)


@contextmanager
def _damage_told() -> Iterator[None]:
    """Raises PictureError for whatever Pillow raises."""
    try:
        yield
    except PictureError:
        raise
    # The damage determines the exception, such as OSError, SyntaxError or struct.error.
    except Exception:
        raise PictureError from None


def _check_size(picture: "Picture") -> None:
    if picture.width * picture.height > PX_MAX:
        raise LargePictureError


def _orientation(picture: "Picture") -> int:
    try:
        return int(picture.getexif().get(_ORIENTATION, 1))
    # Damaged metadata raises anything, and the picture itself is whole.
    except Exception:
        return 1


def _scans(data: bytes) -> int:
    """Count a JPEG's scans. Those of the preview in its metadata don't count."""
    at, scans = 2, 0
    while 0 <= (at := data.find(b"\xff", at)) < len(data) - 1 and data[at + 1] != _END:
        marker = data[at + 1]
        if marker == 0xFF:
            at += 1
        elif marker in _SEGMENT_LESS:
            at += 2
        else:
            scans += marker == _SCAN
            at += 2 + int.from_bytes(data[at + 2 : at + 4], "big")
    return scans
