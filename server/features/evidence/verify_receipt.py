"""Verifies a receipt of the entry log with only Python, the package `cryptography`, and the file
`verify.py` in the same folder.

    python3 verify_receipt.py FILE --key KEY

A receipt (C2SP tlog-proof) is the Merkle path from one entry up to the log's root, which the log's
key signed. Kiosks and outside witnesses may have cosigned that root; those given with `--witness`
must have. Hallkeeper's `docs/entry-log.md` specifies each byte.
"""

import argparse
import json
import re
import sys
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

if __package__:
    from server.features.evidence import verify
else:
    import verify  # type: ignore[import-not-found, no-redef]

SIZE_MAX = 1_000_000
RECEIPT = re.compile(
    rf"c2sp\.org/tlog-proof@v1\nextra ([A-Za-z0-9+/]+={{0,2}})\nindex ({verify.NUMBER})\n"
    r"((?:[A-Za-z0-9+/]{43}=\n)*)\n(.*)", re.DOTALL
)  # fmt: skip
EXTRA = re.compile(r'\{"record":(".*"),"salt":(null|"[0-9a-f]{32}")\}', re.DOTALL)


@dataclass(frozen=True)
class Proven:
    """The facts that a receipt proves. `strangers` are the names of further signatures, which can't
    be checked without their keys.
    """

    number: int
    record: str
    log: str
    size: int
    cosigned: tuple[tuple[str, datetime], ...]
    strangers: tuple[str, ...]

    def notes(self) -> list[str]:
        lines = [f"witness {name} cosigned the first {self.size} entries at {at}"
                 for name, at in self.cosigned]  # fmt: skip
        lines += [f"not checked, for its key was not given: {name}" for name in self.strangers]
        return [*lines, f"entry {self.number} of {self.size} in {self.log}:", self.record]


def climb(digest: bytes, index: int, size: int, path: list[bytes]) -> bytes:
    """Return the root over leaf `index` of `size`. `path` has the sibling at each node, the top one
    last (RFC 6962, 2.1.1).
    """
    if size == 1:
        return digest
    verify.need(bool(path), "its proof is too short")
    half = 1 << (size - 1).bit_length() - 1  # Leaves of the left branch
    other = path.pop()
    if index < half:
        return verify.sha256(b"\x01", climb(digest, index, half, path), other)
    return verify.sha256(b"\x01", other, climb(digest, index - half, size - half, path))


def verify_receipt(
    raw: bytes, key: str, witnesses: Collection[str] = (), needed: int | None = None
) -> Proven:
    """Return the facts that a receipt proves. `key` is the log's; `needed` of the witnesses, or
    all, must have cosigned. Raises Refused.
    """
    try:
        return _verified(raw, key, list(dict.fromkeys(witnesses)), needed)
    except verify.Refused:
        raise
    except (ValueError, RecursionError):  # A receipt may be malformed in any way.
        raise verify.Refused("it is malformed") from None


def _verified(raw: bytes, key: str, witnesses: list[str], needed: int | None) -> Proven:
    log = verify.read_key(key, verify.LOG)
    wanted = [verify.read_key(text, verify.WITNESS) for text in witnesses]
    verify.need(len(raw) <= SIZE_MAX, "it is too long")
    receipt = RECEIPT.fullmatch(raw.decode())
    extra = None if receipt is None else EXTRA.fullmatch(verify.unbase64(receipt[1]).decode())
    if receipt is None or extra is None:
        raise verify.Refused("it is no receipt of a record")
    record, salt = json.loads(extra[1]), extra[2].strip('"').replace("null", "-")
    verify.need(json.dumps(record, ensure_ascii=False) == extra[1], "its record is malformed")
    note = receipt[4].encode()
    size, root, signers, strangers = verify.read_checkpoint(note, log, wanted)
    verify.need_witnesses(wanted, needed, signers)
    index, path = int(receipt[2]), [verify.unbase64(line) for line in receipt[3].split()]
    verify.need(index < size, f"there is no entry {index} in a log of {size}")
    ours = climb(verify.leaf(salt.encode(), record.encode()), index, size, path)
    verify.need(not path, "its proof is too long")
    verify.need(ours == root, "the record is not in the log that its checkpoint states")
    cosigned = tuple((witness.name, signers[witness]) for witness in wanted if witness in signers)
    return Proven(index, record, log.name, size, cosigned, tuple(strangers))


def main() -> int:
    parser = argparse.ArgumentParser(description="Verify a receipt of the entry log.")
    add = parser.add_argument
    add("receipt", type=Path, help="one entry's proof")
    add("--key", required=True, help="the log's key, from a source that you trust")
    add("--witness", action="append", default=[], help="the key of one that must have cosigned")
    add("--needed", type=int, help="how many of these witnesses are enough; else all")
    asked = parser.parse_args()
    try:
        raw = asked.receipt.read_bytes()
        proven = verify_receipt(raw, asked.key, asked.witness, asked.needed)
    except (OSError, verify.Refused) as error:
        return verify.say([str(error)], [])
    return verify.say([], proven.notes())


if __name__ == "__main__":
    sys.exit(main())
