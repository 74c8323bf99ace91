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
* Witnesses outside may have cosigned some as well, and an authority may have stamped the time on
  some (RFC 3161). Whose stamp it is and of when, this file leaves to `openssl ts`.

Read `Verifier.verify` first. It has all steps in their order.
"""

import argparse
import base64
import hashlib
import json
import re
import sys
import zipfile
from binascii import unhexlify
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

TILE = 256  # Entries of a bundle, and hashes of a tile.
FILE_MAX = 64_000_000  # Bytes of any file but the records.
LINE_MAX = 1_000_000
FINDINGS_MAX = 100
COSIGNED_WITHIN_MS = 10 * 60_000  # A kiosk at work for so long after a checkpoint has cosigned it.
LOG_KEY, WITNESS_KEY = b"\x01", b"\x04"  # How signed notes tell kinds of keys.
SCAN_1, SCAN_2 = b"hallkeeper/scan/v1\x00", b"hallkeeper/scan/v2\x00"  # Begin what is hashed.
NUMBER = "0|[1-9][0-9]{0,17}"
# A line of `records.txt`. It has its number. Then come the salt ("-" before there were any) and the
# record. Of a scan that is the head of its chain, when it came, the kiosk's record, its signature.
# Or it stands for a record that is erased or withheld. Of a scan it has kiosk, generation, number
# there, hash of the kiosk's record ("-" of an early one) and signature.
Line = tuple[Any, ...]
Link = tuple[bytes, bytes] | None  # What of a scan's record is hashed into the kiosk's chain.
LINE = re.compile(
    rb'(%b) (?:([0-9a-f]{32}|-) (\{(?:"chain":"([0-9a-f]{64})",'
    rb'"received_at":([0-9]{1,16}),"record":(\{.*\})(?:,"signature":'
    rb'"([0-9a-f]{128})")?,"type":"scan"|.*)\})|erased|= ([a-z0-9-]{1,32})'
    rb" ([0-9]{1,16}) ([1-9][0-9]{0,15}) ([0-9a-f]{64}|-)"
    rb"(?: ([0-9a-f]{128}))?)" % NUMBER.encode()
)
SIGNATURE = re.compile(r"— (\S+) ([A-Za-z0-9+/]+={0,2})\n")
RECEIPT = re.compile(
    rf"c2sp\.org/tlog-proof@v1\n(?:extra ([A-Za-z0-9+/]+={{0,2}})\n)?index ({NUMBER})\n"
    r"((?:[A-Za-z0-9+/]{43}=\n)*)\n"
)


# Takes a stamp, what is stamped, and certificates (PEM), and says who stamped it and when. The
# program `hallkeeper` puts its own reader here.
read_stamp: Callable[[bytes, bytes, bytes], str] | None = None


class Refused(ValueError):  # noqa: N818 - it says what was found, and that is no error of ours
    """Is raised where something does not hold. The text says what."""


# ---- What is hashed (RFC 6962, 2.1), and signed notes (C2SP signed-note, tlog-cosignature)


def sha256(*parts: bytes) -> bytes:
    return hashlib.sha256(b"".join(parts)).digest()


def committed(salt: bytes, record: bytes) -> bytes:
    """Return the entry of a record. Before there were salts ("-") it was the record itself."""
    if salt == b"-":
        return record
    return hashlib.sha256(b"hallkeeper/entry/v1\x00" + unhexlify(salt) + record).digest()


def node(left: bytes, right: bytes) -> bytes:
    return hashlib.sha256(b"\x01" + left + right).digest()


def subtrees(hashes: list[bytes]) -> list[bytes]:
    """Return the roots of the complete subtrees over these, from the left."""
    found = []
    while hashes:
        width = 1 << (len(hashes).bit_length() - 1)
        level, hashes = hashes[:width], hashes[width:]
        while len(level) > 1:
            level = [node(*pair) for pair in zip(level[::2], level[1::2], strict=True)]
        found += level
    return found


def root_of(tiles: list[list[bytes]]) -> bytes:
    """Return a tree's root from its last tile of each level, the highest first."""
    parts = [part for hashes in tiles for part in subtrees(hashes)]
    root = parts.pop() if parts else sha256()
    while parts:
        root = node(parts.pop(), root)
    return root


def is_signed(key: bytes, message: bytes, signature: bytes) -> bool:
    try:
        Ed25519PublicKey.from_public_bytes(key).verify(signature, message)
    except (InvalidSignature, ValueError):
        return False
    return True


def is_head(key: bytes, head: bytes, signature: bytes) -> bool:
    """Say whether a kiosk signed the head of its chain."""
    return is_signed(key, b"hallkeeper/head/v1\x00" + head, signature)


class Note(NamedTuple):
    text: str
    signatures: list[tuple[str, bytes]]  # Who signed, and a key's mark with the signature.


class Checkpoint(NamedTuple):
    origin: str
    size: int
    root: bytes


def unbase64(text: str) -> bytes:
    raw = base64.b64decode(text, validate=True)
    if base64.b64encode(raw).decode() != text:
        raise Refused("its base64 is not in canonical form")
    return raw


def read_note(raw: bytes) -> Note:
    text, separator, lines = raw.decode().rpartition("\n\n")
    found = SIGNATURE.findall(lines)
    if not separator or not found or "".join(f"— {n} {s}\n" for n, s in found) != lines:
        raise Refused("it is no signed note")
    return Note(f"{text}\n", [(name, unbase64(signature)) for name, signature in found])


def read_checkpoint(text: str) -> Checkpoint:
    lines = text.split("\n")
    if len(lines) != 4 or lines[3] or not re.fullmatch(NUMBER, lines[1]):
        raise Refused("it is no checkpoint")
    root = unbase64(lines[2])
    if len(root) != 32:
        raise Refused("it is no checkpoint")
    return Checkpoint(lines[0], int(lines[1]), root)


def mark_of(name: str, key: bytes, kind: bytes = LOG_KEY) -> bytes:
    return sha256(name.encode(), b"\n", kind, key)[:4]


def vkey(name: str, key: bytes) -> str:
    """Return a log's key as C2SP signed-note writes it."""
    return f"{name}+{mark_of(name, key).hex()}+{base64.b64encode(LOG_KEY + key).decode()}"


def read_witness_key(text: str) -> tuple[str, bytes]:
    """Return the name and the key of a witness outside (C2SP signed-note, tlog-cosignature)."""
    name, mark, encoded = text.strip().split("+", 2)
    key = unbase64(encoded)[1:]
    if mark != mark_of(name, key, WITNESS_KEY).hex() or unbase64(encoded)[:1] != WITNESS_KEY:
        raise Refused(f"{text} is no key of a witness")
    return name, key


def signed_by(note: Note, name: str, key: bytes, kind: bytes = LOG_KEY) -> bool:
    """Say whether the note bears a right signature by this key, and no wrong one."""
    mark = mark_of(name, key, kind)
    own = [raw[4:] for signer, raw in note.signatures if (signer, raw[:4]) == (name, mark)]
    signed = [(note.text, raw) for raw in own]
    if kind == WITNESS_KEY:  # It signs the time as well, which stands before the signature.
        times = [int.from_bytes(raw[:8], "big") for raw in own]
        texts = [f"cosignature/v1\ntime {at}\n{note.text}" for at in times]
        signed = [(text, raw[8:]) for text, raw in zip(texts, own, strict=True)]
    return bool(own) and all(is_signed(key, text.encode(), raw) for text, raw in signed)


def cosigned_at(note: Note, name: str, key: bytes) -> datetime:
    """Return when a witness cosigned, by its own clock."""
    mark = mark_of(name, key, WITNESS_KEY)
    times = [raw[4:12] for signer, raw in note.signatures if (signer, raw[:4]) == (name, mark)]
    return datetime.fromtimestamp(int.from_bytes(max(times), "big"), UTC)


# ---- The files of an export


class Files:
    """Reads the files of an export, which is a folder or a zip."""

    def __init__(self, path: Path) -> None:
        self.zip = None if path.is_dir() else zipfile.ZipFile(path)
        self.folder = path
        files = path.rglob("*") if self.zip is None else ()
        found = [one.relative_to(path).as_posix() for one in files if not one.is_dir()]
        found += [] if self.zip is None else self.zip.namelist()
        self.names = set(found)
        if len(found) != len(self.names):
            raise Refused("the zip has two files of one name")

    def open(self, name: str) -> Any:
        if name not in self.names:
            raise Refused(f"{name} is missing")
        return (self.folder / name).open("rb") if self.zip is None else self.zip.open(name)

    def read(self, name: str) -> bytes:
        with self.open(name) as file:
            data: bytes = file.read(FILE_MAX + 1)
        if len(data) > FILE_MAX:
            raise Refused(f"{name} is too large")
        return data

    def lines(self, digest: Any) -> Iterator[tuple[int, Line]]:
        """Yield the entries of `records.txt` with their lines, and put all into `digest`."""
        before, rest = -1, b""
        with self.open("records.txt") as file:
            while chunk := file.read(1 << 18):
                digest.update(chunk)
                *lines, rest = (rest + chunk).split(b"\n")
                for raw in [*lines, rest] if len(rest) > LINE_MAX else lines:
                    found = LINE.fullmatch(raw)
                    if found is None:
                        raise Refused(f"records.txt: the line after entry {before} is malformed")
                    number = int(found[1])
                    if number <= before:
                        raise Refused(f"records.txt: entry {number} stands after entry {before}")
                    before = number
                    yield number, found.groups()
        if rest:
            raise Refused(f"records.txt: the line after entry {before} is malformed")


def tile_name(kind: str, index: int, width: int) -> str:
    """Return the path of a tile or bundle (C2SP tlog-tiles)."""
    digits = f"{index:03}" if index < 1000 else f"{index:0{(len(str(index)) + 2) // 3 * 3}}"
    above = "".join(f"x{digits[at : at + 3]}/" for at in range(0, len(digits) - 3, 3))
    return f"tile/{kind}/{above}{digits[-3:]}" + ("" if width == TILE else f".p/{width}")


# ---- The chain of a kiosk


class Scan(NamedTuple):
    kiosk: str
    generation: int
    seq: int
    scanned_at: int


def scan_of(record: bytes) -> Scan:
    """Return what is needed here of a kiosk's record."""
    told = json.loads(record)
    return Scan(*(told[name] for name in Scan._fields))


read_scan: Callable[[bytes], Any] = scan_of  # Another reader of JSON may take its place.


class Chain:
    """Follows the scans of one kiosk, in the order of its own numbers."""

    def __init__(self, log: "Verifier", kiosk: str, generation: int) -> None:
        self.log, self.kiosk = log, (kiosk, generation)
        self.key = log.kiosks.get(self.kiosk)
        self.name = f"kiosk {kiosk} (generation {generation})"
        self.head: bytes | None = sha256(SCAN_1, generation.to_bytes(8, "big"), kiosk.encode())
        self.seq, self.number = 0, -1  # Of its last scan: its number there, and in the log.
        self.signed: tuple[int, bytes, bytes] | None = None  # The last signature: entry, head, it.
        self.unsigned = 0  # Records shown since that signature.
        self.unproven = 0  # Records of which no signature tells, for the chain is broken off there.
        self.is_hashed = True  # Its last record is no early one that nobody can check.
        # Now and then an entry, when it came by the server's clock, and when it was by the kiosk's.
        self.times = [(-1, 0, 0)]

    def take(
        self, number: int, seq: int, link: Link, said: bytes | None,
        signature: bytes | None,
    ) -> None:  # fmt: skip
        """Take the next scan. `link` is what of its record is in the chain, which is None for an
        early one that is not shown, and `said` the head that the log states with a record.
        """
        if seq != self.seq + 1:
            self.head = None
            if self.log.whole or seq <= self.seq:  # Those between are not just withheld.
                what = f"scans {self.seq + 1} to {seq - 1} are missing"
                what = what if seq > self.seq else f"scan {seq} stands after scan {self.seq}"
                self.log.found(f"entry {number}: a break in the chain of {self.name}: {what}")
        if self.head is None or link is None:
            self.break_off()
        head = None
        if self.head is not None and link is not None:
            head = hashlib.sha256(link[0] + self.head + link[1]).digest()
        if said is not None:
            if head is not None and head != said:
                text = f"scan {seq} of {self.name} does not follow from the one before it"
                self.log.found(f"entry {number}: {text}")
            head, self.unsigned = said, self.unsigned + 1
        self.seq, self.head, self.number = seq, head, number
        if signature is not None and head is not None:
            self.signed, self.unsigned = (number, head, unhexlify(signature)), 0

    def break_off(self) -> None:
        """End a piece of the chain, behind which it is followed anew. What the last signature of
        the piece does not cover is not proven.
        """
        self.check_signature()
        self.unproven += self.unsigned
        self.signed, self.unsigned = None, 0

    def check_signature(self) -> None:
        """Check the last signature, which covers all records before it."""
        if self.signed is None or self.key is None or is_head(self.key, *self.signed[1:]):
            return
        # Go through the kiosk's records once more, to name the first after its last right one.
        first, good = -1, True
        for number, line in self.log.files.lines(hashlib.sha256()):
            head, _, record, signed = line[3:7]
            scan = None if record is None else read_scan(record)
            if scan is None or (scan.kiosk, scan.generation) != self.kiosk:
                continue
            first = number if good else first
            signature = unhexlify(signed or b"")
            good = bool(signature) and is_head(self.key, unhexlify(head), signature)
            if signature and not good:
                break
        self.log.found(f"entry {first}: {self.name} did not sign this record")

    def end(self, cosigned: int) -> None:
        """Check the end of the chain, and that the kiosk cosigned what it saw. The newest
        checkpoint that it cosigned has so many entries.
        """
        self.check_signature()
        note = self.log.notes.append
        if self.unproven:
            note(
                f"{self.unproven} scans of {self.name} are covered by no signature of it: records"
                " of an early version beside them are erased or withheld"
            )
        since = -1 if self.signed is None else self.signed[0]
        text = f"{self.name} has signed none of its records after entry {since}"
        if since != self.number and self.log.whole and self.is_hashed:
            self.log.found(f"{text}, up to entry {self.number}")
        elif since != self.number:
            note(f"{text}; that can't be checked here")
        # When scans came is the server's word. When they were is the kiosk's, perhaps once away.
        after = [(came, was) for number, came, was in self.times if number >= cosigned]
        came_ms, was_ms = (max(one) - min(one) for one in zip(*after or [(0, 0)], strict=True))
        text = (
            f"{self.name} sent scans for {max(came_ms, was_ms) // 60_000} minutes and cosigned"
            f" none of the log after entry {cosigned - 1}"
        )
        if came_ms > COSIGNED_WITHIN_MS or (not cosigned and was_ms > COSIGNED_WITHIN_MS):
            (note if self.log.without_witnesses else self.log.found)(text)
        elif was_ms > COSIGNED_WITHIN_MS:
            note(f"{text}; by the log they came at once, after it had been away")


# ---- The whole export


class Outside(NamedTuple):
    """Says who outside must have confirmed the log. Whoever verifies knows them by another way."""

    witnesses: tuple[str, ...] = ()  # Their verifier keys.
    needed: int | None = None  # How many of them are enough. None means all.
    authority: bytes | None = None  # The certificates of the time authority, as PEM.


class Verifier:
    """Verifies one export. `findings` are what is wrong, and `notes` what there is to know."""

    def __init__(
        self, path: Path, *, without_witnesses: bool = False, outside: Outside | None = None
    ) -> None:
        self.files, self.without_witnesses = Files(path), without_witnesses
        self.outside = outside or Outside()
        self.findings: list[str] = []
        self.notes: list[str] = []
        self.known: set[str] = set()  # The files that belong to an export.
        self.left_out: set[str] = set()  # Bundles that would show what is hidden, without salts.
        self.kiosks: dict[tuple[str, int], bytes] = {}
        self.chains: dict[tuple[str, int], Chain] = {}
        self.cosigned: dict[tuple[str, int], int] = {}  # The size that a kiosk cosigned.
        self.witnesses: dict[str, bytes] = {}  # The keys of witnesses outside.
        self.claims: list[tuple[int, bytes, str]] = []  # Size, root, and whose word it is.
        self.agreed = 0  # The largest size whose root is as somebody else has it.
        self.uppers: list[list[bytes]] = []  # The last tile of each level above the first.
        self.shown = self.erased = 0
        self.torn = False  # An entry is not what it was. What follows from it is not told as well.

    def found(self, text: str, *, torn: bool = False) -> None:
        self.torn |= torn
        if len(self.findings) < FINDINGS_MAX:
            self.findings.append(text)

    def verify(self, checkpoints: list[bytes], key: str | None) -> None:
        """Verify all. `checkpoints` are others' notes of this log, and `key` is the log's."""
        self.read_keys(key)
        self.read_manifest()
        for number, raw in enumerate(checkpoints, 1):
            self.claim(raw, f"checkpoint {number} that was given")
        self.read_witnesses()
        self.read_outside()
        self.read_stamps()
        root, size = self.walk(), self.checkpoint.size
        for claimed, _, whose in self.claims:
            if claimed > size:
                text = f"{whose} has {claimed} entries, and this one has {size}"
                self.found(f"the log's end is missing: {text}")
        if root != self.checkpoint.root and not self.torn:
            self.found(
                "the entries are not those of the checkpoint that the log's key signed: some were"
                f" altered, added, removed or moved after entry {self.agreed - 1}"
            )
        for kiosk, chain in sorted(self.chains.items()):
            chain.end(self.cosigned.get(kiosk, 0))
        for name in sorted(self.files.names - self.known)[:FINDINGS_MAX]:
            self.found(f"{name} does not belong to the export")

    def take(self, name: str) -> bytes:
        self.known.add(name)
        return self.files.read(name)

    def read_keys(self, key: str | None) -> None:
        keys = json.loads(self.take("keys.json"))
        self.log_name, self.log_key = keys["log"]["name"], bytes.fromhex(keys["log"]["key"])
        self.vkey = vkey(self.log_name, self.log_key)
        if key is not None and key.strip() != self.vkey:
            self.found(f"the log's key is {self.vkey}, and not the one that was given")
        for one in keys["kiosks"]:
            self.kiosks[one["kiosk"], one["generation"]] = bytes.fromhex(one["key"])
        for text in (*(one["key"] for one in keys.get("witnesses", ())), *self.outside.witnesses):
            name, key_of_it = read_witness_key(text)
            self.witnesses[name] = key_of_it
        note = read_note(self.take("checkpoint"))
        self.checkpoint = read_checkpoint(note.text)
        if self.checkpoint.origin != self.log_name:
            raise Refused("the checkpoint is another log's")
        if not signed_by(note, self.log_name, self.log_key):
            raise Refused("the checkpoint is not signed by the log's key")
        for name, raw in note.signatures:
            cosigned = name in self.witnesses and signed_by(
                note, name, self.witnesses[name], WITNESS_KEY
            )
            own = (name, raw[:4]) == (self.log_name, mark_of(self.log_name, self.log_key))
            if not own and not cosigned:
                self.found(f"the checkpoint bears a signature of {name}, which nobody can check")

    def read_manifest(self) -> None:
        note = read_note(self.take("manifest"))
        if not signed_by(note, self.log_name, self.log_key) or len(note.signatures) != 1:
            raise Refused("the manifest is not signed by the log's key")
        *head, self.selection, made = note.text.split("\n")[:5]
        expected = ["hallkeeper/log-export/v1", self.log_name, str(self.checkpoint.size)]
        if head != expected or not made.isdecimal():
            raise Refused("the manifest is another export's")
        self.whole, self.records_sum = self.selection == "all", ""
        self.made = datetime.fromtimestamp(int(made) / 1000, UTC)
        for line in note.text.split("\n")[5:-1]:
            digest, _, name = line.partition(" ")
            (self.left_out if digest == "-" else self.known).add(name)
            if digest == "-":
                continue
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
            origin, size, root = read_checkpoint(note.text)
        except ValueError as error:
            self.found(f"{whose}: {error}")
            return None
        if origin != self.log_name:
            self.notes.append(f"{whose} is of another log, {origin}")
        elif not signed_by(note, self.log_name, self.log_key):
            self.found(f"{whose} is not signed by the log's key")
        else:
            self.claims.append((size, root, whose))
            return note
        return None

    def read_witnesses(self) -> None:
        for (kiosk, generation), key in sorted(self.kiosks.items()):
            file = f"witness/{kiosk}-{generation}"
            whose = f"the checkpoint that kiosk {kiosk} (generation {generation}) cosigned"
            if file not in self.known or file not in self.files.names:
                continue
            note = self.claim(self.files.read(file), whose)
            name = f"{'/'.join(self.log_name.split('/')[:2])}/kiosk/{kiosk}/{generation}"
            if note is not None and signed_by(note, name, key, WITNESS_KEY):
                self.cosigned[kiosk, generation] = self.claims[-1][0]
            elif note is not None:
                self.found(f"{whose}: its signature is wrong")
                self.claims.pop()

    def read_outside(self) -> None:
        """Take what witnesses outside cosigned, and find who of those that are wanted did not."""
        seen: dict[str, tuple[int, datetime]] = {}
        for name, key in sorted(self.witnesses.items()):
            file = f"outside/{mark_of(name, key, WITNESS_KEY).hex()}"
            whose = f"the checkpoint that witness {name} cosigned"
            if file not in self.known or file not in self.files.names:
                continue
            note = self.claim(self.files.read(file), whose)
            if note is not None and signed_by(note, name, key, WITNESS_KEY):
                size, at = self.claims[-1][0], cosigned_at(note, name, key)
                seen[name] = size, at
                self.notes.append(f"witness {name} cosigned the first {size} entries at {at}")
            elif note is not None:
                self.found(f"{whose}: its signature is wrong")
                self.claims.pop()
        wanted = dict(map(read_witness_key, self.outside.witnesses))
        needed = len(wanted) if self.outside.needed is None else self.outside.needed
        found = sorted((seen[name] for name in wanted if name in seen), reverse=True)[:needed]
        if len(found) < needed:
            missing = ", ".join(sorted(wanted.keys() - seen.keys())) or "none is missing"
            self.found(f"{needed} witnesses are needed, and {len(found)} cosigned it ({missing})")
        elif found and found[-1][0] < self.checkpoint.size:
            size, at = found[-1]
            text = f"entries after {size - 1} are not cosigned by {needed} witnesses"
            if self.made - at > timedelta(milliseconds=COSIGNED_WITHIN_MS):
                self.found(f"{text}: that was at {at}, and the export was made at {self.made}")
            else:
                self.notes.append(text)

    def read_stamps(self) -> None:
        """Compare each time stamp with the checkpoint that it is over."""
        certificates = self.outside.authority
        if certificates is None and "stamp/ca.pem" in self.known & self.files.names:
            certificates = self.files.read("stamp/ca.pem")
        newest, said = (0, ""), ""
        files = [one for one in self.known if re.fullmatch(r"stamp/[0-9]+\.note", one)]
        for file in sorted(files, key=lambda one: int(one[6:-5])):
            raw, answer = self.files.read(file), self.files.read(f"{file[:-5]}.tsr")
            # What is stamped is a SHA-512, which DER has as an octet string of 64 bytes.
            if b"\x04\x40" + hashlib.sha512(raw).digest() not in answer:
                self.found(f"{file}: its time stamp is of another checkpoint")
            elif self.claim(raw, f"{file}, which is stamped,") is not None:
                try:
                    if read_stamp is not None and certificates is not None:
                        said = f" {read_stamp(answer, raw, certificates)}"
                except ValueError as error:
                    self.found(f"{file}: {error}")
                newest = max(newest, (self.claims[-1][0], file[:-5]))
        if files:
            ca = "CA.pem" if self.outside.authority else "stamp/ca.pem"
            command = f"openssl ts -verify -data {newest[1]}.note -in {newest[1]}.tsr -CAfile {ca}"
            text = f"{len(files)} time stamps, the newest over the first {newest[0]} entries{said}"
            self.notes.append(text if said else f"{text}. Whose they are, this tells:\n  {command}")

    def walk(self) -> bytes:
        """Go through all entries in their order, and return the root of their tree."""
        size, digest = self.checkpoint.size, hashlib.sha256()
        claims = sorted((one for one in self.claims if one[0] <= size), reverse=True)
        lines = self.files.lines(digest)
        at, line = next(lines, (None, None))
        hashes: list[bytes] = []
        for first in range(0, size, TILE):
            width = min(TILE, size - first)
            entries, tile = self.read_bundle(first, width), self.read_tile(0, first // TILE, width)
            hashes = []
            for number, entry, logged in zip(
                range(first, first + width), entries, tile, strict=True
            ):
                if at != number:
                    hashes.append(self.judge(number, entry, logged, None))
                    continue
                hashes.append(self.judge(number, entry, logged, line))
                at, line = next(lines, (None, None))
            while claims and claims[-1][0] <= first + width:
                self.compare(*claims.pop(), hashes, first)
            if width == TILE:
                self.end_tile(1, first // TILE, hashes)
                hashes = []
        for level, upper in enumerate(self.uppers, 1):
            if upper:
                self.compare_tile(level, size >> (8 * level + 8), upper)
        if at is not None:
            self.found(f"records.txt has a surplus entry {at}: the log has {size}")
        elif digest.hexdigest() != self.records_sum:
            self.found("records.txt was altered after the export was made")
        return root_of([*reversed(self.uppers), hashes])

    def compare(self, size: int, root: bytes, whose: str, hashes: list[bytes], first: int) -> None:
        """Compare somebody's checkpoint with the entries before this tile and in it."""
        if root_of([*reversed(self.uppers), hashes[: size - first]]) == root:
            self.agreed = max(self.agreed, size)
        elif not self.torn:
            self.found(
                f"a fork: {whose} is of another history than these first {size} entries. They agree"
                f" up to entry {self.agreed - 1}" + ("" if self.agreed else " (in none)")
            )

    def read_bundle(self, first: int, width: int) -> list[Any]:
        """Return the entries of a bundle, or so many None where it is not there."""
        name = tile_name("entries", first // TILE, width)
        self.known.add(name)
        if name not in self.files.names:
            if name not in self.left_out:
                self.found(f"{name} is missing")
            return [None] * width
        raw, at, found = self.files.read(name), 0, []
        if len(raw) == 34 * width and raw[::34] + raw[1::34] == b"\x00" * width + b"\x20" * width:
            # Each has 32 bytes, as commitments have.
            return [raw[at + 2 : at + 34] for at in range(0, len(raw), 34)]
        while at + 2 <= len(raw):
            length = int.from_bytes(raw[at : at + 2], "big")
            found.append(raw[at + 2 : at + 2 + length])
            at += 2 + length
        if at != len(raw) or len(found) != width:
            self.found(f"{name} does not hold entries {first} to {first + width - 1}")
            return [None] * width
        return found

    def read_tile(self, level: int, index: int, width: int) -> list[Any]:
        """Return the hashes of a tile, or so many None where it is not there."""
        name = tile_name(str(level), index, width)
        self.known.add(name)
        raw = self.files.read(name) if name in self.files.names else None
        if raw is not None and len(raw) == 32 * width:
            return [raw[at : at + 32] for at in range(0, len(raw), 32)]
        missing = f"{name} is missing"
        self.found(missing if raw is None else f"{name} does not hold {width} hashes")
        return [None] * width

    def judge(
        self, number: int, entry: bytes | None, logged: bytes | None, line: Line | None
    ) -> bytes:
        """Compare what the bundle, the tile and the records say of one entry. Return its hash."""
        if line is not None and line[2] is not None:
            self.shown += 1
            said = committed(*line[1:3])
            if entry is not None and said != entry:
                self.found(f"entry {number} is not the record that was logged", torn=True)
            entry = entry or said
        hashed = None if entry is None else hashlib.sha256(b"\x00" + entry).digest()
        if hashed is not None and logged is not None and hashed != logged:
            self.found(f"entry {number} is not the one of the tile's hash", torn=True)
        if line is not None:
            self.follow(number, line)
        elif self.whole:
            self.found(f"entry {number} is missing in records.txt")
        return logged or hashed or bytes(32)

    def follow(self, number: int, line: Line) -> None:
        """Follow the kiosks' chains over what a line shows, or has in the place of a record."""
        (_, salt, body, head, came, record, signature, *stands) = line
        if record is not None:
            scan, came = read_scan(record), int(came)
            v2 = record.endswith(b'"v":2}')
            link: Link = (SCAN_2, hashlib.sha256(record).digest()) if v2 else (SCAN_1, record)
            chain = self.chain(number, scan.kiosk, scan.generation)
            chain.take(number, scan.seq, link, unhexlify(head), signature)
            chain.is_hashed = salt != b"-"
            _, last_came, last_was = chain.times[-1]
            if abs(came - last_came) >= 60_000 or abs(scan.scanned_at - last_was) >= 60_000:
                chain.times.append((number, came, scan.scanned_at))
        elif body is None:
            self.erased += self.whole
            kiosk, generation, seq, hashed, signature = stands
            if kiosk is not None:
                link = None if hashed == b"-" else (SCAN_2, unhexlify(hashed))
                chain = self.chain(number, kiosk.decode(), int(generation))
                chain.take(number, int(seq), link, None, signature)
                chain.is_hashed = link is not None
        elif body.endswith(b'"type":"scan"}'):
            self.found(f"entry {number} is no scan as the log has them")
        elif body.startswith((b'{"act":"kiosk_confirmed"', b'{"act":"kiosk.confirm"')):
            said = json.loads(body)["subject"]
            known = self.kiosks.get((said["kiosk"], said["generation"]))
            # Early versions did not log the key.
            if "key" in said and known is not None and said["key"] != known.hex():
                self.found(
                    f"entry {number}: kiosk {said['kiosk']} (generation {said['generation']}) was"
                    " confirmed with another key than keys.json has"
                )

    def chain(self, number: int, kiosk: str, generation: int) -> Chain:
        chain = self.chains.get((kiosk, generation))
        if chain is None:
            chain = self.chains[kiosk, generation] = Chain(self, kiosk, generation)
            if chain.key is None:
                self.found(f"entry {number} is by {chain.name}, whose key is not in keys.json")
        return chain

    def end_tile(self, level: int, index: int, hashes: list[bytes]) -> None:
        """Put a full tile's hash into the tile above, and compare that once it is full."""
        if len(self.uppers) < level:
            self.uppers.append([])
        above = self.uppers[level - 1]
        above += subtrees(hashes)
        if len(above) == TILE:
            self.compare_tile(level, index // TILE, above)
            self.uppers[level - 1] = []
            self.end_tile(level + 1, index // TILE, above)

    def compare_tile(self, level: int, index: int, hashes: list[bytes]) -> None:
        found = self.read_tile(level, index, len(hashes))
        if found[0] is not None and found != hashes and not self.torn:
            at = next(at for at in range(len(hashes)) if found[at] != hashes[at])
            first, width = (index * TILE + at) * TILE**level, TILE**level
            name = tile_name(str(level), index, len(hashes))
            self.found(f"{name} has another hash of entries {first} to {first + width - 1}")


# ---- One receipt (C2SP tlog-proof)


def verify_receipt(raw: bytes, key: str) -> dict[str, Any]:
    """Return what a receipt proves. `key` is the log's key. Raises Refused."""
    try:
        text = raw.decode()
        name, _, encoded = key.strip().split("+", 2)
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
    origin, size, root = read_checkpoint(note.text)
    if origin != name or not signed_by(note, name, public) or len(note.signatures) != 1:
        raise Refused("its checkpoint is not signed by this key")
    if not extra:
        raise Refused("it has no record, and so nothing to prove")
    told = json.loads(unbase64(extra))
    plain = json.dumps(told, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    if set(told) != {"record", "salt"} or plain.encode() != unbase64(extra):
        raise Refused("its record is malformed")
    salt = "-" if told["salt"] is None else told["salt"]
    if not re.fullmatch("[0-9a-f]{32}|-", salt) or told["salt"] == "-":
        raise Refused("its salt is malformed")
    entry = committed(salt.encode(), told["record"].encode())
    path = [unbase64(line) for line in hashes.split("\n")[:-1]]
    if climb(sha256(b"\x00", entry), int(index), size, path) != root:
        raise Refused("the record is not in the log that its checkpoint states")
    return {"number": int(index), "size": size, "log": name, "record": told["record"]}


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
    path: Path,
    *,
    checkpoints: list[bytes],
    key: str | None,
    without_witnesses: bool = False,
    outside: Outside | None = None,
) -> tuple[list[str], list[str]]:
    """Return what is wrong with an export, and what else there is to say of it."""
    try:
        export = Verifier(path, without_witnesses=without_witnesses, outside=outside)
    except (OSError, ValueError, zipfile.BadZipFile, NotImplementedError) as error:
        return [f"{path} can't be read as an export: {error}"], []
    try:
        export.verify(checkpoints, key)
    except Refused as error:
        export.found(str(error))
    # What an export is made of can be malformed in any way. It is refused, whatever that was.
    except Exception as error:
        export.found(f"a file of the export is malformed ({type(error).__name__}: {error})")
    if export.findings:
        return export.findings, export.notes
    seen = len(export.cosigned)
    return [], [
        f"{export.checkpoint.size} entries, as the log's key signed them:"
        f" {export.shown} records shown ({export.selection}), {export.erased} erased",
        f"scans of {len(export.chains)} kiosks, each chain as its kiosk signed it",
        f"cosigned by {seen} kiosk{'' if seen == 1 else 's'}",
        f"the log's key: {export.vkey}",
        *export.notes,
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
    help_text = "the key of a witness outside, which must have cosigned the log"
    add("--witness", action="append", default=[], help=help_text)
    add("--needed", type=int, help="how many of these witnesses are enough; else all")
    add("--authority", type=Path, help="the time authority's root certificate, as PEM")
    asked = parser.parse_args(arguments)
    if (asked.export is None) is (asked.receipt is None) or (asked.receipt and not asked.key):
        parser.error("name an export, or a receipt with the log's key")
    findings: list[str] = []
    try:
        if asked.receipt:
            told = verify_receipt(asked.receipt.read_bytes(), asked.key)
            notes = [f"entry {told['number']} of {told['size']} in {told['log']}:", told["record"]]
        else:
            others = [path.read_bytes() for path in asked.checkpoint]
            certificates = asked.authority.read_bytes() if asked.authority else None
            findings, notes = check(
                asked.export,
                checkpoints=others,
                key=asked.key,
                without_witnesses=asked.without_witnesses,
                outside=Outside(tuple(asked.witness), asked.needed, certificates),
            )
    except (OSError, ValueError, RecursionError) as error:
        findings, notes = [str(error)], []
    lines = [*(f"WRONG: {text}." for text in findings), *notes]
    sys.stdout.write("".join(f"{one}\n" for one in lines))
    sys.stdout.write("REFUSED\n" if findings else "VERIFIED\n")
    return 1 if findings else 0


if __name__ == "__main__":
    sys.exit(main())
