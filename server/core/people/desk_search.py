"""Finds people for the badge desk by typed or scanned text.

Exact names come first, then beginnings, then other matches; among equals, unprinted badges first.
Of very many matches only the first few are ranked.
"""

import re
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher

from badges.credential.badge_number import parse_badge_number
from server.core.event.directory import Event
from server.core.people import attendees, cards, search, twins
from server.core.people.attendees import Attendee
from server.core.people.folding import readings
from server.core.people.phone_links import GoneLinkError, open_link
from server.core.people.phone_token import TOKEN_CHARS, PhoneTokenError
from server.core.people.search import BETWEEN, Wanted
from server.storage import dialect
from server.storage.connection import Connection, Row

RANKED_MAX = 300  # ranked matches of each kind
ALIKE_MAX = 60  # people whose spelling is compared, if no name is as typed
_CREDENTIAL = "HK"
_LINK = re.compile(rf"/b/([A-Za-z0-9_-]{{{TOKEN_CHARS}}})(?![A-Za-z0-9_-])")
_WHOLE, _CALLED, _BEGINS, _ELSEWHERE, _INSIDE = range(5)


@dataclass(frozen=True)
class Hit:
    serial: int
    name: str
    latin: str  # from the roster or transliterated, or ""
    organisation: str
    category: int
    issue: int  # the newest badge, or 0
    printed: bool  # whether the newest badge was printed
    collected: bool  # whether its card was handed over
    revoked: bool
    country: str  # only for people of the same name among the hits, else ""
    hints: list[str]  # parts of e-mail and telephone, and the order number, as `country`


@dataclass(frozen=True)
class Found:
    """The best matches, and whether there are more."""

    people: list[Hit]
    more: bool
    scanned: int | None = None  # the issue of the card whose code was scanned


def find(db: Connection, text: str, *, limit: int, event: Event | None = None) -> Found:
    """`text` is words in any order, a number, or the scanned code of a badge or confirmation. The
    code of a phone page needs `event`.
    """
    scanned = _scanned(db, text.strip(), event)
    if scanned is not None:
        serial, issue = scanned
        return Found(_hits(db, [serial]), more=False, scanned=issue)
    ranks: dict[int, int] = {}
    more = False
    for words in readings(text):
        more |= _rank(db, words, limit, ranks)
    for serial in _of_number(db, text):
        ranks[serial] = _WHOLE - 1
    if not ranks:
        ranks = _alike(db, text)
    ordered = _in_order(db, ranks)
    return Found(_hits(db, ordered[: max(0, limit)]), more=more or len(ordered) > limit)


def _alike(db: Connection, text: str) -> dict[int, int]:
    """Rank people whose names sound like the text, the most similar spelling first."""
    ranks: dict[int, int] = {}
    for words in readings(text):
        wanted = search.alike(words)
        for row in [] if wanted is None else _rows(db, wanted)[:ALIKE_MAX]:
            typed = SequenceMatcher(b=" ".join(words), autojunk=False)
            ranks[row["serial"]] = -max(
                _similarity(typed, name) for name in row["name"].split(BETWEEN)
            )
    return ranks


def _similarity(typed: SequenceMatcher[str], name: str) -> int:
    typed.set_seq1(name)
    return round(100 * typed.ratio())


def _scanned(db: Connection, text: str, event: Event | None) -> tuple[int, int | None] | None:
    """Return the holder and the issue of a scanned code. A link that was revoked has no issue."""
    if text.startswith(_CREDENTIAL) and text.isascii():
        row = db.execute(
            "SELECT serial, issue FROM badge WHERE credential = ? UNION ALL"
            " SELECT serial, issue FROM day_credential WHERE credential = ? UNION ALL"
            " SELECT serial, issue FROM withdrawn_badge WHERE credential = ?",
            (text, text, text),
        ).fetchone()
        return None if row is None else (int(row["serial"]), int(row["issue"]))
    link = _LINK.search(text)
    if link is None or event is None:
        return None
    try:
        return open_link(db, event, link[1])
    except GoneLinkError as error:
        return error.serial, None  # The link is void, but its holder is at the desk.
    except PhoneTokenError:
        return None


def _of_number(db: Connection, text: str) -> list[int]:
    try:
        return [parse_badge_number(text)]
    except ValueError:
        return []


def _rank(db: Connection, words: Sequence[str], limit: int, ranks: dict[int, int]) -> bool:
    """Put the rank of each match into `ranks`. Return whether some matches were not ranked."""
    joined = ["".join([*words[at:], *words[:at]]).replace(" ", "") for at in range(len(words))]
    fits = _fitting(words, frozenset(joined))
    kinds: tuple[Callable[[], Wanted], ...] = (
        lambda: search.whole(joined),
        lambda: search.called(words),
        lambda: search.beginning(words),
        lambda: search.anywhere(words),
    )
    for kind in kinds:
        rows = _rows(db, kind())
        for row in rows:
            ranks[row["serial"]] = min(fits(row), ranks.get(row["serial"], _FARTHEST))
        if len(rows) > RANKED_MAX:
            return True
        if len(ranks) > limit:
            return False
    return False


_FARTHEST = 1_000_000


def _rows(db: Connection, wanted: Wanted) -> list[Row]:
    return db.execute(
        "SELECT f.serial, f.whole, f.name, f.organisation, f.contact FROM"
        f" (SELECT serial FROM ({wanted.query}) AS wanted LIMIT {RANKED_MAX + 1}) AS best"
        " JOIN attendee_search f USING (serial)",
        wanted.values,
    ).fetchall()


def _fitting(words: Sequence[str], joined: frozenset[str]) -> Callable[[Row], int]:
    """Return a function that rates how far a row is from the words, 0 for the exact name."""

    def far(row: Row) -> int:
        whole = row["whole"].split()
        if not joined.isdisjoint(whole):
            return _WHOLE
        called = {*whole, *row["name"].split(), *row["contact"].split(BETWEEN)}
        rest = f" {row['organisation']}{BETWEEN}{row['contact']}"
        return 1 + sum(_far(word, called, rest) for word in words)

    return far


def _far(word: str, called: Collection[str], rest: str) -> int:
    if word in called:
        return _CALLED
    if any(text.startswith(word) for text in called):
        return _BEGINS
    return _ELSEWHERE if f" {word}" in rest else _INSIDE


def _in_order(db: Connection, ranks: Mapping[int, int]) -> list[int]:
    rows = db.execute(
        f"SELECT serial, family_name, given_name FROM attendee WHERE {dialect.one_of('serial')}",
        (dialect.many(ranks),),
    ).fetchall()
    printed = _cards(db, [row["serial"] for row in rows])

    def place(row: Row) -> tuple[int, bool, str, str, int]:
        serial = row["serial"]
        return ranks[serial], serial in printed, row["family_name"], row["given_name"], serial

    return [row["serial"] for row in sorted(rows, key=place)]


def _hits(db: Connection, serials: Sequence[int]) -> list[Hit]:
    rows = db.execute(
        f"{attendees.SELECT} WHERE {dialect.one_of('a.serial')}", (dialect.many(serials),)
    ).fetchall()
    people = {row["serial"]: attendees.attendee_of(row) for row in rows}
    collected = _cards(db, serials)
    alike = twins.namesakes({serial: person.name for serial, person in people.items()})
    return [
        _hit(people[serial], collected.get(serial), serial in alike)
        for serial in serials
        if serial in people
    ]


def _cards(db: Connection, serials: Sequence[int]) -> dict[int, bool]:
    """Return, for each person whose newest badge was printed, whether the card was handed over."""
    rows = db.execute(
        "SELECT serial, printed, collected_at IS NOT NULL AS collected FROM badge"
        f" WHERE {dialect.one_of('serial')} ORDER BY serial, issue",
        (dialect.many(serials),),
    )
    newest = {row["serial"]: (row["printed"], bool(row["collected"])) for row in rows}
    return {serial: collected for serial, (printed, collected) in newest.items() if printed}


def _hit(person: Attendee, collected: bool | None, alike: bool) -> Hit:
    return Hit(
        serial=person.serial,
        name=person.name,
        latin=cards.latin_line(person)[0],
        organisation=person.organisation,
        category=person.category,
        issue=person.issue,
        printed=collected is not None,
        collected=bool(collected),
        revoked=person.revoked_at is not None,
        country=person.country if alike else "",
        hints=twins.known(
            (
                twins.email_start(person.email),
                twins.phone_end(person.phone),
                person.order_number,
            )
        )
        if alike
        else [],
    )
