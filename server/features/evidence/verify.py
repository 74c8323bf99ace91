"""Verifies an export of the entry log with only Python and the package `cryptography`.

    python3 verify.py EXPORT --key KEY

Prints VERIFIED, or REFUSED and the first problem; the exit status is 0 or 1. `check` lists all
steps in order. Hallkeeper's `docs/entry-log.md` specifies each byte.

- The log's key signed the root of a tree over all entries, which fixes each of them.
- Kiosks and outside witnesses cosigned checkpoints. No one can rewrite the log without their keys.
- Each kiosk signed the chain of its own scans. The log's owner can't forge or drop a scan.
"""

import argparse
import base64
import hashlib
import io
import json
import re
import stat
import sys
import zipfile
from binascii import unhexlify
from collections.abc import Callable, Collection, Iterable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

TILE = 256  # Entries of a bundle, hashes of a tile
FILE_MAX, LINE_MAX = 64_000_000, 1_000_000  # Bytes: each file but the records; each line of those
COSIGNED_WITHIN_MIN = 10  # A working kiosk or witness has cosigned within this time.
# Per kiosk. Verification is deferred: the newest signature covers the ones before.
SIGNATURES_MAX = 100
read_scan: Callable[[bytes], Any] = json.loads  # Replaceable by a faster reader
NUMBER = "(?:0|[1-9][0-9]{0,17})"


class Refused(ValueError):
    """The first check that failed. The text describes it."""


def need(holds: bool, otherwise: str) -> None:
    if not holds:
        raise Refused(otherwise)


def sha256(*parts: bytes) -> bytes:
    return hashlib.sha256(b"".join(parts)).digest()


def leaf(salt: bytes, record: bytes) -> bytes:
    """Return an entry's hash. Before salts were introduced ("-") the entry was the record."""
    kind = b"hallkeeper/entry/v1\x00"
    return sha256(b"\x00", record if salt == b"-" else sha256(kind, unhexlify(salt), record))


def root_of(hashes: list[bytes]) -> bytes:
    """Return the root of the tree over these hashes (RFC 6962, 2.1). A node without a sibling moves
    up.
    """
    while len(hashes) > 1:
        pairs = zip(hashes[::2], hashes[1::2], strict=False)
        hashes = [sha256(b"\x01", *pair) for pair in pairs] + hashes[len(hashes) // 2 * 2 :]
    return hashes[0] if hashes else sha256()


# ---- Signed notes (C2SP signed-note, tlog-checkpoint, tlog-cosignature)
LOG, WITNESS = b"\x01", b"\x04"  # Kinds of keys; a kiosk's cosigning key is a witness key
NOTE = re.compile(r"(.*\n)\n((?:— \S+ [A-Za-z0-9+/]+={0,2}\n)+)", re.DOTALL)
CHECKPOINT = re.compile(rf"(.*)\n({NUMBER})\n([A-Za-z0-9+/]{{43}}=)\n")


def unbase64(text: str) -> bytes:
    raw = base64.b64decode(text, validate=True)
    need(base64.b64encode(raw).decode() == text, "its base64 is not in canonical form")
    return raw


class Key(NamedTuple):
    text: str  # As published
    name: str
    mark: bytes
    kind: bytes
    raw: bytes

    def signed(self, message: bytes, signature: bytes) -> bool:
        try:
            Ed25519PublicKey.from_public_bytes(self.raw).verify(signature, message)
        except (InvalidSignature, ValueError):
            return False
        return True


def make_key(name: str, kind: bytes, raw: bytes) -> Key:
    mark = sha256(name.encode(), b"\n", kind, raw)[:4]
    text = f"{name}+{mark.hex()}+{base64.b64encode(kind + raw).decode()}"
    return Key(text, name, mark, kind, raw)


def read_key(text: str, kind: bytes) -> Key:
    wrong = f"the key {text or '(empty)'} is malformed, or of another kind"
    try:
        name, *_, encoded = text.strip().split("+", 2)
        key = make_key(name, kind, base64.b64decode(encoded)[1:])
    except ValueError:
        raise Refused(wrong) from None
    need(key.text == text.strip(), wrong)
    return key


def read_note(raw: bytes, keys: Collection[Key]) -> tuple[str, dict[Key, datetime], list[str]]:
    """Return a note's text, its signers among `keys` with times, and the names of unknown
    signers.
    """
    note = NOTE.fullmatch(raw.decode())
    if note is None:
        raise Refused("it is no signed note")
    text, signers, strangers = note[1], dict[Key, datetime](), list[str]()
    for line in note[2].splitlines():
        _, name, encoded = line.split(" ")
        signed = unbase64(encoded)
        key = next(
            (
                candidate
                for candidate in keys
                if (candidate.name, candidate.mark) == (name, signed[:4])
            ),
            None,
        )
        if key is None:
            strangers.append(name)
            continue
        message, signature, seconds = text, signed[4:], 0
        if key.kind == WITNESS:  # A witness also signs the time.
            seconds, signature = int.from_bytes(signed[4:12], "big"), signed[12:]
            message = f"cosignature/v1\ntime {seconds}\n{text}"
        need(key.signed(message.encode(), signature), f"the signature of {name} is wrong")
        signers[key] = datetime.fromtimestamp(min(seconds, 1 << 37), UTC)
    return text, signers, strangers


def read_checkpoint(raw: bytes, log: Key, others: Collection[Key]) -> tuple[int, bytes, Any, Any]:
    """Return a checkpoint's size, root, signers and unknown signers. A size never has two roots."""
    text, signers, strangers = read_note(raw, [log, *others])
    checkpoint = CHECKPOINT.fullmatch(text)
    if checkpoint is None:
        raise Refused("it is no checkpoint")
    need(checkpoint[1] == log.name, f"it is of another log, {checkpoint[1]}")
    need(log in signers, "it is not signed by the log's key")
    return int(checkpoint[2]), unbase64(checkpoint[3]), signers, strangers


def need_witnesses(wanted: list[Key], needed: int | None, signers: Collection[Key]) -> int:
    """Return how many of the wanted witnesses are needed, after checking that as many cosigned."""
    needed = len(wanted) if needed is None else needed
    missing = [key.name for key in wanted if key not in signers]
    count, names = len(wanted) - len(missing), ", ".join(missing) or "none is missing"
    need(count >= needed >= 0, f"{needed} witnesses are needed, and {count} cosigned it ({names})")
    return needed


# ---- The chain of a kiosk
SCAN_1, SCAN_2 = b"hallkeeper/scan/v1\x00", b"hallkeeper/scan/v2\x00"
HEAD = b"hallkeeper/head/v1\x00"


class Chain:
    """Follows the scans of one kiosk, in the order of its own sequence numbers."""

    def __init__(self, kiosk: str, generation: int, key: Key) -> None:
        self.name, self.key = f"kiosk {kiosk} (generation {generation})", key
        self.head: bytes | None = sha256(SCAN_1, generation.to_bytes(8, "big"), kiosk.encode())
        # The kiosk's sequence number; entry numbers of the log
        self.seq, self.number, self.signed = 0, -1, -1
        self.is_hashed = self.is_early = False  # It wrote version 2; its last scan was unsigned
        # Records that no signature covers, ever or so far
        self.unproven, self.open = 0, list[int]()
        self.waiting: list[tuple[int, bytes, bytes]] = []  # First entry, head and signature
        # Received and scanned times of the first and last scan
        self.times: list[tuple[int, int]] = []

    def take(
        self, number: int, seq: int, part: Any, logged_head: bytes | None, signature: Any
    ) -> None:
        """Take the next scan. `part` is the hashed part of its record, `logged_head` the head in
        the log.
        """
        if seq != self.seq + 1 or (part is None and self.is_hashed):
            raise Refused(f"entry {number}: {self.name}: its chain breaks, {seq} after {self.seq}")
        # Version 2 hashes a hash; records are longer.
        is_hash, head = part is not None and len(part) == 32, logged_head
        if part is None or self.head is None:  # An early record was erased, and the head is lost.
            self.verify_signatures()  # Later signatures don't cover the scans before.
            self.unproven, self.open = self.unproven + len(self.open), []
        else:
            head = sha256(SCAN_2 if is_hash else SCAN_1, self.head, part)
            if logged_head not in (None, head):
                raise Refused(f"entry {number}: {self.name}: scan {seq} does not follow its last")
        self.seq, self.number, self.head, self.is_early = seq, number, head, part is None
        self.is_hashed |= is_hash
        self.open += [] if logged_head is None else [number]
        if signature is not None:
            self.signed, first, self.open = number, [*self.open, number][0], []
            self.waiting += [] if head is None else [(first, head, unhexlify(signature))]
        if len(self.waiting) >= SIGNATURES_MAX:
            self.verify_signatures()

    def verify_signatures(self) -> None:
        """Verify the newest signature, which covers all before it. If it is wrong, name the first
        wrong one.
        """
        if self.waiting and not self.key.signed(HEAD + self.waiting[-1][1], self.waiting[-1][2]):
            for first, head, signature in self.waiting:
                right = self.key.signed(HEAD + head, signature)
                need(right, f"entry {first}: {self.name} did not sign this record")
        self.waiting = []

    def end(self, cosigned: int, notes: list[str], *, is_whole: bool) -> None:
        """Check that the kiosk signed up to its last scan, and cosigned the log."""
        if self.signed != self.number:
            text = f"{self.name} has signed none of its records after entry {self.signed}"
            need(self.is_early and is_whole, f"{text}, up to entry {self.number}")
            notes.append(f"{text}, as early versions did")
        if self.unproven:
            notes.append(f"{self.unproven} scans of {self.name} are covered by no signature of it")
        # The server states when scans arrived; the kiosk when they happened, perhaps while it was
        # offline.
        first, last = [*self.times, (0, 0)][0], [(0, 0), *self.times][-1]
        came, was = (abs(b - a) // 60_000 for a, b in zip(first, last, strict=True))
        text = f"{self.name} sent scans for {max(came, was)} minutes and cosigned none of the log"
        late = came > COSIGNED_WITHIN_MIN or (was > COSIGNED_WITHIN_MIN and not cosigned)
        need(not late, f"{text} after entry {cosigned - 1}")
        notes += [f"{text} since; they came at once"] if was > COSIGNED_WITHIN_MIN else []


# ---- The steps of the proof
#
# A line of `records.txt` has a number, a salt and a record, or a stand-in for an erased or withheld
# record. A scan's stand-in has kiosk, generation, sequence number, hash of the kiosk's record (or
# -) and, at the end of a batch, the kiosk's signature. A scan's record contains the same.
LINE = re.compile(
    rb"(%b) (?:([0-9a-f]{32}|-) (\{.*\})|erased|= ([a-z0-9-]{1,32}) ([0-9]{1,16})"
    rb" ([1-9][0-9]{0,15}) ([0-9a-f]{64}|-)(?: ([0-9a-f]{128}))?)\n" % NUMBER.encode()
)
SCAN = re.compile(
    rb'\{"chain":"([0-9a-f]{64})","received_at":([0-9]{1,16}),"record":(\{.*\})'
    rb'(?:,"signature":"([0-9a-f]{128})")?,"type":"scan"\}'
)


def tile_name(kind: str, index: int, width: int) -> str:
    """Return the path of a tile or bundle (C2SP tlog-tiles), such as tile/0/x001/234.p/17."""
    *above, last = re.findall("...", str(index).zfill((len(str(index)) + 2) // 3 * 3))
    path = "".join(f"x{part}/" for part in above) + last
    return f"tile/{kind}/{path}" + ("" if width == TILE else f".p/{width}")


class Export:
    def __init__(self, path: Path) -> None:
        self.folder, self.zip = path, None if path.is_dir() else zipfile.ZipFile(path)
        if self.zip is None:
            files = [file for file in path.rglob("*") if file.is_symlink() or not file.is_dir()]
            odd = any(file.is_symlink() or not file.is_file() for file in files)
            names = [file.relative_to(path).as_posix() for file in files]
        else:
            names = [file.filename for file in self.zip.infolist() if not file.is_dir()]
            odd = any(stat.S_ISLNK(file.external_attr >> 16) for file in self.zip.infolist())
        self.names, self.known = set(names), set[str]()  # All files; those that belong to an export
        need(not odd and len(names) == len(self.names), "it has a link, or two files of one name")
        self.notes: list[str] = []
        self.chains: dict[tuple[str, int], Chain] = {}
        self.cosigned: dict[Key, tuple[int, datetime]] = {}  # Entries and time
        self.claims: list[tuple[int, bytes, str]] = []  # Size, root, source
        self.shown, self.is_salted = 0, False  # After the first salted entry all are salted.

    def open(self, name: str) -> Any:
        self.known.add(name)
        need(name in self.names, f"{name} is missing")
        return (self.folder / name).open("rb") if self.zip is None else self.zip.open(name)

    def read(self, name: str) -> bytes:
        with self.open(name) as file:
            data: bytes = file.read(FILE_MAX + 1)
        need(len(data) <= FILE_MAX, f"{name} is too large")
        return data

    def lines(self, digest: Any) -> Iterator[tuple[int, tuple[Any, ...]]]:
        """Yield each line of the records as number and fields. `digest` takes the bytes."""
        before = -1
        with io.BufferedReader(self.open("records.txt"), 1 << 18) as file:
            while raw := file.readline(LINE_MAX):
                digest.update(raw)
                line = LINE.fullmatch(raw)
                if line is None or int(line[1]) <= before:
                    raise Refused(f"records.txt: the line after entry {before} is malformed")
                before = int(line[1])
                yield before, line.groups()[1:]

    def read_log(self, log_key: str | None, witnesses: Collection[str]) -> None:
        """Read all keys, and the log's size and root, which its key must have signed."""
        keys = json.loads(self.read("keys.json"))
        self.log = make_key(keys["log"]["name"], LOG, bytes.fromhex(keys["log"]["key"]))
        need(
            log_key in (None, self.log.text), f"the log's key is {self.log.text}, not the given one"
        )
        for listed_key in keys["kiosks"]:
            kiosk, generation, event = (
                listed_key["kiosk"],
                listed_key["generation"],
                self.log.name.split("/")[:2],
            )
            need((kiosk, generation) not in self.chains, f"keys.json has two keys of kiosk {kiosk}")
            name = f"{'/'.join(event)}/kiosk/{kiosk}/{generation}"
            key = make_key(name, WITNESS, bytes.fromhex(listed_key["key"]))
            self.chains[kiosk, generation] = Chain(kiosk, generation, key)
        self.wanted = [read_key(text, WITNESS) for text in dict.fromkeys(witnesses)]
        listed = [read_key(listed_key["key"], WITNESS) for listed_key in keys.get("witnesses", ())]
        self.witnesses = list(dict.fromkeys([*listed, *self.wanted]))
        raw = self.read("checkpoint")
        self.size, self.root, _, strangers = read_checkpoint(raw, self.log, self.witnesses)
        need(not strangers, f"{strangers} signed the checkpoint, which nobody can check")
        need(0 < self.size <= TILE * len(self.names), "it has no entries, or too few files")

    def read_manifest(self) -> None:
        """Compare each file outside the tree with its hash in the manifest, which the log's key
        signed.
        """
        text, signers, strangers = read_note(self.read("manifest"), [self.log])
        need(self.log in signers and not strangers, "the manifest is not signed by the log alone")
        *head, self.selection, made_at = text.split("\n")[:5]
        is_ours = head == ["hallkeeper/log-export/v1", self.log.name, str(self.size)]
        need(is_ours, "the manifest is another export's")
        self.made = datetime.fromtimestamp(int(made_at) / 1000, UTC)
        self.is_whole = self.selection == "all"
        self.sums = dict(line.split(" ", 1)[::-1] for line in text.split("\n")[5:-1])
        for name, digest in self.sums.items():
            if digest == "-" or name == "records.txt":
                continue  # A bundle that was left out, or the records, which are checked later
            need(sha256(self.read(name)).hex() == digest, f"{name} was altered since the export")

    def claim(self, raw: bytes, whose: str, key: Key | None = None) -> None:
        """Take a checkpoint that `key` cosigned; `walk` compares its root.

        After a restore the log has a new name and the same beginning, so a checkpoint may have an
        older name.
        """
        try:
            name = raw.decode().partition("\n")[0]
            is_of_event = key and name.split("/")[:2] == self.log.name.split("/")[:2]
            log = make_key(name, LOG, self.log.raw) if is_of_event else self.log
            size, root, signers, _ = read_checkpoint(raw, log, [key] if key else [])
        except ValueError as error:
            raise Refused(f"{whose}: {error}") from None
        need(size <= self.size, f"the log's end is missing: {whose} has {size} entries")
        self.claims.append((size, root, whose))
        if key is not None:
            need(key in signers, f"{whose}: its signature is wrong")
            self.cosigned[key] = (size, signers[key])

    def read_what_others_say(self) -> None:
        """Take the newest checkpoints that kiosks and witnesses cosigned, and the stamped ones."""
        those = [
            (f"witness/{k}-{g}", chain.name, chain.key) for (k, g), chain in self.chains.items()
        ]
        those += [(f"outside/{k.mark.hex()}", f"witness {k.name}", k) for k in self.witnesses]
        for file, cosigner, key in those:
            if file in self.sums:
                self.claim(self.read(file), f"the checkpoint that {cosigner} cosigned", key)
        stamped = [file for file in self.sums if re.fullmatch(r"stamp/[0-9]+\.note", file)]
        for file in sorted(stamped, key=len):
            self.claim(self.read(file), f"{file}, which is stamped,")
            command = f"openssl ts -verify -data {file} -in {file[:-5]}.tsr -CAfile stamp/ca.pem"
        self.notes += ["who stamped the time last, this tells:", f"  {command}"] if stamped else []

    def check_witnesses(self, needed: int | None) -> None:
        """Check that enough witnesses cosigned, shortly before the export."""
        needed = need_witnesses(self.wanted, needed, self.cosigned)
        seen = sorted(self.cosigned[key] for key in self.wanted if key in self.cosigned)[::-1]
        for size, at in seen[:needed][-1:]:
            late = size < self.size and self.made - at > timedelta(minutes=COSIGNED_WITHIN_MIN)
            text = f"{needed} witnesses cosigned the first {size} entries of {self.size}, at {at}"
            need(not late, f"{text}, long before the export at {self.made}")
            self.notes.append(text)

    def walk(self) -> None:
        """Go through all entries in order, up to the root that the log's key signed."""
        digest = hashlib.sha256()
        lines = self.lines(digest)
        shown, line = next(lines, (-1, ()))
        claims = sorted([*self.claims, (self.size, self.root, "the log's own checkpoint")])
        # Sizes of matching checkpoints; roots of the full tiles so far
        agreed, tops = [0], list[bytes]()
        for first in range(0, self.size, TILE):
            name = tile_name("0", first // TILE, min(TILE, self.size - first))
            raw = self.read(name)
            need(len(raw) == 32 * min(TILE, self.size - first), f"{name} is too long, or cut off")
            hashes = [raw[at : at + 32] for at in range(0, len(raw), 32)]
            self.check_bundle(first, hashes)
            for number, logged in enumerate(hashes, first):
                if shown == number:
                    self.judge(number, logged, line)
                    shown, line = next(lines, (-1, ()))
                elif self.is_whole:
                    raise Refused(f"entry {number} is missing in records.txt")
            while claims and claims[0][0] <= first + len(hashes):
                size, root, whose = claims.pop(0)
                text = f"a fork: {whose} is of another history than these first {size} entries"
                same = (
                    max((size_before for size_before in agreed if size_before < size), default=0)
                    - 1
                )
                ours = root_of([*tops, root_of(hashes[: size - first])])
                need(ours == root, f"{text}. They agree up to entry {same}")
                agreed.append(size)
            tops += [root_of(hashes)] if len(hashes) == TILE else []
        self.check_upper_tiles(tops)
        for chain in self.chains.values():
            chain.verify_signatures()
        need(shown < 0, f"records.txt has a surplus entry {shown}: the log has {self.size}")
        is_same = digest.hexdigest() == self.sums.get("records.txt")
        need(is_same, "records.txt was altered since the export")

    def check_bundle(self, first: int, hashes: list[bytes]) -> None:
        """Compare a bundle's entries with their hashes; each follows its length in two bytes."""
        name = tile_name("entries", first // TILE, len(hashes))
        if self.sums.get(name) == "-" and name not in self.names:
            return  # It would reveal hidden records from before salts were introduced.
        raw, at = self.read(name), 0
        for number, logged in enumerate(hashes, first):
            end = at + 2 + int.from_bytes(raw[at : at + 2], "big")
            if sha256(b"\x00", raw[at + 2 : end]) != logged:
                raise Refused(f"entry {number} is not the one of the tile's hash")
            at = end
        need(at == len(raw), f"{name} has something after its last entry, or is cut off")

    def check_upper_tiles(self, tops: list[bytes]) -> None:
        """Compare the tiles of each upper level with the roots of those below."""
        for level in range(1, 9):
            rows = [tops[at : at + TILE] for at in range(0, len(tops), TILE)]
            for index, row in enumerate(rows):
                name = tile_name(str(level), index, len(row))
                need(self.read(name) == b"".join(row), f"{name} is not of the tiles below it")
            tops = [root_of(row) for row in rows if len(row) == TILE]

    def judge(self, number: int, logged: bytes, line: tuple[Any, ...]) -> None:
        """Compare a record with its hash, and pass a scan, or its stand-in, to its
        kiosk's chain.
        """
        salt, record, kiosk, generation, seq, part, signature = line
        if record is None:
            if kiosk is not None:  # Else it is no scan.
                part = None if part == b"-" else unhexlify(part)
                chain = self.chain(number, kiosk.decode(), int(generation))
                chain.take(number, int(seq), part, None, signature)
            return
        if leaf(salt, record) != logged:
            raise Refused(f"entry {number} is not the record that was logged")
        if salt == b"-" and self.is_salted:
            raise Refused(f"entry {number} has no salt, and one before it has")
        self.shown, self.is_salted = self.shown + 1, salt != b"-"
        scan = SCAN.fullmatch(record)
        if scan is None:
            self.check_act(number, record)
            return
        head, came, record, signature = scan.groups()
        fields, is_v2 = read_scan(record), record.endswith(b'"v":2}')
        chain = self.chain(number, fields["kiosk"], fields["generation"])
        part = sha256(record) if is_v2 else record
        chain.take(number, fields["seq"], part, unhexlify(head), signature)
        chain.is_early = not self.is_salted
        if is_v2 and number >= self.cosigned.get(chain.key, (0,))[0]:
            chain.times = [*chain.times[:1], (int(came), fields["scanned_at"])]

    def chain(self, number: int, kiosk: str, generation: int) -> Chain:
        if (kiosk, generation) not in self.chains:
            raise Refused(f"entry {number} is by kiosk {kiosk}, whose key is not in keys.json")
        return self.chains[kiosk, generation]

    def check_act(self, number: int, record: bytes) -> None:
        """Check a record that is no scan: its JSON must be canonical, so that no reader takes it
        for a scan.
        """
        fields = json.loads(record)
        plain = json.dumps(fields, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
        is_right = plain.encode() == record and fields.get("type") in ("act", "inferred_exit")
        need(is_right, f"entry {number} is no record as the log has them")
        subject = fields.get("subject", {})
        if fields.get("act") in ("kiosk_confirmed", "kiosk.confirm") and "key" in subject:
            chain = self.chains.get((subject["kiosk"], subject["generation"]))
            text = f"entry {number}: kiosk {subject['kiosk']} was confirmed with another key"
            need(
                chain is None or chain.key.raw.hex() == subject["key"], f"{text} than keys.json has"
            )

    def check_ends(self) -> None:
        """Check the ends of the kiosks' chains, and that all files belong to the export."""
        chains = [chain for chain in self.chains.values() if chain.number >= 0]
        for chain in chains:
            chain.end(self.cosigned.get(chain.key, (0,))[0], self.notes, is_whole=self.is_whole)
        for name in sorted(self.names - self.known):
            need(False, f"{name} does not belong to the export")
        cosigned = sum(chain.key in self.cosigned for chain in self.chains.values())
        shown = f"{self.shown} records shown ({self.selection}), {self.size - self.shown} not"
        self.notes += [
            f"{self.size} entries, as the log's key signed them: {shown}",
            f"scans of {len(chains)} kiosks, each chain as its kiosk signed it",
            f"cosigned by {cosigned} kiosks; the log's key: {self.log.text}",
        ]


def check(
    path: Path, *, key: str | None = None, checkpoints: Iterable[bytes] = (),
    witnesses: Collection[str] = (), needed: int | None = None,
) -> tuple[list[str], list[str]]:  # fmt: skip
    """Return an export's problems, and notes for the reader."""
    try:
        export = Export(path)
        export.read_log(key and key.strip(), witnesses)
        export.read_manifest()
        for number, raw in enumerate(checkpoints, 1):
            export.claim(raw, f"checkpoint {number} that was given")
        export.read_what_others_say()
        export.check_witnesses(needed)
        export.walk()
        export.check_ends()
    except Exception as error:  # A file may be malformed in any way.
        malformed = f"something can't be read, or is malformed ({type(error).__name__}: {error})"
        return [str(error) if isinstance(error, Refused) else malformed], []
    return [], export.notes


def say(wrong: list[str], notes: list[str]) -> int:
    lines = [*(f"WRONG: {text}." for text in wrong), *notes, "REFUSED" if wrong else "VERIFIED"]
    code = sys.stdout.encoding or "utf-8"  # Perhaps one without the record's letters
    for line in lines:
        shown = "".join(char if char.isprintable() else "?" for char in line)
        sys.stdout.write(shown.encode(code, "backslashreplace").decode(code) + "\n")
    return 1 if wrong else 0


def main() -> int:
    parser = argparse.ArgumentParser(description="Verify an export of the entry log.")
    add = parser.add_argument
    add("path", type=Path, metavar="EXPORT", help="a folder or a zip")
    add("--key", help="the log's key, from a source that you trust")
    add("--checkpoint", type=Path, dest="checkpoints", action="append", default=[], help="another")
    add("--witness", dest="witnesses", action="append", default=[], help="whose cosignature counts")
    add("--needed", type=int, help="how many of these witnesses are enough; else all")
    asked = vars(parser.parse_args())
    asked["checkpoints"] = (path.read_bytes() for path in asked["checkpoints"])
    return say(*check(**asked))


if __name__ == "__main__":
    sys.exit(main())
