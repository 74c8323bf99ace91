"""Writes a Merkle tree as tiles and entry bundles (C2SP tlog-tiles), from left to right.

Only each level's last tile is in memory.
"""

from collections.abc import Callable

from badges.transparency.merkle import Tree
from server.features.evidence.verify import TILE, tile_name

ENTRY_BYTES_MAX = 0xFFFF  # A bundle gives each entry's length in two bytes.

Write = Callable[[str, bytes], None]


class TileWriter:
    """Takes the leaves in order. `left_out` lists the omitted bundles."""

    def __init__(self, write: Write) -> None:
        self._write = write
        self._levels: list[bytearray] = [bytearray()]
        self._written = [0]  # Full tiles of each level
        self._bundle: list[bytes] | None = []
        self._tree = Tree()
        self.left_out: list[str] = []

    @property
    def size(self) -> int:
        return self._tree.size

    def add(self, digest: bytes, entry: bytes | None) -> None:
        """Add a leaf by its hash. Without `entry`, its bundle is left out."""
        self._tree.append(digest)
        if entry is None or len(entry) > ENTRY_BYTES_MAX:
            self._bundle = None
        elif self._bundle is not None:
            self._bundle.append(len(entry).to_bytes(2, "big") + entry)
        self._levels[0] += digest
        if len(self._levels[0]) == 32 * TILE:
            self._end_bundle(TILE)
            self._raise(0)

    def end(self) -> bytes:
        """Write the partial tiles, and return the tree's root."""
        width = len(self._levels[0]) // 32
        if width:
            self._end_bundle(width)
        for level, hashes in enumerate(self._levels):
            if hashes:
                name = tile_name(str(level), self._written[level], len(hashes) // 32)
                self._write(name, bytes(hashes))
        return self._tree.root()

    def _end_bundle(self, width: int) -> None:
        name = tile_name("entries", self._written[0], width)
        if self._bundle is None:
            self.left_out.append(name)
        else:
            self._write(name, b"".join(self._bundle))
        self._bundle = []

    def _raise(self, level: int) -> None:
        """Write a full tile, and add its hash to the tile above."""
        self._write(tile_name(str(level), self._written[level], TILE), bytes(self._levels[level]))
        self._levels[level] = bytearray()
        self._written[level] += 1
        if level + 1 == len(self._levels):
            self._levels.append(bytearray())
            self._written.append(0)
        self._levels[level + 1] += self._tree.full_subtree(8 * (level + 1))
        if len(self._levels[level + 1]) == 32 * TILE:
            self._raise(level + 1)
