"""Stores named mappings of a roster's columns and words, for the system's next file.

They contain nothing personal.
"""

import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass

from badges.i18n import N_, Spoken
from badges.roster.mapping import WantedColumn
from server.features.imports.previews.roster import (
    COUNTRY,
    DAYS,
    MAPPED,
    SHEET,
    USE,
    WORD,
    after,
    wanted,
    wanted_text,
)
from server.storage.connection import Connection

NAME_CHARS_MAX = 60
MAPPINGS_MAX = 50
_WORDS = (WORD, SHEET, COUNTRY, DAYS)


class MappingRefusedError(Spoken, ValueError):
    """The mapping can't be stored, or does not exist."""


@dataclass(frozen=True)
class KeptMapping:
    """A mapping. `answers` are those of a preview, by option."""

    name: str
    answers: Mapping[str, str]
    kept_at: int  # Unix ms

    @property
    def columns(self) -> dict[str, str]:
        """Return the file's titles by our columns."""
        return {
            ours: " + ".join(wanted(text).titles)
            for ours, text in after(MAPPED, self.answers).items()
        }

    @property
    def words(self) -> dict[str, str]:
        """Return category keys, country codes and days by the file's words and sheets."""
        return {
            word: meaning
            for prefix in _WORDS
            for word, meaning in after(prefix, self.answers).items()
        }


def mapping_of(answers: Mapping[str, str], columns: Mapping[str, WantedColumn]) -> dict[str, str]:
    """Return a mapping's answers. `columns` are those that were read by them."""
    kept = {key: value for key, value in answers.items() if key.startswith((MAPPED, *_WORDS))}
    chosen = {column for option, column in answers.items() if option.startswith(USE)}
    return kept | {
        MAPPED + column: wanted_text(columns[column]) for column in chosen & columns.keys()
    }


def kept(db: Connection) -> list[KeptMapping]:
    rows = db.execute(
        "SELECT name, answers, kept_at FROM roster_mapping ORDER BY kept_at DESC, name"
    )
    return [KeptMapping(row["name"], json.loads(row["answers"]), row["kept_at"]) for row in rows]


def keep(db: Connection, name: str, wanted: Mapping[str, str], now: int) -> str:
    """Store a mapping's answers, replacing an earlier one. Return the normalised name.

    Raises MappingRefusedError.
    """
    name = " ".join(name.split())
    if not 0 < len(name) <= NAME_CHARS_MAX or not name.isprintable():
        raise MappingRefusedError(
            N_("give the mapping a name of at most %(most)s characters."), most=NAME_CHARS_MAX
        )
    if not wanted:
        raise MappingRefusedError(N_("first choose the meaning of each column and word."))
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
    """Raises MappingRefusedError if there is no such mapping."""
    if not db.execute("DELETE FROM roster_mapping WHERE name = ?", (name,)).rowcount:
        raise MappingRefusedError(N_("this mapping no longer exists."))


def fitting(
    db: Connection, name: str, *, titles: Collection[str], categories: Collection[str]
) -> dict[str, str]:
    """Return a mapping's answers that fit a file's titles and the event's category keys.

    Raises MappingRefusedError without such a mapping, or if nothing fits.
    """
    mapping = next((item for item in kept(db) if item.name == name), None)
    if mapping is None:
        raise MappingRefusedError(N_("this mapping no longer exists."))
    columns = {
        MAPPED + ours: text
        for ours, text in after(MAPPED, mapping.answers).items()
        if set(wanted(text).titles) <= set(titles)
    }
    words = {
        option: meaning
        for option, meaning in mapping.answers.items()
        if option.startswith((COUNTRY, DAYS))
        or (option.startswith((WORD, SHEET)) and meaning in categories)
    }
    if not columns and not words:
        raise MappingRefusedError(
            N_("nothing of this mapping fits the file: it has other columns and words.")
        )
    return columns | words
