"""Distinguishes people of the same name on a screen, without a whole address or number."""

from collections import Counter
from collections.abc import Iterable, Mapping

from server.core.people.folding import digits, folded

_PHONE_DIGITS_MIN = 6  # The end of a shorter number is most of it.


def namesakes(names: Mapping[int, str]) -> set[int]:
    """Return the serials, of these people, whose name another of them has too. Case, accents and
    the order and separation of words don't count.
    """
    keys = {serial: tuple(sorted(folded(name).replace(" ", ""))) for serial, name in names.items()}
    times = Counter(keys.values())
    return {serial for serial, key in keys.items() if times[key] > 1}


def email_start(email: str, shown: int = 3) -> str:
    """Return the beginnings of both parts of an address, such as wei…@sh…, or ""."""
    local, sign, domain = email.partition("@")
    if not (local and sign and domain):
        return ""
    return f"{local[: max(1, min(shown, len(local) - 1))]}…@{domain[:2]}…"


def phone_end(phone: str, shown: int = 3) -> str:
    """Return the last digits of a telephone number, such as …678, or ""."""
    number = digits(phone)
    return f"…{number[-shown:]}" if len(number) >= _PHONE_DIGITS_MIN else ""


def order_end(order_number: str, shown: int = 3) -> str:
    return f"#…{order_number[-shown:]}" if len(order_number) > shown else ""


def known(texts: Iterable[str]) -> list[str]:
    return [text for text in texts if text]
