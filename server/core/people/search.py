"""Finds people by names, organisation, e-mail, telephone number, order number and external id.

The table `attendee_search` keeps each attendee's normalised words (see `folding`) with other
spellings of the name. It has two indexes: of words, their beginnings and pairs of East Asian
characters, and of three-letter sequences inside words. Triggers record whose words have changed.
Code that changes them calls `fold`.
"""

import json
import re
from collections.abc import Callable, Sequence
from typing import NamedTuple

from server.core.people import likeness
from server.core.people.folding import digits, folded, glued, is_east_asian, name_forms, pairs
from server.storage import dialect
from server.storage.connection import Connection, Row
from server.storage.localized import names_of
from server.storage.tables import write_rows

FOLDED_TOGETHER = 500  # takes about 33 ms, during which no one else writes
COLUMNS = ("serial", "whole", "name", "organisation", "contact", "pieces")
# Excludes contact details, for searches by staff who may not see them.
_NAMED = ("whole", "name", "organisation", "pieces")
_ANYTHING = (*_NAMED, "contact")
_PARTS = {"name": ("whole", "name"), "organisation": ("organisation",)}
_INSIDE_MIN = 3  # Shorter sequences are not found inside words.
_SEVERAL = re.compile("[,;、，；]")
BETWEEN = "\n "  # separates texts, so that no match spans two
_FROM = "SELECT s.serial FROM attendee_search s WHERE "
_HAS_WORDS = dialect.indexed("s.serial", "search_word")
_HAS_LETTERS = dialect.indexed("s.serial", "search_inside")
_OF_WORDS = _FROM + _HAS_WORDS


class Wanted(NamedTuple):
    """An SQL query for serials, with its parameters."""

    query: str
    values: tuple[str, ...]


def fold(db: Connection, limit: int = dialect.NO_LIMIT) -> int:
    """Index at most `limit` new and changed attendees, in the caller's transaction. Return how
    many.
    """
    due = db.execute(
        "SELECT a.serial, a.given_name, a.family_name, a.latin_name, a.organisation, a.email,"
        " a.external_id, a.order_number, a.phone, o.names, o.other_names"
        " FROM search_due JOIN attendee a USING (serial)"
        " LEFT JOIN organisation o ON o.organisation_id = a.organisation_id LIMIT ?",
        (limit,),
    ).fetchall()
    if not due:
        return 0
    serials = dialect.many(row["serial"] for row in due)
    db.execute(f"DELETE FROM attendee_search WHERE {dialect.one_of('serial')}", (serials,))
    write_rows(db, "attendee_search", COLUMNS, list(map(_words_of, due)))
    db.execute(f"DELETE FROM search_due WHERE {dialect.one_of('serial')}", (serials,))
    return len(due)


def drop_deleted(db: Connection) -> None:
    """Remove deleted people's words from the indexes, which otherwise keep them for a while. As
    slow as indexing everyone.
    """
    for index in ("search_word", "search_inside"):
        db.execute(dialect.without_the_deleted(index))


def fold_all(write: Callable[[Callable[[Connection], int]], int]) -> None:
    """Index all attendees in batches, so that others can write in between.

    `write` runs a function in its own transaction. If it stops early, the next start of the server
    continues.
    """
    while write(lambda db: fold(db, FOLDED_TOGETHER)) == FOLDED_TOGETHER:
        pass


def _words_of(row: Row) -> tuple[int, str, str, str, str, str]:
    names, whole = name_forms(row["given_name"], row["family_name"], row["latin_name"])
    printed = row["organisation"]
    organisations = [printed]
    if row["names"] is not None:
        organisations += [*names_of(row["names"]).values(), *json.loads(row["other_names"])]
    called = list(dict.fromkeys(map(folded, organisations)))
    ids = [row["external_id"] or "", row["order_number"]]
    phones = map(digits, _SEVERAL.split(row["phone"]))
    contact = [folded(row["email"]), *map(folded, ids), *glued(" ".join(ids)), *phones]
    pieces = ["".join(names[:1]).replace(" ", ""), *called]
    # Pinyin is exact as it is.
    alike = [] if is_east_asian("".join(names[:1])) else likeness.keys(names)
    return (
        row["serial"],
        " ".join(whole),
        BETWEEN.join(names),
        BETWEEN.join(called),
        BETWEEN.join(dict.fromkeys(filter(None, contact))),
        " ".join(dict.fromkeys([*(pair for text in pieces for pair in pairs(text)), *alike])),
    )


def beginning(words: Sequence[str]) -> Wanted:
    """Find people who match all words at the beginning of a word. East Asian characters match
    anywhere.
    """
    long = [word for word in words if not _is_short(word)]
    in_words = long or words
    checks = [word for word in long if _is_checked(word)]
    checks += [f" {word}" for word in words if word not in in_words]
    sought = dialect.every([_beginning(word, _ANYTHING) for word in in_words])
    return Wanted(_OF_WORDS + _holds(_ANYTHING) * len(checks), (sought, *checks))


def whole(joined: Sequence[str]) -> Wanted:
    """Find people whose whole name without spaces is one of `joined`."""
    asked = [dialect.word(form, columns=("whole",)) for form in joined]
    return Wanted(_OF_WORDS, (dialect.either(asked),))


def called(words: Sequence[str]) -> Wanted:
    """Find people with all these exact words in the name or the contact details."""
    pieces = [piece for word in words for piece in word.split()]
    asked = [dialect.word(piece, columns=("whole", "name", "contact")) for piece in pieces]
    checks = [word for word in words if _is_checked(word)]
    return Wanted(_OF_WORDS + _holds(_ANYTHING) * len(checks), (dialect.every(asked), *checks))


def anywhere(words: Sequence[str], *, named: bool = False) -> Wanted:
    """Find people who match all words at the beginning of a word, or from three letters on inside.

    With `named`, only names and organisations are searched.
    """
    columns = _NAMED if named else _ANYTHING
    east_asian = [word for word in words if is_east_asian(word)]
    short = [word for word in words if _is_short(word)]
    letters = [word for word in words if word not in east_asian and word not in short]
    query, values = _FROM + "TRUE", []
    if letters:
        query += f" AND {_HAS_LETTERS}"
        values.append(dialect.every([dialect.threes(word) for word in letters]))
    in_words = east_asian if letters or east_asian else short
    if in_words:
        query += f" AND {_HAS_WORDS}"
        values.append(dialect.every([_beginning(word, columns) for word in in_words]))
    checks = [*letters, *filter(_is_checked, east_asian)]
    checks += [f" {word}" for word in short if in_words is not short]
    return Wanted(query + _holds(columns) * len(checks), (*values, *checks))


def alike(words: Sequence[str], *, named: bool = False) -> Wanted | None:
    """Find people whose names sound like the words, for a search that found no one. Return None for
    words without such a key.
    """
    columns = _NAMED if named else _ANYTHING
    asked = likeness.asked(words)
    if not any(keys for _, keys in asked) or any(is_east_asian(word) for word, _ in asked):
        return None
    sought = []
    for word, keys in asked:
        same = [dialect.word(key, columns=("pieces",)) for key in keys]
        exact = [] if _is_short(word) else [_beginning(word, columns)]
        if same or exact:
            sought.append(dialect.either([*exact, *same]))
    return Wanted(_OF_WORDS, (dialect.every(sought),))


def within(words: Sequence[str], part: str) -> Wanted:
    """Find people with all words in their name or organisation (`part`), like `anywhere`."""
    columns = _PARTS[part]
    letters = [word for word in words if not is_east_asian(word) and not _is_short(word)]
    others = [word for word in words if word not in letters]
    query, values = _FROM + "TRUE", []
    if letters:
        query += f" AND {_HAS_LETTERS}"
        values.append(dialect.every([dialect.threes(word) for word in letters]))
    if others:
        query += f" AND {_HAS_WORDS}"
        sought = (*columns, "pieces")
        values.append(dialect.every([_beginning(word, sought) for word in others]))
    # The index has the pairs of names and organisations together, so check the texts.
    checks = [*letters, *filter(is_east_asian, others)]
    return Wanted(query + _holds(columns) * len(checks), (*values, *checks))


def _beginning(word: str, columns: Sequence[str]) -> str:
    *before, last = word.split()
    sought = [_stretch(piece, columns, begins=is_east_asian(piece)) for piece in before]
    return dialect.every([*sought, _stretch(last, columns, begins=True)])


def _stretch(piece: str, columns: Sequence[str], *, begins: bool) -> str:
    plain = dialect.word(piece, begins=begins, columns=columns)
    if not is_east_asian(piece) or len(piece) <= 2:
        return plain
    neighbours = [dialect.word(pair, columns=("pieces",)) for pair in pairs(piece)[:-1]]
    return dialect.either([plain, dialect.every(neighbours)])


def _is_short(word: str) -> bool:
    """Return whether a word is too short for an index, so that texts are searched."""
    return len(word) < _INSIDE_MIN and not is_east_asian(word)


def _is_checked(word: str) -> bool:
    """Return whether the index also returns rows without this word."""
    return " " in word or (is_east_asian(word) and len(word) > 2)


def _holds(columns: Sequence[str]) -> str:
    """Return the SQL condition that these columns contain the parameter. A space precedes each
    word.
    """
    texts = [f"s.{column}" for column in columns if column != "pieces"]
    spaced = "' ' || " + f" || '{BETWEEN}' || ".join(texts)
    return f" AND {dialect.contains(spaced)}"
