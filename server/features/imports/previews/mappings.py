"""Keeps mappings, which say what the columns and words of a list of attendees mean, by their names.

What an admin answered for one file is kept so, and the next file from the same system is read by
it. A mapping has titles of columns and words for categories, and nothing of anybody.
"""

import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass

from badges.i18n import N_, Spoken
from server.features.imports.previews.roster import MAPPED, WORD
from server.storage.connection import Connection

NAME_CHARS_MAX = 60
MAPPINGS_MAX = 50


class MappingRefusedError(Spoken, ValueError):
    """Is raised where a mapping can't be kept or is not there. The text says why."""


@dataclass(frozen=True)
class KeptMapping:
    """Holds a mapping. `answers` are those of a preview, by their options."""

    name: str
    answers: Mapping[str, str]
    kept_at: int  # Unix ms

    @property
    def columns(self) -> dict[str, str]:
        """Return the title in the file by our column."""
        return _after(MAPPED, self.answers)

    @property
    def words(self) -> dict[str, str]:
        """Return the key of a category by the file's word."""
        return _after(WORD, self.answers)


def mapping_of(answers: Mapping[str, str]) -> dict[str, str]:
    """Return what of the answers to a preview is a mapping."""
    return {key: value for key, value in answers.items() if key.startswith((MAPPED, WORD))}


def kept(db: Connection) -> list[KeptMapping]:
    """Return all mappings, the newest first."""
    rows = db.execute(
        "SELECT name, answers, kept_at FROM roster_mapping ORDER BY kept_at DESC, name"
    )
    return [KeptMapping(row["name"], json.loads(row["answers"]), row["kept_at"]) for row in rows]


def keep(db: Connection, name: str, answers: Mapping[str, str], now: int) -> str:
    """Keep a mapping in place of that of the same name, and return the name as it is kept.

    Raises MappingRefusedError.
    """
    name = " ".join(name.split())
    if not 0 < len(name) <= NAME_CHARS_MAX or not name.isprintable():
        raise MappingRefusedError(
            N_("give the mapping a name of at most %(most)s characters."), most=NAME_CHARS_MAX
        )
    wanted = mapping_of(answers)
    if not wanted:
        raise MappingRefusedError(N_("answer first which column or word means what."))
    (others,) = db.execute(
        "SELECT COUNT(*) FROM roster_mapping WHERE name <> ?", (name,)
    ).fetchone()
    if others >= MAPPINGS_MAX:
        raise MappingRefusedError(
            N_("%(most)s mappings are kept already. Remove one first."), most=MAPPINGS_MAX
        )
    text = json.dumps(wanted, ensure_ascii=False, sort_keys=True)
    db.execute(
        "INSERT INTO roster_mapping (name, answers, kept_at) VALUES (?, ?, ?)"
        " ON CONFLICT (name) DO UPDATE SET answers = excluded.answers, kept_at = excluded.kept_at",
        (name, text, now),
    )
    return name


def remove(db: Connection, name: str) -> None:
    """Forget a mapping. Raises MappingRefusedError where there is none of that name."""
    if not db.execute("DELETE FROM roster_mapping WHERE name = ?", (name,)).rowcount:
        raise MappingRefusedError(N_("there is no such mapping any more."))


def fitting(
    db: Connection, name: str, *, titles: Collection[str], categories: Collection[str]
) -> dict[str, str]:
    """Return the answers that a mapping has for a file whose columns `titles` are free, and for the
    event's `categories` by their keys. What no longer fits is left out, so that it is asked again.

    Raises MappingRefusedError where there is no such mapping, or nothing of it fits.
    """
    found = next((one for one in kept(db) if one.name == name), None)
    if found is None:
        raise MappingRefusedError(N_("there is no such mapping any more."))
    columns = {MAPPED + ours: title for ours, title in found.columns.items() if title in titles}
    words = {WORD + word: key for word, key in found.words.items() if key in categories}
    if not columns and not words:
        raise MappingRefusedError(
            N_("nothing of this mapping fits the file: it has other columns and words.")
        )
    return columns | words


def _after(prefix: str, answers: Mapping[str, str]) -> dict[str, str]:
    return {
        key.removeprefix(prefix): value for key, value in answers.items() if key.startswith(prefix)
    }
