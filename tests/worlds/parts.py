"""The parts of states, a server's database or a door's disk and memory, each kept once by number.

They are cut into chunks that states share, since a step changes little. They are in SQLite, so
that a long walk needs no more memory than a short one.
"""

import sqlite3
import zlib
from array import array
from collections.abc import Iterable, Iterator
from hashlib import blake2b

CHUNK = 4_096  # bytes, four pages of a database
KNOWN = 500_000  # chunks whose numbers are remembered; one that was forgotten is stored again
CACHED = 300  # parts whose bytes stay in memory

Blobs = tuple[bytes, ...]


class Parts:
    """Numbers are given in order, and never again."""

    def __init__(self, db: sqlite3.Connection) -> None:
        db.execute("CREATE TABLE IF NOT EXISTS chunk (number INTEGER PRIMARY KEY, data BLOB)")
        db.execute("CREATE TABLE IF NOT EXISTS part (number INTEGER PRIMARY KEY, chunks BLOB)")
        self._db = db
        self._chunks: dict[bytes, int] = {}  # number by hash
        self._numbers: dict[bytes, int] = {}  # of parts, by their packed chunks
        self._cache: dict[int, Blobs] = {}
        self._last_chunk = self._last("chunk")
        self._last_part = self._last("part")

    def _last(self, table: str) -> int:
        (last,) = self._db.execute(f"SELECT COALESCE(MAX(number), 0) FROM {table}").fetchone()
        return int(last)

    def number(self, blobs: Blobs, like: int) -> int:
        """Keep this part, which shares most chunks with the part `like` (0: with none)."""
        near = self._near(like, len(blobs))
        packed = b"".join(
            array("q", self._packed(blob, *known)).tobytes()
            for blob, known in zip(blobs, near, strict=True)
        )
        number = self._numbers.get(packed)
        if number is None:
            self._last_part = number = self._last_part + 1
            self._db.execute("INSERT INTO part VALUES (?, ?)", (number, packed))
            _bound(self._numbers, KNOWN)
            self._numbers[packed] = number
        self._remember(number, blobs)
        return number

    def _near(self, number: int, blobs: int) -> "list[tuple[bytes, array[int]]]":
        if not number:
            return [(b"", array("q"))] * blobs
        return list(zip(self.blobs(number), self._chunks_of(number), strict=True))

    def _packed(self, blob: bytes, near: bytes, known: "array[int]") -> Iterator[int]:
        """Chunks as in `near`, whose numbers are `known`, need not be hashed."""
        yield -(-len(blob) // CHUNK)
        for index, at in enumerate(range(0, len(blob), CHUNK)):
            data = blob[at : at + CHUNK]
            if near[at : at + CHUNK] == data:
                yield known[index]
            else:
                yield self._chunk(data)

    def _chunk(self, data: bytes) -> int:
        key = blake2b(data, digest_size=16).digest()
        number = self._chunks.get(key)
        if number is None:
            self._last_chunk = number = self._last_chunk + 1
            packed = zlib.compress(data, 1)
            self._db.execute("INSERT INTO chunk VALUES (?, ?)", (number, packed))
            _bound(self._chunks, KNOWN)
            self._chunks[key] = number
        return number

    def blobs(self, number: int) -> Blobs:
        found = self._cache.get(number)
        if found is None:
            found = tuple(map(self._joined, self._chunks_of(number)))
            self._remember(number, found)
        return found

    def _remember(self, number: int, blobs: Blobs) -> None:
        _bound(self._cache, CACHED)
        self._cache[number] = blobs

    def _chunks_of(self, number: int) -> "Iterable[array[int]]":
        """The chunks of each blob of a part."""
        row = self._db.execute("SELECT chunks FROM part WHERE number = ?", (number,)).fetchone()
        packed = array("q", row[0])
        at = 0
        while at < len(packed):
            size = packed[at]
            yield packed[at + 1 : at + 1 + size]
            at += 1 + size

    def _joined(self, chunks: "array[int]") -> bytes:
        select = "SELECT data FROM chunk WHERE number = ?"
        rows = (self._db.execute(select, (chunk,)).fetchone() for chunk in chunks)
        return b"".join(zlib.decompress(data) for (data,) in rows)

    def keep_only(self, numbers: set[int]) -> None:
        """Forget all other parts."""
        chunks = {chunk for number in numbers for blob in self._chunks_of(number) for chunk in blob}
        self._delete("part", numbers)
        self._delete("chunk", chunks)
        for known in (self._chunks, self._numbers, self._cache):
            known.clear()

    def _delete(self, table: str, kept: set[int]) -> None:
        rows = self._db.execute(f"SELECT number FROM {table}").fetchall()
        gone = [row for row in rows if row[0] not in kept]
        self._db.executemany(f"DELETE FROM {table} WHERE number = ?", gone)


def _bound(known: dict, most: int) -> None:  # type: ignore[type-arg]
    """Forget the oldest half once there are too many."""
    if len(known) >= most:
        for key in list(known)[: most // 2]:
            del known[key]
