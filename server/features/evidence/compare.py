"""Compares two exports of the entry log, or an export with the log.

One pass over tiles compares all entries' hashes. Exports are untrusted, so sizes are limited.
"""

import hashlib
import json
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

from badges.i18n import N_, Spoken
from server.core.venue.names import NAMED, names_now
from server.features.evidence import verify
from server.features.evidence.verify import TILE, Refused
from server.storage.connection import Connection

ENTRIES_MAX = 20_000_000
FILES_MAX = 2 * ENTRIES_MAX // TILE + 1_000
RENAMED_MAX = 100
SAME, BEGINNING, FORK, OTHER = "same", "beginning", "fork", "other_log"


class CompareError(Spoken):
    """A side can't be compared. The text names side and reason."""


class Side(NamedTuple):
    """One side. An export has `shown`, its selection of records, and `made_at` (Unix ms)."""

    log: str
    key: str
    size: int
    root: str
    shown: str | None = None
    made_at: int | None = None


class Renamed(NamedTuple):
    """A hall's, door's or category's name on each side; None where missing."""

    kind: str
    number: str
    first: str | None
    other: str | None


@dataclass(frozen=True)
class Comparison:
    """The result: the first `agreed` entries are the same.

    `renamed` lists differing names, which are not in the log. After a fork `records` are those of
    entry `agreed`, None where hidden.
    """

    verdict: str
    first: Side
    other: Side
    agreed: int
    records: tuple[str | None, str | None] = (None, None)
    renamed: tuple[Renamed, ...] = ()

    @property
    def longer(self) -> int:
        return int(self.other.size > self.first.size)


class _Opened(NamedTuple):
    side: Side
    export: verify.Export | None
    db: Connection | None
    names: dict[str, Any]

    def tiles(self) -> Iterator[bytes]:
        if self.export is not None:
            for first in range(0, self.side.size, TILE):
                width = min(TILE, self.side.size - first)
                tile = self.export.read(verify.tile_name("0", first // TILE, width))
                verify.need(len(tile) == 32 * width, "a tile is malformed")
                yield tile
            return
        assert self.db is not None
        query = "SELECT hash FROM leaf WHERE number < ? ORDER BY number"
        rows = iter(self.db.execute(query, (self.side.size,)))
        while some := b"".join(digest for (digest,) in islice(rows, TILE)):
            yield some

    def record(self, number: int) -> str | None:
        """Return an entry's record, or None if hidden."""
        if self.export is not None:
            try:
                for at, (_, record, *_) in self.export.lines(hashlib.sha256()):
                    if at >= number:
                        return record.decode() if at == number and record else None
            # Only shown here; verifying the export finds errors.
            except Exception:
                return None
            return None
        assert self.db is not None
        row = self.db.execute("SELECT body, salt FROM leaf WHERE number = ?", (number,)).fetchone()
        return None if row is None or row["salt"] is None else bytes(row["body"]).decode()


def compare_exports(first: Path, second: Path) -> Comparison:
    """Compare two exports, each a folder or a zip. Raises CompareError."""
    return _compare(_open(first, 1), _open(second, 2))


def compare_beside(_: Connection, first: Path, second: Path) -> Comparison:
    """Run `compare_exports` in a worker process, which passes its database."""
    return compare_exports(first, second)


def compare_with_log(db: Connection, path: Path, *, log: str, key: str) -> Comparison:
    """Compare an export with a database's log, given its name and verifier key. Raises
    CompareError.
    """
    opened = _open(path, 1)
    (size,) = db.execute("SELECT COALESCE(MAX(number) + 1, 0) FROM leaf").fetchone()
    return _compare(opened, _Opened(Side(log, key, size, ""), None, db, _named(db)))


def _open(path: Path, place: int) -> _Opened:
    """Open an export, and read its manifest, signed by its own key. Raises CompareError."""
    try:
        export = verify.Export(path)
        if len(export.names) > FILES_MAX:
            raise Refused("it has more files than an export")
        export.read_log(None, ())
        if export.size > ENTRIES_MAX:
            raise Refused(f"it claims to have more than {ENTRIES_MAX:,} entries")
        text, signers, _ = verify.read_note(export.read("manifest"), [export.log])
        if export.log not in signers:
            raise Refused("the manifest is not signed by the log's key")
        head = text.split("\n")[:5]
        if head[:3] != ["hallkeeper/log-export/v1", export.log.name, str(export.size)]:
            raise Refused("the manifest is another export's")
        names = json.loads(export.read("names.json"))
        for kind in NAMED:
            names[kind] = {str(key): _line(value) for key, value in names[kind].items()}
        shown, made_at = head[3], int(head[4])
    except (OSError, zipfile.BadZipFile, NotImplementedError) as error:
        raise CompareError(N_("File %(place)s can't be read as an export: %(why)s."), place=place,
                           why=type(error).__name__) from None  # fmt: skip
    # Files malformed in any way are refused.
    except Exception as error:
        why = str(error) if isinstance(error, Refused) else "it is malformed"
        raise CompareError(
            N_("File %(place)s is not an export of an entry log: %(why)s."), place=place, why=why
        ) from None
    key = export.log
    side = Side(key.name, key.text, export.size, export.root.hex(), shown, made_at)
    return _Opened(side, export, None, names)


def _named(db: Connection) -> dict[str, Any]:
    return {
        kind: {number: _line(names) for number, names in entries.items()}
        for kind, entries in names_now(db).items()
    }


def _line(names: dict[str, str]) -> str:
    return ", ".join(f"{language}: {text}" for language, text in sorted(names.items()))


def _renamed(first: _Opened, second: _Opened) -> Iterator[Renamed]:
    for kind in NAMED:
        ours, theirs = first.names[kind], second.names[kind]
        for number in sorted(ours.keys() | theirs.keys()):
            if ours.get(number) != theirs.get(number):
                yield Renamed(kind, number, ours.get(number), theirs.get(number))


def _compare(first: _Opened, second: _Opened) -> Comparison:
    roots = [_Root(), _Root()]
    agreed, differs = 0, False
    both = (_pieces(first, 1), _pieces(second, 2))
    while any(tiles := tuple(next(side, b"") for side in both)):
        for root, tile in zip(roots, tiles, strict=True):
            root.add(tile)
        if not differs:
            agreed += _same(*tiles)
            differs = tiles[0] != tiles[1]
    for place, (side, root) in enumerate(zip((first, second), roots, strict=True), 1):
        if side.export is not None and root.digest().hex() != side.side.root:
            raise CompareError(
                N_("File %(place)s was altered: its entries are not those of its own checkpoint. "
                   "Verify it, which names them."), place=place,
            )  # fmt: skip
    if second.export is None:
        second = second._replace(side=second.side._replace(root=roots[1].digest().hex()))
    sizes = first.side.size, second.side.size
    if first.side.key.rpartition("+")[2] != second.side.key.rpartition("+")[2]:
        verdict = OTHER
    elif agreed < min(sizes):
        verdict = FORK
    else:
        verdict = SAME if sizes[0] == sizes[1] else BEGINNING
    records = (first.record(agreed), second.record(agreed)) if verdict == FORK else (None, None)
    renamed = tuple(islice(_renamed(first, second), RENAMED_MAX))
    return Comparison(verdict, first.side, second.side, agreed, records, renamed)


def _pieces(side: _Opened, place: int) -> Iterator[bytes]:
    try:
        yield from side.tiles()
    except Exception as error:
        if side.export is None:
            raise
        raise CompareError(
            N_("File %(place)s is not a complete export: a tile is missing or malformed."),
            place=place,
        ) from error


def _same(first: bytes, second: bytes) -> int:
    """Return how many hashes two tiles share, from the left."""
    if first == second:
        return len(first) // 32
    shorter = min(len(first), len(second))
    return next((at for at in range(shorter) if first[at] != second[at]), shorter) // 32


class _Root:
    """Computes a tree's root from tiles; holds only full tiles' roots."""

    def __init__(self) -> None:
        self._tops: list[bytes] = []
        self._last: list[bytes] = []

    def add(self, tile: bytes) -> None:
        hashes = [tile[at : at + 32] for at in range(0, len(tile), 32)]
        if len(hashes) == TILE:
            self._tops.append(verify.root_of(hashes))
        else:
            self._last = hashes or self._last

    def digest(self) -> bytes:
        last = [verify.root_of(self._last)] if self._last else []
        return verify.root_of(self._tops + last)
