"""Finds the numbers of entries that match a filter, in either order.

Numbers are those of the entry log, so new entries do not move pages. In blocks with `marks` these
select candidates; other blocks are scanned. Each candidate is checked against the filter.
"""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, fields

from server.core.ledger import marks, remarks
from server.core.ledger.marks import BLOCK
from server.core.people import search
from server.core.people.folding import readings
from server.storage import dialect
from server.storage.connection import Connection

FEW = 100  # For so few people, all their entries are read by the index.
PEOPLE_MAX = 10_000
_CHUNK, _CHUNK_MAX = 64, 2048


class TooManyPeopleError(ValueError):
    """Raised if a name or organisation matches too many people for a filter."""


@dataclass(frozen=True)
class Filter:
    """A filter for scans. None matches any value. `since` is inclusive, `until` exclusive (Unix
    ms, by the door's clock).

    `act` is a key of `remarks.KINDS`, `remark` a flag or a key of `remarks.MADE_HERE`, and
    `supervisor` an account id. `name`, `organisation` and `note` are words to search.
    """

    hall_id: int | None = None
    door_id: int | None = None
    kiosk: str | None = None
    sessions: tuple[int, ...] | None = None
    category: int | None = None
    serial: int | None = None
    name: str | None = None
    organisation: str | None = None
    decision: str | None = None
    reason: str | None = None
    act: str | None = None
    remark: str | None = None
    supervisor: str | None = None
    note: str | None = None
    since: int | None = None
    until: int | None = None


_COLUMNS = {
    "hall_id": ("hall", "s.hall_id = ?"),
    "door_id": ("door", "s.door_id = ?"),
    "kiosk": ("kiosk", "s.kiosk = ?"),
    "category": ("category", "s.category = ?"),
    "decision": ("decision", "s.decision = ?"),
    "reason": ("reason", "s.reason = ?"),
    "supervisor": ("supervisor", "s.supervisor = ?"),
}
_TIMES = {"since": "s.scanned_at >= ?", "until": "s.scanned_at < ?"}


def numbers(
    db: Connection, wanted: Filter, start: int, end: int, *, upwards: bool
) -> Iterator[int]:
    """Yield numbers from `start` to before `end`, ascending if `upwards`.

    Raises TooManyPeopleError before the first.
    """
    return _Search(db, wanted, start, end, upwards=upwards).run()


class _Search:
    def __init__(
        self, db: Connection, wanted: Filter, start: int, end: int, *, upwards: bool
    ) -> None:
        self._db, self._wanted, self._upwards = db, wanted, upwards
        self._start, self._end = start, end
        self._people = _people(db, wanted)
        self._facets = _facets(wanted)
        self._conditions, self._values = _conditions(wanted)
        self._note = None if wanted.note is None else wanted.note.casefold()
        asked = [getattr(wanted, column.name) for column in fields(wanted)]
        self._is_plain = all(value is None for value in asked)

    def run(self) -> Iterator[int]:
        if self._start >= self._end:
            return iter(())
        if self._people is not None and len(self._people) <= FEW:
            return self._of_few(self._people)
        return self._of_blocks()

    def _of_few(self, people: Collection[int]) -> Iterator[int]:
        rows = self._db.execute(
            f"SELECT s.number, s.note FROM scan s WHERE {dialect.one_of('s.serial')}"
            f" AND s.number >= ? AND s.number < ?{self._conditions}",
            (dialect.many(people), self._start, self._end, *self._values),
        ).fetchall()
        matching = [number for number, note in rows if self._has_note(note)]
        return iter(sorted(matching, reverse=not self._upwards))

    def _of_blocks(self) -> Iterator[int]:
        first, last = self._start // BLOCK, (self._end - 1) // BLOCK
        marked = {} if self._is_plain else marks.marked_blocks(self._db, first, last)
        blocks = range(first, last + 1)
        for number in blocks if self._upwards else reversed(blocks):
            block = marked.get(number)
            low = max(self._start, number * BLOCK)
            high = min(self._end, (number + 1) * BLOCK)
            if block is None:
                yield from self._looked_through(low, high)
            else:
                yield from self._marked(block, low, high)

    def _marked(self, block: marks.Block, low: int, high: int) -> Iterator[int]:
        first = block.number * BLOCK
        bits = marks.between(low - first, high - first)
        bits &= marks.at_times(self._db, block, self._wanted.since, self._wanted.until)
        for facet, values in self._facets:
            if not bits:
                return
            bits &= marks.with_values(self._db, block.number, facet, values)
        places = marks.places(bits) if bits else []
        if places and self._people is not None:
            serials = marks.serials_of(self._db, block.number)
            places = [place for place in places if serials[place] in self._people]
        if not self._upwards:
            places.reverse()
        rows = _CHUNK
        while places:
            yield from self._compared([first + place for place in places[:rows]])
            places, rows = places[rows:], min(rows * 4, _CHUNK_MAX)

    def _compared(self, numbers: Sequence[int]) -> list[int]:
        rows = self._db.execute(
            "SELECT s.number, s.note FROM scan s"
            f" WHERE {dialect.one_of('s.number')}{self._conditions}",
            (dialect.many(numbers), *self._values),
        ).fetchall()
        matching = [number for number, note in rows if self._has_note(note)]
        return sorted(matching, reverse=not self._upwards)

    def _looked_through(self, low: int, high: int) -> Iterator[int]:
        """Yield the matching numbers by reading the scans in chunks, without bitmaps."""
        rows = _CHUNK
        order = "ASC" if self._upwards else "DESC"
        while low < high:
            candidates = self._db.execute(
                "SELECT s.number, s.serial, s.note FROM scan s WHERE s.number >= ?"
                f" AND s.number < ?{self._conditions} ORDER BY s.number {order} LIMIT ?",
                (low, high, *self._values, rows),
            ).fetchall()
            for number, serial, note in candidates:
                if (self._people is None or serial in self._people) and self._has_note(note):
                    yield number
            if len(candidates) < rows:
                return
            if self._upwards:
                low = candidates[-1][0] + 1
            else:
                high = candidates[-1][0]
            rows = min(rows * 4, _CHUNK_MAX)

    def _has_note(self, note: str | None) -> bool:
        return self._note is None or self._note in (note or "").casefold()


def _facets(wanted: Filter) -> list[tuple[str, tuple[str, ...]]]:
    """Return each facet that the filter requires, with its accepted values."""
    filters = [(facet, getattr(wanted, name)) for name, (facet, _) in _COLUMNS.items()]
    filters += [("kind", wanted.act), ("remark", wanted.remark)]
    filters.append(("noted", None if wanted.note is None else "yes"))
    required: list[tuple[str, tuple[str, ...]]] = [
        (facet, (str(value),)) for facet, value in filters if value is not None
    ]
    if wanted.sessions is not None:
        required.append(("session", tuple(map(str, wanted.sessions))))
    return required


def _conditions(wanted: Filter) -> tuple[str, list[int | str]]:
    texts, values = [], []
    for name, text in {
        **{key: condition for key, (_, condition) in _COLUMNS.items()},
        **_TIMES,
    }.items():
        value = getattr(wanted, name)
        if value is not None:
            texts.append(text)
            values.append(value)
    if wanted.sessions is not None:
        texts.append(dialect.one_of("s.session_id"))
        values.append(dialect.many(wanted.sessions))
    if wanted.act is not None:
        texts.append(remarks.KINDS[wanted.act])
    if wanted.remark is not None:
        made_here = remarks.MADE_HERE.get(wanted.remark)
        texts.append(made_here or dialect.contains("' ' || s.flags || ' '"))
        values += [] if made_here else [f" {wanted.remark} "]
    if wanted.note is not None:
        texts.append("s.note <> ''")
    return "".join(f" AND {text}" for text in texts), values


def _people(db: Connection, wanted: Filter) -> Collection[int] | None:
    """Return the serials that match the filter, or None if it matches all people."""
    people_matching = None if wanted.serial is None else {wanted.serial}
    for text, part in ((wanted.name, "name"), (wanted.organisation, "organisation")):
        if text is None:
            continue
        those: set[int] = set()
        for words in readings(text):
            asked = search.within(words, part)
            rows = db.execute(f"{asked.query} LIMIT {PEOPLE_MAX + 1}", asked.values).fetchall()
            if len(rows) > PEOPLE_MAX:
                raise TooManyPeopleError(part)
            those |= {row[0] for row in rows}
        people_matching = those if people_matching is None else people_matching & those
    return people_matching
