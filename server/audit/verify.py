#!/usr/bin/env python3
"""Verifies an export of the entry log, or one receipt, with nothing but Python and `cryptography`.

    python3 verify.py EXPORT              a folder or a zip
    python3 verify.py --receipt FILE      one entry's proof

It needs no server, no network and nothing else of the export's maker. It ends with status 0 where
all is well, and with 1 where it found something, which it names. `docs/entry-log.md` of Hallkeeper
describes each file and each hash byte by byte. In short:

* An entry of the log is SHA-256("hallkeeper/entry/v1", 0, salt, record). The record and its salt
  stand in `records.txt`. Where both were deleted or are withheld, the entry tells nothing.
* The entries are the leaves of a Merkle tree (RFC 6962), whose root the log's key signed in
  `checkpoint`. No entry can be changed, added, left out or moved without another root.
* Each kiosk signed the chain of its own scans. The owner of the log can't make or drop one.
* Kiosks cosigned checkpoints that they saw. The owner of the log can't write it anew.
"""

import argparse
import base64
import hashlib
import io
import json
import re
import sys
import zipfile
from binascii import unhexlify
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

TILE = 256  # Entries of a bundle, and hashes of a tile.
FILE_MAX = 64_000_000  # Bytes of any file but the records.
LINE_MAX = 1_000_000
FINDINGS_MAX = 100
# A kiosk that is at work for so long after a checkpoint has cosigned it.
COSIGNED_WITHIN_MS = 10 * 60_000
SCAN = re.compile(
    rb'\{"chain":"([0-9a-f]{64})","received_at":([0-9]{1,16}),"record":(\{.*\})'
    rb'(?:,"signature":"([0-9a-f]{128})")?,"type":"scan"\}'
)
# The beginnings of a line with a record, and of one without.
RECORD = re.compile(rb"(0|[1-9][0-9]{0,17}) ([0-9a-f]{32}|-) \{")
NO_RECORD = re.compile(
    rb"(0|[1-9][0-9]{0,17}) (?:(erased)|= ([a-z0-9-]{1,32}) ([0-9]{1,16})"
    rb" ([1-9][0-9]{0,15}) ([0-9a-f]{64}|-)(?: ([0-9a-f]{128}))?)\n"
)
SIGNATURE = re.compile(r"— (\S+) ([A-Za-z0-9+/]+={0,2})\n")
RECEIPT = re.compile(
    r"c2sp\.org/tlog-proof@v1\n(?:extra ([A-Za-z0-9+/]+={0,2})\n)?index (0|[1-9][0-9]{0,17})\n"
    r"((?:[A-Za-z0-9+/]{43}=\n)*)\n"
)
read_json: Callable[[bytes], Any] = json.loads


class Refused(ValueError):  # noqa: N818 - it says what was found, and that is no error of ours
    """Is raised where something does not hold. The text says what."""


def sha256(*parts: bytes) -> bytes:
    return hashlib.sha256(b"".join(parts)).digest()


def committed(salt: bytes, body: bytes) -> bytes:
    """Return the entry of a record, which is a commitment to it."""
    return hashlib.sha256(b"hallkeeper/entry/v1\x00" + salt + body).digest()


# ---- The tree (RFC 6962, 2.1)


def node(left: bytes, right: bytes) -> bytes:
    return hashlib.sha256(b"\x01" + left + right).digest()


def subtrees(leaves: list[bytes]) -> list[tuple[int, bytes]]:
    """Return the complete subtrees of these leaves from the left, each with its number of
    leaves.
    """
    found: list[tuple[int, bytes]] = []
    start = 0
    while start < len(leaves):
        width = 1 << ((len(leaves) - start).bit_length() - 1)
        level = leaves[start : start + width]
        while len(level) > 1:
            level = [node(*pair) for pair in zip(level[::2], level[1::2], strict=True)]
        found.append((width, level[0]))
        start += width
    return found


class Frontier:
    """Holds what of a growing tree is needed for its root, which is its complete subtrees."""

    def __init__(self) -> None:
        self.parts: list[tuple[int, bytes]] = []

    def add(self, width: int, digest: bytes) -> None:
        """Add a complete subtree at the right. It is no larger than the last one."""
        while self.parts and self.parts[-1][0] == width:
            left = self.parts.pop()[1]
            width, digest = width * 2, node(left, digest)
        self.parts.append((width, digest))

    def root(self, more: list[bytes]) -> bytes:
        """Return the root of the tree with these further leaves, fewer than a tile."""
        hashes = [digest for _, digest in self.parts + subtrees(more)]
        if not hashes:
            return sha256()
        root = hashes.pop()
        while hashes:
            root = node(hashes.pop(), root)
        return root


# ---- Signed notes (C2SP signed-note, tlog-checkpoint, tlog-cosignature)


class Note(NamedTuple):
    text: str
    signatures: list[tuple[str, bytes]]


class Checkpoint(NamedTuple):
    origin: str
    size: int
    root: bytes


def read_note(raw: bytes) -> Note:
    text, separator, lines = raw.decode().rpartition("\n\n")
    found = SIGNATURE.findall(lines)
    if not separator or not found or "".join(f"— {n} {s}\n" for n, s in found) != lines:
        raise Refused("it is no signed note")
    return Note(f"{text}\n", [(name, unbase64(signature)) for name, signature in found])


def read_checkpoint(text: str) -> Checkpoint:
    lines = text.split("\n")
    if len(lines) != 4 or lines[3] or not re.fullmatch("0|[1-9][0-9]{0,17}", lines[1]):
        raise Refused("it is no checkpoint")
    root = unbase64(lines[2])
    if len(root) != 32:
        raise Refused("it is no checkpoint")
    return Checkpoint(lines[0], int(lines[1]), root)


def unbase64(text: str) -> bytes:
    raw = base64.b64decode(text, validate=True)
    if base64.b64encode(raw).decode() != text:
        raise Refused("its base64 is not in canonical form")
    return raw


def is_signed(key: bytes, message: bytes, signature: bytes) -> bool:
    try:
        Ed25519PublicKey.from_public_bytes(key).verify(signature, message)
    except (InvalidSignature, ValueError):
        return False
    return True


def signed_by(note: Note, name: str, key: bytes) -> bool:
    """Say whether the note bears a right signature by this key, and no wrong one."""
    mark = sha256(name.encode(), b"\n\x01", key)[:4]
    own = [raw[4:] for signer, raw in note.signatures if (signer, raw[:4]) == (name, mark)]
    return bool(own) and all(is_signed(key, note.text.encode(), raw) for raw in own)


def cosigned_by(note: Note, name: str, key: bytes) -> int | None:
    """Return when the witness cosigned the note, in Unix seconds. Return None where it did not."""
    mark = sha256(name.encode(), b"\n\x04", key)[:4]
    own = [raw[4:] for signer, raw in note.signatures if (signer, raw[:4]) == (name, mark)]
    times = [int.from_bytes(raw[:8], "big") for raw in own]
    for at, raw in zip(times, own, strict=True):
        if not is_signed(key, f"cosignature/v1\ntime {at}\n{note.text}".encode(), raw[8:]):
            return None
    return max(times, default=None)


# ---- The files


class Files:
    """Reads the files of an export, which is a folder or a zip."""

    def __init__(self, path: Path) -> None:
        self.zip = None if path.is_dir() else zipfile.ZipFile(path)
        self.folder = path
        if self.zip is None:
            self.names = {
                one.relative_to(path).as_posix() for one in path.rglob("*") if not one.is_dir()
            }
        else:
            names = self.zip.namelist()
            self.names = set(names)
            if len(names) != len(self.names):
                raise Refused("the zip has two files of one name")

    def read(self, name: str) -> bytes:
        if name not in self.names:
            raise Refused(f"{name} is missing")
        if self.zip is not None:
            if self.zip.getinfo(name).file_size > FILE_MAX:
                raise Refused(f"{name} is too large")
            return self.zip.read(name)
        with (self.folder / name).open("rb") as file:
            data = file.read(FILE_MAX + 1)
        if len(data) > FILE_MAX:
            raise Refused(f"{name} is too large")
        return data

    def open(self, name: str) -> Any:
        if name not in self.names:
            raise Refused(f"{name} is missing")
        if self.zip is None:
            return (self.folder / name).open("rb")
        return io.BufferedReader(self.zip.open(name), 1 << 20)


def tile_name(kind: str, index: int, width: int) -> str:
    """Return the path of a tile or bundle (C2SP tlog-tiles)."""
    digits = str(index)
    digits = digits.zfill((len(digits) + 2) // 3 * 3)
    parts = [digits[at : at + 3] for at in range(0, len(digits), 3)]
    path = "/".join([f"x{part}" for part in parts[:-1]] + parts[-1:])
    return f"tile/{kind}/{path}" + ("" if width == TILE else f".p/{width}")


class Line(NamedTuple):
    """Holds a line of `records.txt`. It has a record with its salt (None before there were any), or
    what stands for a kiosk's record that is deleted or withheld, or the word that it was erased.
    """

    number: int
    salt: bytes | None = None
    body: bytes | None = None
    stands: tuple[str, int, int, bytes | None, bytes | None] | None = None


def read_lines(files: Files, digest: Any) -> Iterator[Line]:
    """Yield the lines of the records, and put what was read into `digest`."""
    with files.open("records.txt") as file:
        before = -1
        while raw := file.readline(LINE_MAX):
            digest.update(raw)
            found = RECORD.match(raw)
            line = None
            if found is not None and raw.endswith(b"}\n"):
                digits, salt = found.groups()
                salted = None if salt == b"-" else unhexlify(salt)
                line = Line(int(digits), salted, raw[found.end() - 1 : -1])
            elif found := NO_RECORD.fullmatch(raw):
                digits, erased, kiosk, generation, seq, hashed, signature = found.groups()
                line = Line(int(digits))
                if not erased:
                    ours = None if hashed == b"-" else unhexlify(hashed)
                    signed = unhexlify(signature) if signature else None
                    stands = (kiosk.decode(), int(generation), int(seq), ours, signed)
                    line = Line(int(digits), stands=stands)
            if line is None:
                raise Refused(f"records.txt: the line after entry {before} is malformed")
            if line.number <= before:
                raise Refused(f"records.txt: entry {line.number} stands after entry {before}")
            before = line.number
            yield line


# ---- A kiosk's chain


class Chain:
    """Follows the scans of one kiosk, in the order of its own numbers."""

    def __init__(self, kiosk: str, generation: int) -> None:
        self.kiosk = (kiosk, generation)
        self.name = f"kiosk {kiosk} (generation {generation})"
        context = b"hallkeeper/scan/v1\x00"
        self.seq = 0
        self.head: bytes | None = sha256(context, generation.to_bytes(8, "big"), kiosk.encode())
        self.number = -1  # Of its last entry.
        self.signed: tuple[int, bytes, bytes] | None = None  # The last signature: entry, head, it.
        self.unsigned = 0  # Records shown since that signature.
        self.unproven = 0  # Records of which no signature tells, for the chain is broken off there.
        self.is_hashed = True  # Its last record is no early one that nobody can check.
        # Now and then an entry, when it came by the server's clock, and when it was by the kiosk's.
        self.times: list[tuple[int, int, int]] = []

    def step(self, number: int, seq: int, head: bytes | None, signature: bytes | None) -> None:
        self.seq, self.head, self.number = seq, head, number
        if signature is not None and head is not None:
            self.signed, self.unsigned = (number, head, signature), 0


def next_head(head: bytes, record: bytes) -> bytes:
    if record.endswith(b'"v":2}'):
        return next_hashed(head, hashlib.sha256(record).digest())
    return hashlib.sha256(b"hallkeeper/scan/v1\x00" + head + record).digest()


def next_hashed(head: bytes, record_hash: bytes) -> bytes:
    return hashlib.sha256(b"hallkeeper/scan/v2\x00" + head + record_hash).digest()


# ---- The whole export


class Verifier:
    """Verifies one export. `findings` are what is wrong, and `notes` what there is to know."""

    def __init__(self, path: Path, *, without_witnesses: bool = False) -> None:
        self.files = Files(path)
        self.without_witnesses = without_witnesses
        self.findings: list[str] = []
        self.notes: list[str] = []
        self.known: set[str] = set()  # The files that belong to an export.
        self.chains: dict[tuple[str, int], Chain] = {}
        self.kiosks: dict[tuple[str, int], bytes] = {}
        self.cosigned: dict[tuple[str, int], int] = {}  # The size that a kiosk cosigned.
        self.claims: list[tuple[int, bytes, str]] = []  # Size, root, and whose word it is.
        self.agreed = 0  # The largest size whose root is as somebody else has it.
        # Bundles that would show what is withheld or erased, from before there were salts.
        self.left_out: set[str] = set()
        self.uppers: list[list[bytes]] = []  # The last tile of each level above the first.
        self.shown = self.erased = 0
        self.torn = False
        self.records_sum = ""

    def found(self, text: str) -> None:
        if len(self.findings) < FINDINGS_MAX:
            self.findings.append(text)

    def verify(self, checkpoints: list[bytes], key: str | None) -> None:
        """Verify all. `checkpoints` are others' notes of this log, and `key` is the log's."""
        self.read_keys(key)
        self.read_manifest()
        for number, raw in enumerate(checkpoints, 1):
            self.claim(raw, f"checkpoint {number} that was given")
        self.read_witnesses()
        root = self.walk()
        for size, _, whose in self.claims:
            if size > self.checkpoint.size:
                self.found(
                    f"the log's end is missing: {whose} has {size} entries, and this one has"
                    f" {self.checkpoint.size}"
                )
        if root != self.checkpoint.root and not self.torn:
            self.found(
                "the entries are not those of the checkpoint that the log's key signed: some were"
                f" altered, added, removed or moved after entry {self.agreed - 1}"
            )
        for kiosk, chain in sorted(self.chains.items()):
            self.end_chain(chain)
            self.judge_witness(chain, self.cosigned.get(kiosk, 0))
        for name in sorted(self.files.names - self.known)[:FINDINGS_MAX]:
            self.found(f"{name} does not belong to the export")

    def read_keys(self, key: str | None) -> None:
        keys = read_json(self.take("keys.json"))
        self.log_name, self.log_key = keys["log"]["name"], bytes.fromhex(keys["log"]["key"])
        self.vkey = vkey(self.log_name, self.log_key)
        if key is not None and key.strip() != self.vkey:
            self.found(f"the log's key is {self.vkey}, and not the one that was given")
        for one in keys["kiosks"]:
            self.kiosks[one["kiosk"], one["generation"]] = bytes.fromhex(one["key"])
        raw = self.take("checkpoint")
        self.note = read_note(raw)
        self.checkpoint = read_checkpoint(self.note.text)
        if self.checkpoint.origin != self.log_name:
            raise Refused("the checkpoint is another log's")
        if not signed_by(self.note, self.log_name, self.log_key):
            raise Refused("the checkpoint is not signed by the log's key")
        for name, mark in ((name, raw[:4]) for name, raw in self.note.signatures):
            if name != self.log_name or mark != sha256(name.encode(), b"\n\x01", self.log_key)[:4]:
                self.found(f"the checkpoint bears a signature of {name}, which nobody can check")

    def take(self, name: str) -> bytes:
        self.known.add(name)
        return self.files.read(name)

    def read_manifest(self) -> None:
        note = read_note(self.take("manifest"))
        if not signed_by(note, self.log_name, self.log_key) or len(note.signatures) != 1:
            raise Refused("the manifest is not signed by the log's key")
        head, origin, size, self.selection, made, *lines = note.text.split("\n")[:-1]
        if (head, origin, size) != (
            "hallkeeper/log-export/v1", self.log_name, str(self.checkpoint.size)
        ) or not made.isdecimal():  # fmt: skip
            raise Refused("the manifest is another export's")
        self.whole = self.selection == "all"
        for line in lines:
            digest, _, name = line.partition(" ")
            if digest == "-":
                self.left_out.add(name)
                continue
            self.known.add(name)
            if name not in self.files.names:
                self.found(f"{name} is missing")
            elif name == "records.txt":
                self.records_sum = digest  # It is read later, and only once.
            elif hashlib.sha256(self.files.read(name)).hexdigest() != digest:
                self.found(f"{name} was altered after the export was made")

    def claim(self, raw: bytes, whose: str) -> Note | None:
        """Take somebody's checkpoint of this log. Its root must be the one of the entries here."""
        try:
            note = read_note(raw)
            checkpoint = read_checkpoint(note.text)
        except ValueError as error:
            self.found(f"{whose}: {error}")
            return None
        if checkpoint.origin != self.log_name:
            self.notes.append(f"{whose} is of another log, {checkpoint.origin}")
            return None
        if not signed_by(note, self.log_name, self.log_key):
            self.found(f"{whose} is not signed by the log's key")
            return None
        self.claims.append((checkpoint.size, checkpoint.root, whose))
        return note

    def read_witnesses(self) -> None:
        for (kiosk, generation), key in sorted(self.kiosks.items()):
            name = f"witness/{kiosk}-{generation}"
            if name not in self.known or name not in self.files.names:
                continue
            whose = f"the checkpoint that kiosk {kiosk} (generation {generation}) cosigned"
            note = self.claim(self.files.read(name), whose)
            if note is None:
                continue
            witness = f"{'/'.join(self.log_name.split('/')[:2])}/kiosk/{kiosk}/{generation}"
            if cosigned_by(note, witness, key) is None:
                self.found(f"{whose}: its signature is wrong")
                self.claims.pop()
            else:
                self.cosigned[kiosk, generation] = self.claims[-1][0]

    def walk(self) -> bytes:
        """Go through all entries in their order, and return the root of their tree."""
        size, frontier = self.checkpoint.size, Frontier()
        records = hashlib.sha256()
        lines = read_lines(self.files, records)
        line = next(lines, None)
        claims = sorted(claim for claim in self.claims if claim[0] <= size)
        claims.reverse()
        hashes: list[bytes] = []
        for index in range((size + TILE - 1) // TILE):
            first, width = index * TILE, min(TILE, size - index * TILE)
            entries, tile = self.read_entries(index, width), self.read_tile(index, width)
            hashes = []
            for number in range(first, first + width):
                entry = entries[number - first] if entries else None
                logged = tile[number - first] if tile else None
                here = line if line is not None and line.number == number else None
                hashes.append(self.judge_entry(number, entry, logged, here))
                if here is not None:
                    line = next(lines, None)
            while claims and claims[-1][0] <= first + width:
                self.compare(*claims.pop(), frontier, hashes, first)
            if width == TILE:
                ((_, digest),) = subtrees(hashes)
                frontier.add(TILE, digest)
                self.raise_tile(1, index, digest)
                hashes = []
        self.end_tiles()
        if line is not None:
            self.found(f"records.txt has a surplus entry {line.number}: the log has {size}")
        elif records.hexdigest() != self.records_sum:
            self.found("records.txt was altered after the export was made")
        return frontier.root(hashes)

    def compare(
        self,
        size: int,
        root: bytes,
        whose: str,
        frontier: Frontier,
        hashes: list[bytes],
        first: int,
    ) -> None:
        if size - first == TILE:
            whole = Frontier()
            whole.parts = list(frontier.parts)
            whole.add(TILE, subtrees(hashes)[0][1])
            here = whole.root([])
        else:
            here = frontier.root(hashes[: size - first])
        if here == root:
            self.agreed = max(self.agreed, size)
        elif not self.torn:
            self.found(
                f"a fork: {whose} is of another history than these first {size} entries. They agree"
                f" up to entry {self.agreed - 1}" + ("" if self.agreed else " (in none)")
            )

    def read_entries(self, index: int, width: int) -> list[bytes] | None:
        name = tile_name("entries", index, width)
        self.known.add(name)
        if name in self.left_out and name not in self.files.names:
            return None
        if name not in self.files.names:
            self.found(f"{name} is missing")
            return None
        raw, at, found = self.files.read(name), 0, []
        if len(raw) == 34 * width and raw[::34] + raw[1::34] == b"\x00" * width + b"\x20" * width:
            # Each has 32 bytes, as commitments have.
            return [raw[at + 2 : at + 34] for at in range(0, len(raw), 34)]
        while at + 2 <= len(raw):
            length = int.from_bytes(raw[at : at + 2], "big")
            found.append(raw[at + 2 : at + 2 + length])
            at += 2 + length
        if at != len(raw) or len(found) != width:
            first = index * TILE
            self.found(f"{name} does not hold entries {first} to {first + width - 1}")
            return None
        return found

    def read_tile(self, index: int, width: int) -> list[bytes] | None:
        name = tile_name("0", index, width)
        self.known.add(name)
        return self.hashes_of(name, width)

    def hashes_of(self, name: str, width: int) -> list[bytes] | None:
        if name not in self.files.names:
            self.found(f"{name} is missing")
            return None
        raw = self.files.read(name)
        if len(raw) != 32 * width:
            self.found(f"{name} does not hold {width} hashes")
            return None
        return [raw[at : at + 32] for at in range(0, len(raw), 32)]

    def judge_entry(
        self, number: int, entry: bytes | None, logged: bytes | None, line: Line | None
    ) -> bytes:
        """Compare what the bundle, the tile and the records say of one entry. Return its hash."""
        body = None if line is None else line.body
        if line is not None and body is not None:
            self.shown += 1
            said = body if line.salt is None else committed(line.salt, body)
            if entry is not None and said != entry:
                self.tear(f"entry {number} is not the record that was logged")
            entry = entry or said
        hashed = None if entry is None else hashlib.sha256(b"\x00" + entry).digest()
        if hashed is not None and logged is not None and hashed != logged:
            self.tear(f"entry {number} is not the one of the tile's hash")
        if line is None:
            if self.whole:
                self.found(f"entry {number} is missing in records.txt")
        elif body is not None:
            if body.endswith(b'"type":"scan"}'):
                self.judge_scan(number, body, salted=line.salt is not None)
            elif body.startswith((b'{"act":"kiosk_confirmed"', b'{"act":"kiosk.confirm"')):
                self.judge_key(number, read_json(body)["subject"])
        else:
            self.erased += self.whole
            if line.stands is not None:
                self.stand_in(number, *line.stands)
        return logged or hashed or bytes(32)

    def tear(self, text: str) -> None:
        """Note an entry that is not what it was. What follows from that is not told as well."""
        self.torn = True
        self.found(text)

    def raise_tile(self, level: int, index: int, digest: bytes) -> None:
        """Put a full tile's hash into the tile above, and compare that once it is full."""
        while len(self.uppers) < level:
            self.uppers.append([])
        above = self.uppers[level - 1]
        above.append(digest)
        if len(above) == TILE:
            self.compare_tile(level, index // TILE, above)
            ((_, digest),) = subtrees(above)
            self.uppers[level - 1] = []
            self.raise_tile(level + 1, index // TILE, digest)

    def end_tiles(self) -> None:
        for level, hashes in enumerate(self.uppers, 1):
            if hashes:
                self.compare_tile(level, self.checkpoint.size >> (8 * level + 8), hashes)

    def compare_tile(self, level: int, index: int, hashes: list[bytes]) -> None:
        name = tile_name(str(level), index, len(hashes))
        self.known.add(name)
        found = self.hashes_of(name, len(hashes))
        if found is not None and found != hashes and not self.torn:
            at = next(at for at in range(len(hashes)) if found[at] != hashes[at])
            width = TILE**level
            first = (index * TILE + at) * width
            self.found(f"{name} has another hash of entries {first} to {first + width - 1}")

    # ---- Kiosks and their scans

    def judge_key(self, number: int, said: dict[str, Any]) -> None:
        """Compare a kiosk's key with the one that the log has had since the kiosk was confirmed.
        Early versions did not log it.
        """
        kiosk = (said["kiosk"], said["generation"])
        known = self.kiosks.get(kiosk)
        if "key" in said and known is not None and said["key"] != known.hex():
            self.found(
                f"entry {number}: kiosk {kiosk[0]} (generation {kiosk[1]}) was confirmed with"
                " another key than keys.json has"
            )

    def judge_scan(self, number: int, body: bytes, *, salted: bool) -> None:
        found = SCAN.fullmatch(body)
        if found is None:
            self.found(f"entry {number} is no scan as the log has them")
            return
        said_hex, received, record, signature = found.groups()
        told = read_json(record)
        kiosk, seq, said = (told["kiosk"], told["generation"]), told["seq"], unhexlify(said_hex)
        chain = self.chains.get(kiosk) or self.new_chain(number, *kiosk)
        if seq != chain.seq + 1:
            self.gap(chain, number, seq)
        head = chain.head
        if head is None:
            self.break_off(chain)
        elif next_head(head, record) != said:
            self.found(
                f"entry {number}: scan {seq} of {chain.name} does not follow from the one before it"
            )
        chain.is_hashed = salted
        chain.unsigned += 1
        chain.step(number, seq, said, unhexlify(signature) if signature else None)
        came, was = int(received), told["scanned_at"]
        _, last_came, last_was = chain.times[-1] if chain.times else (0, 0, 0)
        if abs(came - last_came) >= 60_000 or abs(was - last_was) >= 60_000:
            chain.times.append((number, came, was))

    def stand_in(
        self, number: int, kiosk: str, generation: int, seq: int,
        hashed: bytes | None, signature: bytes | None,
    ) -> None:  # fmt: skip
        """Follow a chain over a record that is deleted or withheld. Its hash stands for it. A
        record of version 1 has none, and the chain is followed again from the next one on.
        """
        chain = self.chains.get((kiosk, generation)) or self.new_chain(number, kiosk, generation)
        if seq != chain.seq + 1:
            self.gap(chain, number, seq)
        head = chain.head
        if head is None or hashed is None:
            self.break_off(chain)
        after = None if head is None or hashed is None else next_hashed(head, hashed)
        chain.is_hashed = hashed is not None
        chain.step(number, seq, after, signature)

    def new_chain(self, number: int, kiosk: str, generation: int) -> Chain:
        chain = self.chains[kiosk, generation] = Chain(kiosk, generation)
        if (kiosk, generation) not in self.kiosks:
            self.found(f"entry {number} is by {chain.name}, whose key is not in keys.json")
        return chain

    def break_off(self, chain: Chain) -> None:
        """End a piece of the chain, behind which it is followed anew. What the last signature of
        the piece does not cover is not proven.
        """
        self.check_signature(chain)
        chain.unproven += chain.unsigned
        chain.signed, chain.unsigned = None, 0

    def gap(self, chain: Chain, number: int, seq: int) -> None:
        """Break a chain off where scan `seq` is not the next. That is wrong, unless those between
        are withheld.
        """
        chain.head = None
        if not self.whole and seq > chain.seq:
            return
        what = (
            f"scans {chain.seq + 1} to {seq - 1} are missing"
            if seq > chain.seq
            else f"scan {seq} stands after scan {chain.seq}"
        )
        self.found(f"entry {number}: a break in the chain of {chain.name}: {what}")

    def check_signature(self, chain: Chain) -> None:
        """Check the last signature of a chain, which covers all of it before."""
        key = self.kiosks.get(chain.kiosk)
        if chain.signed is None or key is None:
            return
        _, head, signature = chain.signed
        if not is_signed(key, b"hallkeeper/head/v1\x00" + head, signature):
            first = self.first_forged(chain, key)
            self.found(f"entry {first}: {chain.name} did not sign this record")

    def end_chain(self, chain: Chain) -> None:
        self.check_signature(chain)
        if chain.unproven:
            self.notes.append(
                f"{chain.unproven} scans of {chain.name} are covered by no signature of it: records"
                " of an early version beside them are erased or withheld"
            )
        if chain.signed is not None and chain.signed[0] == chain.number:
            return
        since = -1 if chain.signed is None else chain.signed[0]
        text = f"{chain.name} has signed none of its records after entry {since}"
        if not self.whole or not chain.is_hashed:
            self.notes.append(f"{text}; that can't be checked here")
        else:
            self.found(f"{text}, up to entry {chain.number}")

    def first_forged(self, wanted: Chain, key: bytes) -> int:
        """Go through a kiosk's records once more, and return the first after its last right
        signature.
        """
        good = False
        first = -1
        for line in read_lines(self.files, hashlib.sha256()):
            head = signature = None
            if line.body is not None and (found := SCAN.fullmatch(line.body)):
                told = read_json(found[3])
                if (told["kiosk"], told["generation"]) != wanted.kiosk:
                    continue
                head = unhexlify(found[1])
                signature = unhexlify(found[4]) if found[4] else None
            if head is None:
                continue
            first = line.number if first < 0 or good else first
            good = signature is not None and is_signed(
                key, b"hallkeeper/head/v1\x00" + head, signature
            )
            if signature is not None and not good:
                return first
        return first

    def judge_witness(self, chain: Chain, size: int) -> None:
        """Find a kiosk that sent scans for long and cosigned no checkpoint since.

        When scans came is the server's word. When they were is the kiosk's, which was perhaps away.
        """
        after = [(came, was) for number, came, was in chain.times if number >= size]
        if not after:
            return
        came_ms, was_ms = (max(times) - min(times) for times in zip(*after, strict=True))
        text = (
            f"{chain.name} sent scans for {max(came_ms, was_ms) // 60_000} minutes and cosigned"
            f" none of the log after entry {size - 1}"
        )
        if came_ms > COSIGNED_WITHIN_MS or (not size and was_ms > COSIGNED_WITHIN_MS):
            self.notes.append(text) if self.without_witnesses else self.found(text)
        elif was_ms > COSIGNED_WITHIN_MS:
            self.notes.append(f"{text}; by the log they came at once, after it had been away")


def vkey(name: str, key: bytes) -> str:
    """Return a key as C2SP signed-note writes it."""
    mark = sha256(name.encode(), b"\n\x01", key)[:4].hex()
    return f"{name}+{mark}+{base64.b64encode(bytes([1]) + key).decode()}"


# ---- One receipt (C2SP tlog-proof)


def verify_receipt(raw: bytes, key: str) -> dict[str, Any]:
    """Return what a receipt proves. `key` is the log's key. Raises Refused."""
    try:
        text = raw.decode()
        name, mark, encoded = key.strip().split("+", 2)
        public = unbase64(encoded)[1:]
    except ValueError:
        raise Refused("the receipt or the key is malformed") from None
    if vkey(name, public) != key.strip():
        raise Refused("the key is malformed")
    found = RECEIPT.match(text)
    if found is None:
        raise Refused("it is no receipt")
    extra, index, hashes = found.groups()
    note = read_note(text[found.end() :].encode())
    checkpoint = read_checkpoint(note.text)
    if checkpoint.origin != name or not signed_by(note, name, public) or len(note.signatures) != 1:
        raise Refused("its checkpoint is not signed by this key")
    if not extra:
        raise Refused("it has no record, and so nothing to prove")
    told = json.loads(unbase64(extra))
    if set(told) != {"record", "salt"} or canonical(told) != unbase64(extra):
        raise Refused("its record is malformed")
    body, number = told["record"].encode(), int(index)
    entry = body
    if told["salt"] is not None:
        if not re.fullmatch("[0-9a-f]{32}", told["salt"]):
            raise Refused("its salt is malformed")
        entry = committed(bytes.fromhex(told["salt"]), body)
    path = [unbase64(line) for line in hashes.split("\n")[:-1]]
    if climb(sha256(b"\x00", entry), number, checkpoint.size, path) != checkpoint.root:
        raise Refused("the record is not in the log that its checkpoint states")
    return {"number": number, "size": checkpoint.size, "log": name, "record": told["record"]}


def canonical(value: object) -> bytes:
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def climb(digest: bytes, index: int, size: int, path: list[bytes]) -> bytes:
    """Return the root that an inclusion proof leads to (RFC 9162, 2.1.3.2)."""
    last = size - 1
    if index > last:
        raise Refused(f"there is no entry {index} in a log of {size}")
    for sibling in path:
        if last == 0:
            raise Refused("its proof is too long")
        if index & 1 or index == last:
            digest = node(sibling, digest)
            while not index & 1 and index:
                index, last = index >> 1, last >> 1
        else:
            digest = node(digest, sibling)
        index, last = index >> 1, last >> 1
    if last:
        raise Refused("its proof is too short")
    return digest


# ---- The command


def check(
    path: Path, *, checkpoints: list[bytes], key: str | None, without_witnesses: bool = False
) -> tuple[list[str], list[str]]:
    """Return what is wrong with an export, and what else there is to say of it."""
    try:
        verifier = Verifier(path, without_witnesses=without_witnesses)
    except (OSError, ValueError, zipfile.BadZipFile, NotImplementedError) as error:
        return [f"{path} can't be read as an export: {error}"], []
    try:
        verifier.verify(checkpoints, key)
    except Refused as error:
        verifier.found(str(error))
    # What an export is made of can be malformed in any way. It is refused, whatever that was.
    except Exception as error:
        verifier.found(f"a file of the export is malformed ({type(error).__name__}: {error})")
    if verifier.findings:
        return verifier.findings, verifier.notes
    seen = len(verifier.cosigned)
    return [], [
        f"{verifier.checkpoint.size} entries, as the log's key signed them:"
        f" {verifier.shown} records shown ({verifier.selection}), {verifier.erased} erased",
        f"scans of {len(verifier.chains)} kiosks, each chain as its kiosk signed it",
        f"cosigned by {seen} kiosk{'' if seen == 1 else 's'}",
        f"the log's key: {verifier.vkey}",
        *verifier.notes,
    ]


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description="Verify an export of the entry log, or a receipt.")
    add = parser.add_argument
    add("export", type=Path, nargs="?", help="a folder or a zip")
    add("--receipt", type=Path, help="one entry's proof, with --key")
    add("--key", help="the log's key, from somebody whom you trust")
    help_text = "another checkpoint of this log, such as one that a kiosk kept"
    add("--checkpoint", type=Path, action="append", default=[], help=help_text)
    help_text = "accept that kiosks cosigned nothing, as early versions do"
    add("--without-witnesses", action="store_true", help=help_text)
    asked = parser.parse_args(arguments)
    if (asked.export is None) is (asked.receipt is None) or (asked.receipt and not asked.key):
        parser.error("name an export, or a receipt with the log's key")
    try:
        if asked.receipt:
            told = verify_receipt(asked.receipt.read_bytes(), asked.key)
            notes = [f"entry {told['number']} of {told['size']} in {told['log']}:", told["record"]]
            findings: list[str] = []
        else:
            findings, notes = check(
                asked.export,
                checkpoints=[path.read_bytes() for path in asked.checkpoint],
                key=asked.key,
                without_witnesses=asked.without_witnesses,
            )
    except (OSError, ValueError, RecursionError) as error:
        findings, notes = [str(error)], []
    for text in findings:
        sys.stdout.write(f"WRONG: {text}.\n")
    for text in notes:
        sys.stdout.write(f"{text}\n")
    sys.stdout.write("REFUSED\n" if findings else "VERIFIED\n")
    return 1 if findings else 0


if __name__ == "__main__":
    sys.exit(main())
