"""A journal altered on its disk, by decay or by hand, in every column of every table.

Each alteration must be noticed at the next start, or be proven harmless. A noticed file is moved
aside and reported, never deleted.
"""

import random
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from badges.admission.facts import Admitted, Denied, Direction, Reason
from badges.credential.credential import Kind
from badges.places.account import Order
from badges.places.pool import PoolKey
from badges.places.signed import mark_message, sign_order
from badges.record import PlaceKind, StayRef
from badges.wire import wire
from kiosk.journal import check
from kiosk.journal.checkpoints import Evidence, Witnessed
from kiosk.journal.errors import JournalDamagedError, JournalError
from kiosk.journal.journal import Journal
from kiosk.journal.seal import SEALED, sealer
from kiosk.journal.values import Draft, OuterDraft
from tests.kiosk.support.door_fixture import (
    DOOR,
    EVENT_ID,
    GENERATION,
    HALL,
    KIOSK,
    KIOSK_KEY,
    NOON,
    ROOT,
    credential,
    orders,
)
from tests.kiosk.support.journals import enter, leave, own
from tests.tries import tries

ME = (KIOSK, GENERATION)
AROUND, STREET = 31, 32  # outer halls, one inside the other
ALTERATIONS = 800  # in total, every column of every table in turn
DAMAGES, PAGE = 400, 4096
CHECKED = 6  # signatures, instead of a thousand
SIGNATURE = ("scan", "signature")


def opened(path: Path, **options: Any) -> Journal:
    return Journal(path, *ME, KIOSK_KEY, root=ROOT.public, event_id=EVENT_ID, **options)


def order(
    granted: int, recall: int = 0, kind: PlaceKind = PlaceKind.ORDINARY, *, hall: int = HALL
) -> tuple[PoolKey, Order]:
    pool = PoolKey(hall, kind)
    signature = sign_order(ROOT, EVENT_ID, ME, pool, granted=granted, incarnation=1)
    return pool, Order(granted, recall, 1, signature)


def mark(cursor: int) -> wire.Mark:
    run = "ab" * 16
    signature = ROOT.sign(mark_message(EVENT_ID, 1, run, cursor, 9))
    return wire.Mark(1, run, cursor, 9, signature)


def scan(journal: Journal, direction: Direction, serial: int, **fields: Any) -> int:
    closes = fields.pop("closes", None)
    badge = credential(serial, issue=fields.pop("issue", 1))
    if "day" in fields:
        badge = replace(badge, kind=Kind.DAY, valid_days=1 << fields.pop("day"))
    with journal.transaction() as step:
        return step.append(
            Draft(direction, DOOR, HALL, NOON, Admitted(closes=closes), badge, **fields)
        ).seq


def live(journal: Journal) -> None:
    """An example of everything that a journal can contain."""
    journal.obey([order(20), order(4, kind=PlaceKind.OVERRIDE)])
    entries = [enter(journal, serial) for serial in range(6)]
    leave(journal, 0, own(entries[0]))  # credited: it was never offered
    journal.offer(50)
    leave(journal, 1, own(entries[1]))
    scan(journal, Direction.EXIT, 2, closes=own(entries[2]), trusting=True)
    leave(journal, 9, StayRef("south-1", 2, 5))
    leave(journal, 11, None)
    scan(journal, Direction.EXIT, 8, closes=StayRef("south-1", 2, 6), trusting=True)
    scan(journal, Direction.ENTRY, 7, issue=3)
    scan(
        journal, Direction.ENTRY, 10, kind=PlaceKind.OVERRIDE, act="override", by="user:1", note="x"
    )
    scan(journal, Direction.ENTRY, 12, day=1)
    live_around(journal)
    live_kept(journal)
    journal.offer(4)
    journal.acked(7, 1, [order(22, 3)], mark=mark(40))
    journal.next_counter()
    journal.witness.keep(Witnessed("hallkeeper/test", bytes(32), 9, bytes(32), "note\n"))
    for number in (1, 2):
        journal.witness.accuse(Evidence(NOON, f"problem {number}", "old", f"new {number}"))


def live_kept(journal: Journal) -> None:
    """Entries on kept places, in the door's hall and around it, and their exits."""
    kept = PlaceKind.ACCESSIBLE
    journal.obey([order(5, kind=kept), order(3, kind=kept, hall=AROUND)])
    outer = (OuterDraft(AROUND, kind=kept), OuterDraft(STREET))
    ends = [own(scan(journal, Direction.ENTRY, 40 + n, kind=kept, outer=outer)) for n in range(2)]
    back = tuple(OuterDraft(hall, closes=ends[0]) for hall in (AROUND, STREET))
    scan(journal, Direction.EXIT, 40, closes=ends[0], outer=back)  # credited in each
    other = StayRef("south-1", 2, 8)
    scan(journal, Direction.EXIT, 44, closes=other, kind=kept, trusting=True)
    with journal.transaction() as step:
        assert step.account(HALL, kept).free == 5
        assert step.account(AROUND, kept).free == 2


def live_around(journal: Journal) -> None:
    """Entries that count in several halls, and their exits and annulments in each."""
    journal.obey(
        [
            order(9, hall=AROUND),
            order(9, hall=STREET),
            order(2, kind=PlaceKind.OVERRIDE, hall=STREET),
        ]
    )
    around = (OuterDraft(STREET), OuterDraft(AROUND))
    first = [scan(journal, Direction.ENTRY, 20 + n, outer=around) for n in range(4)]
    scan(
        journal, Direction.ENTRY, 30, act="override", by="user:1", note="x",
        outer=(OuterDraft(AROUND), OuterDraft(STREET, kind=PlaceKind.OVERRIDE)),
    )  # fmt: skip
    ends = [own(seq) for seq in first]
    back = [tuple(OuterDraft(hall, closes=end) for hall in (AROUND, STREET)) for end in ends]
    scan(journal, Direction.EXIT, 20, closes=ends[0], outer=back[0])  # credited in each
    scan(journal, Direction.EXIT, 21, closes=ends[1])
    journal.offer(50)
    trusting = (OuterDraft(AROUND, closes=ends[1], trusting=True),)
    scan(journal, Direction.EXIT, 21, outer=trusting)
    scan(journal, Direction.EXIT, 22, outer=back[2])
    other = StayRef("south-1", 2, 7)
    scan(
        journal, Direction.EXIT, 33, closes=other,
        outer=(OuterDraft(AROUND, closes=other), OuterDraft(STREET)),
    )  # fmt: skip
    with journal.transaction() as step:
        full = Denied(Reason.HALL_FULL, hall_id=AROUND)
        step.append(Draft(Direction.ENTRY, DOOR, HALL, NOON, full, credential(34)))


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("written") / "journal.db"
    with opened(path) as journal:
        live(journal)
    return path


@pytest.fixture(autouse=True)
def few_signatures(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(check, "SIGNATURES_CHECKED", CHECKED)


def altered(value: Any, rng: random.Random) -> Any:
    """Another value of the same kind."""
    if isinstance(value, int):
        return value + rng.choice((-1, 1, 2, 1_000, -value - 1, 1 - 2 * value))
    raw = bytearray(value.encode() if isinstance(value, str) else value)
    at = rng.randrange(len(raw)) if raw else 0
    if raw and rng.random() < 0.8:
        raw[at] ^= 1 << rng.randrange(5)
    elif raw and rng.random() < 0.5:
        del raw[at]
    else:
        raw.insert(at, 65)
    return raw.decode("latin-1") if isinstance(value, str) else bytes(raw)


# Keys of rows in tables without a number for each.
KEYS = {
    "named_stay": "kiosk || ' ' || generation || ' ' || seq || ' ' || hall",
    "own_stay": "seq || ' ' || hall",
    "seen_day": "serial || ' ' || issue || ' ' || day",
}


def columns(path: Path) -> Iterator[tuple[str, str, str]]:
    """Each table with each of its columns, and the key of its rows."""
    with closing(sqlite3.connect(path)) as db:
        tables = [row[0] for row in db.execute("SELECT name FROM sqlite_schema WHERE type='table'")]
        for table in tables:
            info = db.execute(f"PRAGMA table_info({table})").fetchall()
            key = KEYS.get(table, "rowid")
            for column in info:
                yield table, column[1], key


def alter(path: Path, table: str, column: str, key: str, rng: random.Random) -> tuple[Any, Any]:
    """Alter one value in one row, ignoring the table's constraints. Returns the row and the old
    value.
    """
    with closing(sqlite3.connect(path, isolation_level=None)) as db:
        db.execute("PRAGMA ignore_check_constraints = ON")
        rows = db.execute(f"SELECT {key}, {column} FROM {table}").fetchall()
        assert rows, f"nothing in {table}: it would not be tried"
        for _ in range(50):
            row, value = rng.choice(rows)
            new = altered(value, rng)
            if new == value:
                continue
            try:
                db.execute(f"UPDATE {table} SET {column} = ? WHERE {key} = ?", (new, row))
            except sqlite3.IntegrityError:  # another row has that key
                continue
            return row, value
        pytest.fail(f"{table}.{column} could not be altered")


def is_harmless(table: str, column: str, row: int, path: Path, whole: Path) -> bool:
    """An old scan's signature: the kiosk signs each record anew from the proven chain before
    sending, and an export reports the fault.
    """
    if (table, column) != SIGNATURE:
        return False
    with opened(path) as altered, opened(whole) as other:
        assert row <= altered.state().last_seq - CHECKED
        for first in range(1, altered.state().last_seq + 1):
            mine, theirs = altered.offer(3, first=first), other.offer(3, first=first)
            assert (mine.records, mine.head, mine.signature) == (
                theirs.records,
                theirs.head,
                theirs.signature,
            )
    return True


def refusal(path: Path) -> JournalError | None:
    """Why the journal does not open."""
    try:
        opened(path).close()
    except JournalError as error:
        return error
    return None


def test_each_alteration_is_noticed_or_harmless(written: Path, tmp_path: Path) -> None:
    every = list(columns(written))
    assert {table for table, _, _ in every} >= {*SEALED, "scan", "own_stay", "named_stay"}
    noticed: dict[tuple[str, str], int] = {}
    missed = []
    whole = Path(shutil.copy(written, tmp_path / "whole.db"))
    for seed in range(tries(ALTERATIONS)):
        table, column, key = every[seed % len(every)]
        path = Path(shutil.copy(written, tmp_path / "journal.db"))
        row, old = alter(path, table, column, key, random.Random(seed))
        before = path.read_bytes()
        error = refusal(path)
        if error is None:
            if not is_harmless(table, column, row, path, whole):
                missed.append((seed, table, column, row, old))
            continue
        noticed[table, column] = noticed.get((table, column), 0) + 1
        assert isinstance(error, JournalDamagedError), error
        assert "enrol --again" in str(error)
        assert error.moved_to.read_bytes() == before, "what is there is evidence"
        error.moved_to.unlink()
    assert missed == []
    # Chance may have met none of the few checked signatures. The next test does.
    assert noticed.keys() | {SIGNATURE} == {(table, column) for table, column, _ in every}


def test_damaged_bytes_are_noticed_or_harmless(written: Path, tmp_path: Path) -> None:
    """Also in the tables' definitions, and in the row with the owner."""
    path, whole = tmp_path / "journal.db", written.read_bytes()
    pages = [
        at
        for at in range(0, len(whole), PAGE)
        if at == 0 or b"CREATE " in whole[at : at + PAGE] or KIOSK.encode() in whole[at : at + PAGE]
    ]
    noticed = 0
    for seed in range(tries(DAMAGES)):
        chance = random.Random(seed)
        raw = bytearray(whole)
        at = chance.choice(pages) + chance.randrange(PAGE - 4)
        raw[at : at + 4] = chance.choice([chance.randbytes(4), b"\xff" * 4, bytes(4)])
        if at < 64 and at + 4 > 60:
            continue  # It then claims to be of another version.
        path.write_bytes(raw)
        error = refusal(path)
        if error is None:
            continue  # test_each_alteration_is_noticed_or_harmless covers its content.
        noticed += 1
        assert isinstance(error, JournalDamagedError), (seed, at, error)
        assert error.moved_to.read_bytes() == raw, "what is there is evidence"
        assert not path.exists()
        error.moved_to.unlink()
    assert noticed


@pytest.mark.parametrize("value", ["", "orth-1"])
def test_a_journal_that_names_another_is_ours_by_its_signatures(
    written: Path, tmp_path: Path, value: str
) -> None:
    path = Path(shutil.copy(written, tmp_path / "journal.db"))
    with closing(sqlite3.connect(path, isolation_level=None)) as db:
        db.execute("UPDATE state SET kiosk = ?", (value,))
    error = refusal(path)
    assert isinstance(error, JournalDamagedError)
    assert "names another kiosk, and this one signed its scans" in str(error)


def test_each_signature_that_is_checked_is_noticed(written: Path, tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    with closing(sqlite3.connect(written)) as db:
        rows = [seq for (seq,) in db.execute("SELECT seq FROM scan ORDER BY seq DESC")]
    for row in rows[:CHECKED]:
        shutil.copy(written, path)
        with closing(sqlite3.connect(path, isolation_level=None)) as db:
            db.execute("UPDATE scan SET signature = zeroblob(64) WHERE seq = ?", (row,))
        assert isinstance(refusal(path), JournalDamagedError)


@pytest.mark.parametrize(
    "table", ["scan", "own_stay", "account", "named_stay", "seen_issue", "seen_day", "state"]
)
def test_a_row_that_is_gone_is_noticed(written: Path, tmp_path: Path, table: str) -> None:
    """The newest scan too, except for a refusal that was never sent: it changed nothing here."""
    path = Path(shutil.copy(written, tmp_path / "journal.db"))
    key = KEYS.get(table, "rowid")
    with closing(sqlite3.connect(path, isolation_level=None)) as db:
        rows = [row[0] for row in db.execute(f"SELECT {key} FROM {table}")]
        if table == "scan":
            rows.pop()  # that refusal
    for row in rows:
        shutil.copy(written, path)
        with closing(sqlite3.connect(path, isolation_level=None)) as db:
            db.execute(f"DELETE FROM {table} WHERE {key} = ?", (row,))
        with pytest.raises(JournalDamagedError):
            opened(path)


def test_a_refusal_that_was_sent_and_is_gone_is_noticed(tmp_path: Path) -> None:
    """It changed nothing here, but it was recorded as offered."""
    path = tmp_path / "journal.db"
    with opened(path) as journal:
        journal.obey([order(20)])
        enter(journal, 1)
        leave(journal, 11, None)
        journal.offer(5)
    with closing(sqlite3.connect(path, isolation_level=None)) as db:
        db.execute("DELETE FROM scan WHERE seq = 2")
    with pytest.raises(JournalDamagedError, match="has 1 scans, and sent 2"):
        opened(path)


class TestByHand:
    """A person with the kiosk's key, who repairs the seals."""

    def give(self, path: Path, **fields: Any) -> None:
        with closing(sqlite3.connect(path, isolation_level=None)) as db:
            sets = ", ".join(f"{name} = ?" for name in fields)
            db.execute(
                f"UPDATE account SET {sets} WHERE override = 0 AND hall = {HALL}",
                tuple(fields.values()),
            )
            names = ", ".join(SEALED["account"])
            (row,) = db.execute(
                f"SELECT {names} FROM account WHERE override = 0 AND hall = {HALL}"
            ).fetchall()
            seal = sealer(KIOSK_KEY)("account", *row)
            db.execute(f"UPDATE account SET seal = ? WHERE override = 0 AND hall = {HALL}", (seal,))

    @pytest.mark.parametrize(
        ("totals", "problem"),
        [
            ({"granted": 1_022}, "has 1022 places; 22 were granted"),
            ({"granted": 1_022, "signed": 1_022}, "the server never granted"),
        ],
    )
    def test_a_thousand_places_more(
        self, written: Path, tmp_path: Path, totals: dict, problem: str
    ) -> None:
        path = Path(shutil.copy(written, tmp_path / "journal.db"))
        self.give(path, **totals)
        with pytest.raises(JournalDamagedError, match=problem):
            opened(path)

    def test_another_kiosk_s_signature(self, written: Path, tmp_path: Path) -> None:
        path = Path(shutil.copy(written, tmp_path / "journal.db"))
        signature = sign_order(
            ROOT, EVENT_ID, ("south-1", 1), PoolKey(HALL), granted=1_022, incarnation=1
        )
        self.give(path, granted=1_022, signed=1_022, signature=signature)
        with pytest.raises(JournalDamagedError, match="the server never granted"):
            opened(path)


class TestOrders:
    def test_an_unsigned_one_is_dropped(self, tmp_path: Path) -> None:
        with opened(tmp_path / "journal.db") as journal:
            key, good = order(5)
            journal.obey([(key, good), (key, Order(9, 0, 1, good.signature))])
            assert journal.accounts()[key].granted == 5

    def test_one_without_a_signature_is_an_older_server_s(self, tmp_path: Path) -> None:
        """Its grants have no proof, and the journal opens."""
        with opened(tmp_path / "journal.db") as journal:
            journal.obey([order(5)])
            journal.obey(orders((9, 0, 1)))
        with opened(tmp_path / "journal.db") as journal:
            assert journal.accounts()[PoolKey(HALL)].granted == 9
            assert journal.offer(1).grants[PoolKey(HALL)].signature == b""
            journal.obey([order(9)])
            assert journal.offer(1).grants[PoolKey(HALL)].granted == 9

    def test_a_late_one_does_not_take_the_place_of_a_newer(self, tmp_path: Path) -> None:
        with opened(tmp_path / "journal.db") as journal:
            journal.obey([order(7)])
            journal.obey([order(5)])
        with opened(tmp_path / "journal.db") as journal:
            assert journal.offer(1).grants[PoolKey(HALL)].granted == 7
