"""Makes codes from other systems' ids and names, always the same, so that further imports
recognise them.
"""

import hashlib
import re
import unicodedata

CODE_CHARS = 32
_HASH_CHARS = 12
_CODE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,31}")
_NO_CODE = re.compile(r"[^a-z0-9]+")
_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


def stable_code(external_id: str, suffix: str = "") -> str:
    """Return an id's code: itself if valid, a UUID's first 12 digits, else the first words with
    12 digits of SHA-256.
    """
    lower = external_id.strip().lower()
    if _UUID.fullmatch(lower):
        return lower.replace("-", "")[:_HASH_CHARS] + suffix
    if _CODE.fullmatch(external_id.strip() + suffix):
        return external_id.strip() + suffix
    digest = hashlib.sha256(external_id.strip().encode()).hexdigest()[:_HASH_CHARS]
    room = CODE_CHARS - _HASH_CHARS - len(suffix) - 1
    head = _words(external_id.partition("@")[0])[: max(0, room)].strip("-")
    return f"{head}-{digest}{suffix}" if head else f"{digest}{suffix}"


def code_of_name(name: str) -> str:
    """Return a readable code for a name; without Latin letters, of its SHA-256."""
    words = _words(name)[:CODE_CHARS].strip("-")
    if len(words) >= 2 and name.isascii():
        return words
    digest = hashlib.sha256(unicodedata.normalize("NFKC", name).casefold().encode()).hexdigest()
    head = words[: CODE_CHARS - _HASH_CHARS - 1].strip("-")
    return f"{head}-{digest[:_HASH_CHARS]}" if head else digest[:_HASH_CHARS]


def _words(text: str) -> str:
    plain = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode()
    return _NO_CODE.sub("-", plain.lower()).strip("-")
