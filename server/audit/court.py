"""Writes the folder `court` of an export, for a court and for the lawyers of both sides.

It says what each signature is worth under the law, and with which tools of others it is checked.
What it says of the law is checked against the sources that it names, and is no advice.
"""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Facts:
    """Holds what the pages say of this export. `stamps` and `witnesses` are how many it has."""

    event: str
    size: int
    root: str
    selection: str
    key: str
    kiosks: int
    witnesses: int
    stamps: int


def files(facts: Facts, sums: Mapping[str, str]) -> dict[str, bytes]:
    """Return the files of the folder by their names. `sums` has the SHA-256 of the others."""
    values = facts.__dict__
    lines = "".join(f"{digest}  {name}\n" for name, digest in sorted(sums.items()))
    return {
        "court/EVIDENCE.en.txt": _ENGLISH.format_map(values).encode(),
        "court/EVIDENCE.zh.txt": _CHINESE.format_map(values).encode(),
        "court/SHA256SUMS": lines.encode(),
    }


_ENGLISH = "to come"
_CHINESE = "to come"
