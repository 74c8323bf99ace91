"""Invariants of the real databases: the doors' journals, and the server's ledger.

Journals are read as plain files, and their records as JSON, so that the checks use no code of the
product.
"""

import contextlib
import hashlib
import json
import sqlite3
import threading
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import accumulate, pairwise
from pathlib import Path
from typing import Any, Self

from kiosk.cli.status import status_of
from server.core.occupancy.figures import hall_figures
from tests.system.support.site import LiveSite, wait_for

Stay = tuple[str, int, int]  # kiosk, generation, sequence of the entry
LOOK_S = 0.02
FOR_EVER = 2**60
NEAR_MS = 200  # two kiosks' estimates of the time, over bad links
SKEW_MS = 250  # half of ledger_step's margin between two clocks
_SCAN = b"hallkeeper/scan/v1\x00"
_SALTED_SCAN = b"hallkeeper/scan/v2\x00"
_ENTRY = b"hallkeeper/entry/v1\x00"


@dataclass(frozen=True)
class Line:
    """One line of a journal."""

    kiosk: str
    seq: int
    raw: bytes
    head: bytes  # of the chain
    said: dict[str, Any]

    @property
    def stay(self) -> Stay:
        return (self.kiosk, self.said["generation"], self.seq)

    @property
    def closes(self) -> Stay | None:
        ref = self.said["closes"]
        return ref and (ref["kiosk"], ref["generation"], ref["seq"])

    @property
    def at(self) -> int:
        return self.said["scanned_at"]

    @property
    def enters(self) -> bool:
        return self.said["direction"] == "entry" and self.said["decision"] == "admitted"


class Journals:
    """The doors' journals on disk, read while the kiosks write."""

    def __init__(self, paths: dict[str, Path]) -> None:
        self._paths = paths
        self.lines: dict[str, list[Line]] = {kiosk: [] for kiosk in paths}

    def read(self) -> None:
        for kiosk, path in self._paths.items():
            lines = self.lines[kiosk]
            lines += _lines(kiosk, path, lines[-1].seq if lines else 0)

    def all(self) -> list[Line]:
        return [line for lines in self.lines.values() for line in lines]

    def inside(self) -> set[Stay]:
        """Entries on any disk without an exit.

        Exits are read after entries, so at least this many were inside at one moment.
        """
        self.read()
        entered = {line.stay for line in self.all() if line.enters}
        self.read()
        return entered - ends(self.all()).keys()


class Watch:
    """Reads the journals all the time, and keeps the most people that were ever inside."""

    def __init__(self, journals: Journals) -> None:
        self._journals = journals
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._look, name="watch", daemon=True)
        self.most = self.looks = 0
        self._thread.start()

    def _look(self) -> None:
        while not self._over.wait(LOOK_S):
            self.most = max(self.most, len(self._journals.inside()))
            self.looks += 1

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()


def _lines(kiosk: str, path: Path, after: int) -> list[Line]:
    with contextlib.closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as journal:
        rows = journal.execute(
            "SELECT seq, record, head FROM scan WHERE seq > ? ORDER BY seq", (after,)
        ).fetchall()
    return [Line(kiosk, seq, raw, head, json.loads(raw)) for seq, raw, head in rows]


def ends(lines: Iterable[Line]) -> dict[Stay, int]:
    """The end of each finished stay, by the exit that names it or can only mean it.

    Doors that are cut off know of no entry elsewhere: an exit there names no stay, though a person
    left. It counts for one entry of the badge before it.
    """
    ended: dict[Stay, int] = {}
    entered, unnamed = defaultdict(list), []
    for line in sorted(lines, key=lambda line: line.at):
        if line.closes:
            ended.setdefault(line.closes, line.at)
        elif line.enters:
            entered[line.said["serial"]].append(line)
        elif line.said["direction"] == "exit":
            unnamed.append(line)
    for leaving in unnamed:
        for line in entered[leaving.said["serial"]]:
            if line.stay not in ended and line.at < leaving.at:
                ended[line.stay] = leaving.at
                break
    return ended


def most_inside(lines: list[Line], waits_ms: Mapping[tuple[str, int], int]) -> int:
    """The most people inside at one time, by the records' own times, all of one clock.

    An entry counts from its answer, when it was on disk at the latest, since it may have waited for
    a place and for the disk; an exit from when the badge was shown.
    """
    ended = ends(lines)
    steps = []
    for line in lines:
        end = ended.get(line.stay, FOR_EVER)
        since = line.at + waits_ms[line.kiosk, line.seq]
        if line.enters and since < end:
            steps += [(since, 1), (end, -1)]
    return max(accumulate(change for _, change in sorted(steps)), default=0)


def check_ledger(place: LiveSite, journals: Journals) -> None:
    """Every line of every journal is in the ledger once, in order, by the same chain."""
    journals.read()
    for kiosk, lines in journals.lines.items():
        assert lines, f"{kiosk} has recorded nothing"
        assert [line.seq for line in lines] == list(range(1, len(lines) + 1))
        rows = place.query(
            "SELECT s.seq, l.body, s.number FROM scan s JOIN leaf l USING (number)"
            " WHERE s.kiosk = ? ORDER BY s.number",
            kiosk,
        )
        assert [row[0] for row in rows] == [line.seq for line in lines]
        for (_, body, _), line in zip(rows, lines, strict=True):
            entry = json.loads(body)
            assert entry["record"] == line.said
            assert entry["chain"] == line.head.hex()
        for before, line in pairwise(lines):
            assert line.head == _next(before.head, line)
        first, last = lines[0], lines[-1]
        start = _hash(_SCAN + first.said["generation"].to_bytes(8, "big") + kiosk.encode())
        assert first.head == _next(start, first)
        acked = place.query("SELECT acked_seq, head FROM kiosk WHERE kiosk = ?", kiosk)
        assert acked == [(last.seq, last.head)]
    check_log(place)


def _hash(data: bytes) -> bytes:
    return hashlib.sha256(data).digest()


def _next(before: bytes, line: Line) -> bytes:
    """A head, computed without the product's code. It includes a record of version 2 by its
    hash.
    """
    if line.said["v"] == 2:
        return _hash(_SALTED_SCAN + before + _hash(line.raw))
    return _hash(_SCAN + before + line.raw)


def check_log(place: LiveSite) -> None:
    """The entry log has no gap, and each leaf is the hash of a commitment to its body (RFC 9162,
    2.1.1).
    """
    leaves = place.query("SELECT number, hash, body, salt FROM leaf ORDER BY number")
    assert [leaf[0] for leaf in leaves] == list(range(len(leaves)))
    for _, digest, body, salt in leaves:
        assert digest == _hash(b"\x00" + _hash(_ENTRY + salt + body))


def check_clocks(lines: Iterable[Line]) -> None:
    """All kiosks use the server's own clock: another measure would order scans wrongly, and infer
    exits of people who are inside.
    """
    skews = [line.said["skew_ms"] or 0 for line in lines]
    assert max(map(abs, skews)) <= SKEW_MS, f"{min(skews)} to {max(skews)} ms"


def check_places(place: LiveSite, journals: Journals) -> None:
    """When all is quiet in a site of one hall: doors and server agree on the people inside, and
    every place is accounted for.
    """

    def agree() -> bool:  # the last orders may be on their way
        (hall,) = hall_figures(place.database.reader)
        return hall.unspent == _free_at_doors(place, hall.hall_id)

    wait_for("doors and server to agree on free places", agree)
    (hall,) = hall_figures(place.database.reader)
    stays = place.query("SELECT kiosk, generation, seq, serial FROM stay WHERE closed_at IS NULL")
    assert hall.inside == len(stays)
    # An exit without a name that can mean several of a badge's stays ends none at the server.
    inside = journals.inside()
    serials = Counter(line.said["serial"] for line in journals.all() if line.stay in inside)
    assert serials <= Counter(stay[-1] for stay in stays)
    pool = hall.capacity - hall.worst_case
    assert pool >= 0, "more is out than there is"
    assert _free_at_doors(place, hall.hall_id) + len(stays) + pool == hall.capacity


def _free_at_doors(place: LiveSite, hall_id: int) -> int:
    return sum(status_of(place.path / name)["free_places"][str(hall_id)] for name in place.kiosks)


def check_discrepancies(place: LiveSite, journals: Journals) -> int:
    """Each entry by a badge that was inside already is listed, with both doors' records.

    Returns their number. Entries of one badge so near in time that the kiosks' clocks can't order
    them are left out.
    """
    journals.read()
    lines = {(line.kiosk, line.seq): line for line in journals.all()}
    listed = _listed(place)
    for pair in listed:
        assert len({lines[key].said["serial"] for key in pair}) == 1, "two people's records"
        assert any(lines[key].enters for key in pair)
    twice = list(_twice(journals.all()))
    noted = _noted(place)
    missing = [
        ([(line.kiosk, line.seq, line.at) for line in (later, *others)], noted[later.stay[::2]])
        for later, others in twice
        if not any({later.stay[::2], other.stay[::2]} in listed for other in others)
    ]
    assert not missing, f"{len(missing)} of {len(twice)} are not listed: {missing}"
    return len(twice)


def _listed(place: LiveSite) -> list[set[tuple[str, int]]]:
    rows = place.query(
        "SELECT s.kiosk, s.seq, o.kiosk, o.seq FROM discrepancy d JOIN scan s USING (number)"
        " JOIN scan o ON o.number = d.other_number WHERE d.reason = 'already_inside'"
    )
    return [{(row[0], row[1]), (row[2], row[3])} for row in rows]


def _noted(place: LiveSite) -> defaultdict[tuple[str, int], list[str]]:
    """By the scan, all reasons for which it is listed."""
    reasons = defaultdict(list)
    for kiosk, seq, reason in place.query(
        "SELECT s.kiosk, s.seq, d.reason FROM discrepancy d JOIN scan s USING (number)"
    ):
        reasons[kiosk, seq].append(reason)
    return reasons


def _twice(lines: list[Line]) -> Iterator[tuple[Line, list[Line]]]:
    """Entries while the same badge was inside, each with the earlier entries."""
    left = ends(lines)
    by_serial: dict[int, list[Line]] = {}
    for line in sorted((line for line in lines if line.enters), key=lambda line: line.at):
        before = by_serial.setdefault(line.said["serial"], [])
        stayed = line.at + NEAR_MS
        inside = [entry for entry in before if left.get(entry.stay, stayed) >= stayed]
        if inside and all(line.at - entry.at >= NEAR_MS for entry in inside):
            yield line, inside
        before.append(line)
