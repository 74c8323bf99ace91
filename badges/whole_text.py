"""Makes text from outside whole: in NFC, and without NUL and lone surrogates.

PostgreSQL stores no NUL, UTF-8 has no surrogates, and without NFC one name is two texts.
"""

import json
import re
import unicodedata
from typing import Any

NUL = "\0"
LONE = re.compile("[\ud800-\udfff]")
LOST = "\ufffd"  # stands where a character was lost


def whole_text(text: str) -> str:
    if text.isascii():
        return text.replace(NUL, "")
    return unicodedata.normalize("NFC", encodable(text).replace(NUL, ""))


def encodable(text: str) -> str:
    """Replace lone surrogates only, for text that is shown as it was given."""
    return text if text.isascii() else LONE.sub(LOST, text)


def whole_json(raw: bytes) -> bytes:
    """Make the texts of JSON whole. What is no JSON, or has lone surrogates, is returned as it is,
    and refused by the decoder.
    """
    try:
        text = raw.decode()
        if "\\u" not in text and unicodedata.is_normalized("NFC", text):
            return raw
        content = json.loads(text)
        given = json.dumps(content, ensure_ascii=False)
        if LONE.search(given):
            return raw
        return json.dumps(whole_content(content), ensure_ascii=False).encode()
    except (ValueError, RecursionError):
        return raw


def holds_nul(content: Any) -> bool:
    """Return whether a text in lists and dictionaries has a NUL. Raises RecursionError."""
    if isinstance(content, str):
        return NUL in content
    if isinstance(content, list):
        return any(map(holds_nul, content))
    if isinstance(content, dict):
        return any(holds_nul(name) or holds_nul(value) for name, value in content.items())
    return False


def whole_content(content: Any) -> Any:
    """Make every text in lists and dictionaries whole. Raises RecursionError."""
    if isinstance(content, str):
        return whole_text(content)
    if isinstance(content, list):
        return [whole_content(item) for item in content]
    if isinstance(content, dict):
        return {whole_text(name): whole_content(value) for name, value in content.items()}
    return content
