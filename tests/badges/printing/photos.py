"""Photos, intact and malformed."""

import io

from PIL import Image

_ORIENTATION, _MAKER = 0x0112, 0x010F


def picture(form: str, size: tuple[int, int] = (60, 40), **options: object) -> bytes:
    out = io.BytesIO()
    Image.new("RGB", size, "#0a0").save(out, form, **options)
    return out.getvalue()


def turned() -> Image.Exif:
    """The metadata of a photo that lies on its side."""
    exif = Image.Exif()
    exif[_ORIENTATION] = 6
    exif[_MAKER] = "Harbour Camera"
    return exif


def with_odd_metadata(jpeg: bytes) -> bytes:
    """Turned, and with a width (0x0100) that is a text, so that Pillow can't write it again."""
    entries = b"\x02\x00"
    entries += (
        b"\x00\x01\x02\x00\x04\x00\x00\x00wide"
        + b"\x12\x01\x03\x00\x01\x00\x00\x00\x06\x00\x00\x00"
    )
    segment = b"Exif\x00\x00II*\x00\x08\x00\x00\x00" + entries + bytes(4)
    return jpeg[:2] + b"\xff\xe1" + (len(segment) + 2).to_bytes(2, "big") + segment + jpeg[2:]


def with_scans(progressive: bytes, more: int) -> bytes:
    """Repeat a progressive JPEG's last scan, with the table before it."""
    end = progressive.rindex(b"\xff\xd9")
    scan = progressive.rindex(b"\xff\xda")
    before = progressive.rindex(b"\xff\xc4", 0, scan)
    return progressive[:end] + progressive[before:end] * more + progressive[end:]
