"""Reads QR codes in a picture file for `hallkeeper-badges inspect`. Kiosks have a reader of their
own.
"""

from pathlib import Path

PIXELS_MAX = 100_000_000


class PictureError(ValueError):
    """Raised if the file can't be read as a picture, or this installation can't read pictures."""


def read_symbols(path: Path) -> list[str]:
    """Raises PictureError."""
    try:
        import zxingcpp
        from PIL import Image, UnidentifiedImageError
    except ImportError:
        raise PictureError(
            "to read pictures, install the kiosk part too: pip install '.[kiosk]' in Hallkeeper's "
            "folder"
        ) from None
    try:
        with Image.open(path) as picture:
            if picture.width * picture.height > PIXELS_MAX:
                raise PictureError(
                    f"the picture has more than {PIXELS_MAX // 1_000_000} megapixels"
                )
            page = Image.new("RGBA", picture.size, "white")  # transparent pixels count as white
            page.alpha_composite(picture.convert("RGBA"))
    except UnidentifiedImageError:
        raise PictureError("the file is not a picture") from None
    except (OSError, SyntaxError, Image.DecompressionBombError) as error:
        raise PictureError(f"the picture can't be read: {error}") from None
    # Only Model 2: with Micro QR among the formats, noise is read as codes.
    formats = zxingcpp.BarcodeFormats(zxingcpp.BarcodeFormat.QRCodeModel2)
    symbols = zxingcpp.read_barcodes(page.convert("L"), formats=formats)
    return [symbol.bytes.decode("utf-8", "replace") for symbol in symbols]
