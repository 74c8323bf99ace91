import io
from collections.abc import Iterable

import pypdfium2


def join_pdfs(pdfs: Iterable[bytes]) -> bytes:
    """Each part is released before the next one is requested. A single PDF stays unchanged."""
    parts = iter(pdfs)
    first = next(parts)
    second = next(parts, None)
    if second is None:
        return first
    whole = pypdfium2.PdfDocument.new()
    try:
        _append(whole, first)
        _append(whole, second)
        del first, second
        for part in parts:
            _append(whole, part)
        out = io.BytesIO()
        whole.save(out)
        return out.getvalue()
    finally:
        whole.close()


def _append(whole: pypdfium2.PdfDocument, part: bytes) -> None:
    source = pypdfium2.PdfDocument(part)
    try:
        whole.import_pages(source)
    finally:
        source.close()
