"""QR symbols (ISO/IEC 18004) of credentials and addresses, as modules, SVG or PNG.

A credential's 122 characters are in the alphanumeric set, so they fit version 5 at level M and
version 7 at level Q.

`qrcode` makes the symbols. Its slow bitwise parts, codewords and the choice of a mask, are done
here in integers, with the same result.
"""

import io
import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from operator import itemgetter
from typing import Any

import qrcode
import qrcode.constants
from PIL import Image
from qrcode.base import Polynomial, gexp, rs_blocks
from qrcode.exceptions import DataOverflowError
from qrcode.util import ALPHA_NUM, MODE_8BIT_BYTE, MODE_ALPHA_NUM, BitBuffer, QRData, length_in_bits

from badges.printing.masks import best_mask

_DARK = re.compile("1+")
_TO_DIGITS = bytes.maketrans(b"\0\1", b"01")
_TO_GREYS = bytes.maketrans(b"\0\1", b"\xff\0")
_FROM_DIGITS = bytes.maketrans(b"01", b"\0\1")
_VALUES = {byte: value for value, byte in enumerate(ALPHA_NUM)}
QUIET_ZONE = 4  # white modules around a symbol, required by the standard
_LEVELS = {
    "L": qrcode.constants.ERROR_CORRECT_L,
    "M": qrcode.constants.ERROR_CORRECT_M,
    "Q": qrcode.constants.ERROR_CORRECT_Q,
    "H": qrcode.constants.ERROR_CORRECT_H,
}


class SymbolError(ValueError):
    """Raised if the text is too long for a QR code."""


@dataclass(frozen=True)
class Symbol:
    """A QR code: its modules row by row from the top left, True for dark, without the
    quiet zone.
    """

    modules: tuple[tuple[bool, ...], ...]
    version: int  # 1-40

    @property
    def size(self) -> int:
        return len(self.modules)


def symbol(text: str, *, level: str = "M") -> Symbol:
    """The smallest QR code at error correction `level` (L, M, Q or H). Raises SymbolError."""
    modules, version = _modules(text, level)
    size = _size(version)
    return Symbol(_rows(modules, size), version)


def _modules(text: str, level: str) -> tuple[int, int]:
    """The modules, bottom right in the lowest bit, and the version."""
    if level not in _LEVELS:
        raise SymbolError(f"level {level!r}: use one of {', '.join(_LEVELS)}")
    if not text:
        raise SymbolError("there is no text to draw")
    data = text.encode()
    mode = MODE_ALPHA_NUM if all(byte in ALPHA_NUM for byte in data) else MODE_8BIT_BYTE
    try:
        version = _version(level, mode, len(data))
    except (DataOverflowError, ValueError):
        raise SymbolError(
            f"{len(data):,} bytes are too many for a symbol at level {level}"
        ) from None
    text_data = (_Alphanumeric if mode == MODE_ALPHA_NUM else QRData)(data, mode, False)
    layout = _layout(version, level)
    first = layout.trial(_codewords(text_data, version, level))
    chosen = best_mask([first ^ change.trial for change in layout.masks], layout.size)
    return first ^ layout.masks[chosen].final, version


@dataclass(frozen=True)
class _MaskChange:
    """The modules that change between mask 0 and another mask, for any text."""

    trial: int  # as masks are compared, without the bits that encode the mask
    final: int


@dataclass(frozen=True)
class _Layout:
    """The positions of a text's bits in a QR code, and the modules that are the same for every
    text.
    """

    size: int
    empty: int  # a trial of mask 0 whose codewords are all 0
    bits: int
    bit_of_module: Callable[[str], tuple[str, ...]]  # each module's bit, or the last one
    masks: tuple[_MaskChange, ...]

    def trial(self, codewords: list[int]) -> int:
        bits = f"{int.from_bytes(bytes(codewords)):0{self.bits}b}0"
        return self.empty ^ int("".join(self.bit_of_module(bits)), 2)


@lru_cache(maxsize=160)
def _layout(version: int, level: str) -> _Layout:
    """Derive a version's layout from some QR codes that `qrcode` draws.

    Modules with text are the exclusive or of text and mask. The others are the same for every
    text. So the result holds for all texts, and `qrcode` draws no others.
    """
    code = _code(level, MODE_8BIT_BYTE, b"A", version)
    count = 8 * sum(block.total_count for block in rs_blocks(version, _LEVELS[level]))

    def drawn(bits: list[int]) -> int:
        code.data_cache = list(int("".join(map(str, bits)), 2).to_bytes(count // 8))
        return _trial(code, 0)

    empty = drawn([0] * count)
    size = code.modules_count
    # Digit by digit, modules reveal the number of their bit. The first has number 1.
    numbers = [0] * size**2
    for digit in range(count.bit_length()):
        changed = empty ^ drawn([(at + 1) >> digit & 1 for at in range(count)])
        for at, module in enumerate(f"{changed:0{size**2}b}"):
            numbers[at] |= int(module) << digit
    masks = []
    for mask in range(8):
        trial = _trial(code, mask)
        code.makeImpl(False, mask)
        masks.append((trial, _packed(code)))
    first = masks[0][0]
    return _Layout(
        size,
        empty,
        count,
        itemgetter(*(number - 1 for number in numbers)),
        tuple(_MaskChange(first ^ trial, first ^ final) for trial, final in masks),
    )


@lru_cache(maxsize=1024)
def _version(level: str, mode: int, length: int) -> int:
    code = _code(level, mode, b"A" * length, None)
    return int(code.best_fit())


class _Alphanumeric(QRData):  # type: ignore[misc]
    """Writes all its bits at once; `QRData` writes them one by one."""

    def write(self, buffer: BitBuffer) -> None:
        bits, length = int.from_bytes(buffer.buffer), 8 * len(buffer.buffer)
        bits, length = bits >> length - buffer.length, buffer.length
        values = [_VALUES[byte] for byte in self.data]
        for first, second in zip(values[::2], values[1::2], strict=False):
            bits = bits << 11 | first * 45 + second
        length += 11 * (len(values) // 2)
        if len(values) % 2:
            bits, length = bits << 6 | values[-1], length + 6
        buffer.buffer[:] = (bits << -length % 8).to_bytes((length + 7) // 8)
        buffer.length = length


def _code(level: str, mode: int, data: bytes, version: int | None) -> Any:
    code = qrcode.QRCode(version=version, error_correction=_LEVELS[level], border=0)
    kind = _Alphanumeric if mode == MODE_ALPHA_NUM else QRData
    code.add_data(kind(data, mode, False))
    return code


def _codewords(data: QRData, version: int, level: str) -> list[int]:
    """The same as `qrcode.util.create_data`, in a tenth of the time."""
    buffer = BitBuffer()
    buffer.put(data.mode, 4)
    buffer.put(len(data), length_in_bits(data.mode, version))
    data.write(buffer)
    blocks = rs_blocks(version, _LEVELS[level])
    room = sum(block.data_count for block in blocks)
    if buffer.length > 8 * room:
        raise DataOverflowError
    # A terminator of up to four zeros, zeros to a whole byte, and then 236 and 17 in turn.
    spilled = b"\0" if buffer.length % 8 in (0, 5, 6, 7) else b""
    filled = bytes(buffer.buffer) + spilled
    filled = (filled + b"\xec\x11" * (room // 2 + 1))[:room]
    parts, at = [], 0
    for block in blocks:
        parts.append(filled[at : at + block.data_count])
        at += block.data_count
    corrections = [
        _correction(part, block.total_count - block.data_count)
        for part, block in zip(parts, blocks, strict=True)
    ]
    return [
        group[n]
        for groups in (parts, corrections)
        for n in range(max(map(len, groups)))
        for group in groups
        if n < len(group)
    ]


def _correction(part: bytes, length: int) -> bytes:
    table = _remainders(length)
    top, mask = 8 * (length - 1), (1 << 8 * (length - 1)) - 1
    rest = 0
    for byte in part:
        rest = (rest & mask) << 8 ^ table[byte ^ rest >> top]
    return rest.to_bytes(length)


@lru_cache(maxsize=64)
def _remainders(length: int) -> tuple[int, ...]:
    divisor = Polynomial([1], 0)
    for power in range(length):
        divisor = divisor * Polynomial([1, gexp(power)], 0)
    table = [0]
    for byte in range(1, 256):
        rest = list(Polynomial([byte], length) % divisor)
        table.append(int.from_bytes(bytes(rest)))
    return tuple(table)


def _trial(code: Any, mask: int) -> int:
    code.makeImpl(True, mask)
    return _packed(code)


def _packed(code: Any) -> int:
    """Bottom right module in the lowest bit."""
    return int(b"".join(map(bytes, code.modules)).translate(_TO_DIGITS), 2)


def _size(version: int) -> int:
    return 17 + 4 * version


def _rows(modules: int, size: int) -> tuple[tuple[bool, ...], ...]:
    flat = f"{modules:0{size * size}b}".encode().translate(_FROM_DIGITS)
    return tuple(tuple(map(bool, flat[at : at + size])) for at in range(0, size * size, size))


def symbol_svg(text: str, *, level: str = "M", quiet_zone: int = QUIET_ZONE) -> str:
    """One unit per module: a white ground and one black path."""
    modules, version = _modules(text, level)
    size = _size(version)
    side = size + 2 * quiet_zone
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {side} {side}"'
        f' width="{side}" height="{side}" shape-rendering="crispEdges">'
        f'<path fill="#fff" d="M0 0h{side}v{side}H0z"/>'
        f'<path fill="#000" d="{_path(modules, size, quiet_zone)}"/></svg>'
    )


def symbol_png(text: str, *, module_px: int = 8, level: str = "M") -> bytes:
    """With its quiet zone, each module `module_px` pixels wide."""
    if not 1 <= module_px <= 100:
        raise SymbolError(f"modules of {module_px} pixels: use 1 to 100")
    drawn = symbol(text, level=level)
    side = drawn.size + 2 * QUIET_ZONE
    modules = b"".join(map(bytes, drawn.modules)).translate(_TO_GREYS)
    code = Image.frombytes("L", (drawn.size, drawn.size), modules)
    picture = Image.new("1", (side, side), 1)
    picture.paste(code.convert("1"), (QUIET_ZONE, QUIET_ZONE))
    out = io.BytesIO()
    picture.resize((side * module_px,) * 2, Image.Resampling.NEAREST).save(out, "PNG")
    return out.getvalue()


def _path(modules: int, size: int, offset: int) -> str:
    """A rectangle for every run of dark modules in a row."""
    digits = f"{modules:0{size * size}b}"
    runs = []
    for y in range(size):
        begin = y * size
        for run in _DARK.finditer(digits, begin, begin + size):
            width = run.end() - run.start()
            runs.append(f"M{run.start() - begin + offset} {y + offset}h{width}v1h-{width}z")
    return "".join(runs)
