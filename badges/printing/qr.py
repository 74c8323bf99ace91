"""Makes QR symbols (ISO/IEC 18004) of credentials and addresses, as modules, SVG or PNG.

A credential's 122 characters are in the alphanumeric set, so that they fit version 5 at level M and
7 at level Q.
"""

import io
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import groupby

import qrcode
import qrcode.constants
from PIL import Image
from qrcode.exceptions import DataOverflowError
from qrcode.util import ALPHA_NUM, MODE_8BIT_BYTE, MODE_ALPHA_NUM, QRData

QUIET_ZONE = 4  # The standard asks for this many white modules around a symbol.
_LEVELS = {
    "L": qrcode.constants.ERROR_CORRECT_L,
    "M": qrcode.constants.ERROR_CORRECT_M,
    "Q": qrcode.constants.ERROR_CORRECT_Q,
    "H": qrcode.constants.ERROR_CORRECT_H,
}


class SymbolError(ValueError):
    """Is raised where no symbol can hold the text."""


@dataclass(frozen=True)
class Symbol:
    """Holds the modules row by row from the top left, True for dark, without the quiet zone."""

    modules: tuple[tuple[bool, ...], ...]
    version: int  # 1-40

    @property
    def size(self) -> int:
        """Return the number of modules along one side."""
        return len(self.modules)


def symbol(text: str, *, level: str = "M") -> Symbol:
    """Return the smallest symbol of `text` at `level` (L, M, Q or H). Raises SymbolError."""
    if level not in _LEVELS:
        raise SymbolError(f"level {level!r}: use one of {', '.join(_LEVELS)}")
    if not text:
        raise SymbolError("there is no text to draw")
    data = text.encode()
    alphanumeric = all(byte in ALPHA_NUM for byte in data)
    code = qrcode.QRCode(error_correction=_LEVELS[level], border=0)
    code.add_data(QRData(data, MODE_ALPHA_NUM if alphanumeric else MODE_8BIT_BYTE, False))
    try:
        code.make(fit=True)
    except (DataOverflowError, ValueError):
        raise SymbolError(
            f"{len(data):,} bytes are too many for a symbol at level {level}"
        ) from None
    modules = tuple(tuple(bool(dark) for dark in row) for row in code.modules)
    return Symbol(modules, code.version)


def symbol_svg(text: str, *, level: str = "M", quiet_zone: int = QUIET_ZONE) -> str:
    """Return an SVG picture of one unit per module. It has a white ground and one black path."""
    drawn = symbol(text, level=level)
    side = drawn.size + 2 * quiet_zone
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {side} {side}"'
        f' width="{side}" height="{side}" shape-rendering="crispEdges">'
        f'<path fill="#fff" d="M0 0h{side}v{side}H0z"/>'
        f'<path fill="#000" d="{_path(drawn, quiet_zone)}"/></svg>'
    )


def symbol_png(text: str, *, module_px: int = 8, level: str = "M") -> bytes:
    """Return a black and white PNG with its quiet zone, each module `module_px` pixels wide."""
    if not 1 <= module_px <= 100:
        raise SymbolError(f"modules of {module_px} pixels: use 1 to 100")
    drawn = symbol(text, level=level)
    side = drawn.size + 2 * QUIET_ZONE
    picture = Image.new("1", (side, side), 1)
    for y, x, width in _runs(drawn.modules):
        picture.paste(
            0, (x + QUIET_ZONE, y + QUIET_ZONE, x + QUIET_ZONE + width, y + QUIET_ZONE + 1)
        )
    out = io.BytesIO()
    picture.resize((side * module_px,) * 2, Image.Resampling.NEAREST).save(out, "PNG")
    return out.getvalue()


def _path(drawn: Symbol, offset: int) -> str:
    return "".join(
        f"M{x + offset} {y + offset}h{width}v1h-{width}z" for y, x, width in _runs(drawn.modules)
    )


def _runs(modules: Iterable[Iterable[bool]]) -> Iterator[tuple[int, int, int]]:
    """Yield (row, first column, length) of every unbroken run of dark modules in a row."""
    for y, row in enumerate(modules):
        x = 0
        for dark, group in groupby(row):
            width = len(list(group))
            if dark:
                yield y, x, width
            x += width
