"""The text of a symbol that zxing-cpp read."""

import zxingcpp


def text_of_symbol(barcode: zxingcpp.Barcode) -> str:
    """The symbol's text as UTF-8, or else in its stated or detected character set."""
    is_text: bool = barcode.content_type == zxingcpp.ContentType.Text
    try:
        return barcode.bytes.decode("utf-8")
    except UnicodeDecodeError:
        return barcode.text if is_text else text_of(barcode.bytes)


def text_of(data: bytes) -> str:
    """As UTF-8 (a badge is ASCII), else as Latin-1."""
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        return data.decode("latin-1")
