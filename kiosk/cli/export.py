"""Exports a journal to one file, for a USB stick when the network never comes back, and verifies
it.

The file is JSON lines: the kiosk's identity, each record as signed, with chain hash and
signature, and a seal over everything. Verification needs neither server nor network.
"""

import hashlib
import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, BinaryIO

import msgspec
from msgspec import UNSET, Meta, Struct, UnsetType

from badges.credential.keys import BadSignatureError, PrivateKey, PublicKey
from badges.record import (
    Count,
    Hash,
    PlaceKind,
    Sequence,
    Signature,
    WireError,
    accessible_field,
    decode_record,
)
from badges.transparency.chain import chain_next, chain_start
from badges.wire.enrolment import Identity, open_identity
from badges.wire.wire import HEAD_CONTEXT, GoneOuter, PlaceTotals
from kiosk.config.identity import KioskIdentity
from kiosk.journal.journal import Journal
from kiosk.journal.values import Stored

SEAL_CONTEXT = b"hallkeeper/export/v1\x00"
PAGE = 500
LINE_BYTES_MAX = 100_000_000


class ExportError(Exception):
    """The file is not a whole, unchanged journal. `line` is the first at fault, from 1."""

    def __init__(self, line: int, problem: str) -> None:
        super().__init__(f"line {line}: {problem}")
        self.line = line
        self.problem = problem


class Opening(Struct, frozen=True, forbid_unknown_fields=True, tag="hallkeeper-journal/1"):
    root_key: Annotated[bytes, Meta(min_length=32, max_length=32)]
    identity: bytes  # by badges.wire.enrolment.sign_identity
    scans: Count
    incarnation: Count
    places: list[PlaceTotals]


class Line(Struct, frozen=True, forbid_unknown_fields=True, tag="scan"):
    record: msgspec.Raw  # the canonical bytes
    head: Hash
    signature: Signature


class Seal(Struct, frozen=True, forbid_unknown_fields=True, tag="seal"):
    # Entries whose place was taken back before any server heard of them.
    gone: list[Sequence]
    # The kiosk's, of SEAL_CONTEXT, the SHA-256 of all lines before, and both lists.
    signature: Signature
    # The same for outer halls. Absent if there are none.
    gone_outer: list[GoneOuter] | UnsetType = UNSET


_LINE: msgspec.json.Decoder[Opening | Line | Seal] = msgspec.json.Decoder(Opening | Line | Seal)


@dataclass(frozen=True)
class Exported:
    """The content of an export file that was verified."""

    identity: Identity
    root: PublicKey
    scans: int
    gone: tuple[int, ...]


def write_export(journal: Journal, identity: KioskIdentity, key: PrivateKey, out: BinaryIO) -> int:
    """Return the number of scans.

    A stick is a way to the server too, so all these records count as offered
    (docs/design/places.md, rule 3).
    """
    with journal.transaction() as transaction:
        last = transaction.state.last_seq
        transaction.mark_offered(last)
        incarnation, accounts = transaction.state.incarnation, transaction.accounts()
    places = [
        PlaceTotals(
            key.hall_id,
            a.granted,
            a.returned,
            a.free,
            override=key.kind is PlaceKind.OVERRIDE,
            accessible=accessible_field(key.kind),
        )
        for key, a in accounts.items()
    ]
    opening = Opening(identity.root.raw, identity.signed, last, incarnation, places)
    scans = (
        Line(msgspec.Raw(stored.record), stored.head, stored.signature)
        for stored in _stored(journal, last)
    )
    digest = hashlib.sha256()
    gone, gone_outer = journal.closed_before_upload(1, last)
    outer = [GoneOuter(*pair) for pair in gone_outer] or UNSET
    for line in itertools.chain([opening], scans):
        raw = msgspec.json.encode(line) + b"\n"
        digest.update(raw)
        out.write(raw)
    seal = Seal(gone, key.sign(_sealed(digest.digest(), gone, outer)), outer)
    out.write(msgspec.json.encode(seal) + b"\n")
    return last


def read_export(path: Path) -> Exported:
    """Raises ExportError at the first faulty line."""
    with path.open("rb") as file:
        lines = _lines(file)
        number, raw, opening = next(lines, (1, b"", None))
        if not isinstance(opening, Opening):
            raise ExportError(1, "this is not an exported journal")
        root, identity = _identity(opening)
        public = PublicKey(identity.public_key)
        digest = hashlib.sha256(raw)
        head, seq = chain_start(identity.kiosk, identity.generation), 0
        for number, raw, line in lines:
            if isinstance(line, Seal):
                if seq != opening.scans:
                    raise ExportError(number, f"{seq} scans of {opening.scans}")
                sealed = _sealed(digest.digest(), line.gone, line.gone_outer)
                _check(public, sealed, line.signature, number)
                if next(lines, None) is not None:
                    raise ExportError(number + 1, "something stands after the seal")
                return Exported(identity, root, seq, tuple(line.gone))
            if not isinstance(line, Line):
                raise ExportError(number, "a second opening")
            seq += 1
            head = chain_next(head, bytes(line.record))
            _check_scan(line, identity, seq, head, number)
            _check(public, HEAD_CONTEXT + head, line.signature, number)
            digest.update(raw)
        raise ExportError(number + 1, "the seal is missing: the file is cut off")


def _lines(file: BinaryIO) -> Iterator[tuple[int, bytes, Opening | Line | Seal]]:
    for number in itertools.count(1):
        raw = file.readline(LINE_BYTES_MAX)
        if not raw:
            return
        try:
            yield number, raw, _LINE.decode(raw)
        except (msgspec.MsgspecError, UnicodeDecodeError):
            raise ExportError(number, "malformed") from None


def _identity(opening: Opening) -> tuple[PublicKey, Identity]:
    root = PublicKey(opening.root_key)
    try:
        return root, open_identity(root, opening.identity)
    except ValueError:
        raise ExportError(1, "the kiosk's identity is not signed by the event") from None


def _check_scan(line: Line, identity: Identity, seq: int, head: bytes, number: int) -> None:
    try:
        record = decode_record(bytes(line.record))
    except WireError:
        raise ExportError(number, "the record is malformed") from None
    if (record.kiosk, record.generation, record.seq) != (identity.kiosk, identity.generation, seq):
        raise ExportError(number, f"not the scan {seq} of this kiosk")
    if head != line.head:
        raise ExportError(number, f"scan {seq} was altered")


def _check(public: PublicKey, message: bytes, signature: bytes, number: int) -> None:
    try:
        public.verify(message, signature)
    except BadSignatureError:
        raise ExportError(number, "this kiosk has not signed it") from None


def _stored(journal: Journal, last: int) -> Iterator[Stored]:
    after = 0
    while page := journal.stored(after, min(PAGE, last - after)):
        yield from page
        after = page[-1].seq


def _sealed(digest: bytes, gone: list[int], outer: list[GoneOuter] | UnsetType) -> bytes:
    encoded = b"" if isinstance(outer, UnsetType) else msgspec.json.encode(outer)
    return SEAL_CONTEXT + digest + msgspec.json.encode(gone) + encoded
