"""Tells Chinese from other letters in a programme's titles and names."""

import re

HAN_OR_NOT = re.compile(r"[\u3400-\u9fff]+|[^\u3400-\u9fff]+")  # the runs of a text
_HAN = re.compile(r"[\u3400-\u9fff]")


def titles_of(title: str) -> dict[str, str]:
    """Return a title by its language, which is told by its characters."""
    plain = " ".join(title.split())
    if not plain:
        return {}
    return {"zh" if _HAN.search(plain) else "en": plain}
