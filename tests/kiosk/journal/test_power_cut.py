"""Power cuts and killed processes: acknowledged data is there, to the byte.

The journal's own code runs on a disk that forgets data without a sync. To show that the test can
fail, the same cuts are made under settings known to lose data: there they must.
"""

import random
import signal
import subprocess
import sys
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from badges.admission.facts import Admitted, Direction
from badges.places.account import Account, NoPlaceError
from badges.places.pool import PoolKey
from badges.record import PlaceKind, StayRef
from kiosk.journal import check, schema
from kiosk.journal.errors import JournalError
from kiosk.journal.journal import Journal
from kiosk.journal.transaction import JournalTransaction
from kiosk.journal.values import Draft
from tests.kiosk.support.crash_disk import Disk, FileSystem, Loss, connect_to, restore
from tests.kiosk.support.door_fixture import (
    DOOR,
    GENERATION,
    HALL,
    KIOSK,
    KIOSK_KEY,
    NOON,
    credential,
    orders,
)

pytestmark = pytest.mark.system

CUTS = 150  # in each way of losing, with rare and with frequent checkpoints
BADGES = [credential(serial) for serial in range(8)]


class Life:
    """A kiosk's life until the power cut, and the data acknowledged as on disk."""

    def __init__(self, rng: random.Random, journal: Journal, disk: Disk) -> None:
        self._rng = rng
        self._journal = journal
        self._disk = disk
        self._granted = 0
        self._open: dict[int, int] = {}  # serial → sequence
        self.records: list[bytes] = []
        self.offered = 0
        self.account = Account()
        self.seen = 0  # how often it was read, and not empty

    def live(self, steps: int) -> None:
        for _ in range(steps):
            act = self._rng.choices(
                [self._scan, self._order, self._offer, self._answer], (6, 2, 1, 1)
            )[0]
            try:
                act()
            except NoPlaceError:
                if self._disk.recovered is not None:
                    # The power went while the file was rolled back.
                    return
                self._order()
            self.account = self._journal.accounts().get(PoolKey(HALL), self.account)
            self.seen += self.account != Account()

    def _scan(self) -> None:
        serial = self._rng.randrange(len(BADGES))
        seq = self._open.get(serial)
        direction = Direction.ENTRY if seq is None else Direction.EXIT
        closes = None if seq is None else StayRef(KIOSK, GENERATION, seq)
        decision = Admitted(closes=closes)
        with self._journal.transaction() as step:
            record = step.append(Draft(direction, DOOR, HALL, NOON, decision, BADGES[serial]))
        self.records += [stored.record for stored in self._journal.stored(record.seq - 1, 1)]
        if seq is None:
            self._open[serial] = record.seq
        else:
            del self._open[serial]

    def _order(self) -> None:
        self._granted += self._rng.randint(1, 3)
        self._journal.obey(orders((self._granted, self._rng.randint(0, 2), 1)))

    def _offer(self) -> None:
        self.offered = self._journal.offer(self._rng.randint(1, 9)).state.offered

    def _answer(self) -> None:
        self._journal.acked(self.offered, 1)


def opened(disk: Disk) -> tuple[Journal, FileSystem]:
    file_system = FileSystem(disk)
    exclusive = dict(pragma[:2] for pragma in schema.PRAGMAS)["journal_mode"] == "WAL"
    connect = connect_to(file_system, exclusive=exclusive)
    journal = Journal(Path("journal.db"), KIOSK, GENERATION, KIOSK_KEY, connect=connect)
    return journal, file_system


@cache
def disk_with_a_journal(settings: tuple[Any, ...]) -> Disk:
    """A disk after a journal was made with the current settings.

    Before that no power cut happens, and making the tables takes as long as a life.
    """
    disk, begun = (Disk(random.Random(0), "all") for _ in range(2))
    journal, file_system = opened(disk)
    begun.begin_as(disk)
    journal.close()
    file_system.unregister()
    return begun


def cut(seed: int, loss: Loss, directory: Path) -> tuple[int, list[str]]:
    """One life and one cut: (acknowledged scans that are lost, forgotten protocol state).

    A life in which the accounts were never read proves nothing about them: "nothing seen".
    """
    begun = disk_with_a_journal(schema.PRAGMAS)
    rng = random.Random(seed)
    disk = Disk(rng, loss)
    disk.begin_as(begun)
    journal, file_system = opened(disk)
    life = Life(rng, journal, disk)
    life.live(rng.randint(0, 10))
    if rng.random() < 0.7:
        disk.cut_after = rng.randint(0, 30)
    try:
        life.live(rng.randint(1, 12))
    except JournalError:
        assert disk.recovered is not None, "only the cut may fail"
    disk.cut()
    journal.close()
    file_system.unregister()
    assert disk.recovered is not None
    restore(disk.recovered, directory)
    return judge(life, directory)


def judge(life: Life, directory: Path) -> tuple[int, list[str]]:
    """The state found at the next start. Opening it checks that the file is sound."""
    with Journal(directory / "journal.db", KIOSK, GENERATION, KIOSK_KEY) as journal:
        records = [stored.record for stored in journal.stored(0, 1_000)]
        account = journal.accounts().get(PoolKey(HALL), Account())
        kept = sum(mine == theirs for mine, theirs in zip(life.records, records, strict=False))
        assert len(records) <= len(life.records) + 1, (
            "at most the scan in whose commit the power went"
        )
        totals = ("granted", "returned", "entries", "credited", "trusted")
        forgotten = [
            name for name in totals if getattr(account, name) < getattr(life.account, name)
        ]
        if journal.state().offered < life.offered:
            forgotten.append("offered")
        if life.records and not life.seen:
            forgotten.append("nothing seen")
    return len(life.records) - kept, forgotten


def setting(monkeypatch: pytest.MonkeyPatch, **changes: tuple[str | int, str | int]) -> None:
    pragmas = {name: (value, expected) for name, value, expected in schema.PRAGMAS}
    wished = tuple((name, *pragma) for name, pragma in (pragmas | changes).items())
    monkeypatch.setattr(schema, "PRAGMAS", wished)


@pytest.mark.parametrize("checkpoint_pages", [4_000, 20])
@pytest.mark.parametrize("loss", ["all", "some", "torn"])
def test_no_acknowledged_scan_is_lost(
    loss: Loss, checkpoint_pages: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    setting(monkeypatch, wal_autocheckpoint=(checkpoint_pages, checkpoint_pages))
    results = {seed: cut(seed, loss, tmp_path) for seed in range(CUTS)}
    assert {seed: lost for seed, lost in results.items() if lost != (0, [])} == {}


@pytest.mark.parametrize("loss", ["all", "some", "torn"])
def test_nor_without_wal(loss: Loss, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A phone's settings."""
    monkeypatch.setattr(schema, "PRAGMAS", schema.without_wal(schema.PRAGMAS))
    results = {seed: cut(seed, loss, tmp_path) for seed in range(CUTS)}
    assert {seed: lost for seed, lost in results.items() if lost != (0, [])} == {}


@pytest.mark.parametrize(
    "changes",
    [{"synchronous": ("NORMAL", 1)}, {"journal_mode": ("DELETE", "delete")}],
    ids=["WAL and NORMAL", "DELETE and FULL"],
)
def test_the_test_can_fail(changes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Settings that are known to lose scans lose them here; SQLite's default is one."""
    setting(monkeypatch, **changes)
    results = [cut(seed, "some", tmp_path) for seed in range(60)]
    assert sum(lost > 0 for lost, _ in results) >= 5
    for total in ("granted", "entries"):
        assert sum(total in forgotten for _, forgotten in results) >= 3, total


def test_accounts_that_are_not_in_the_commit_are_missed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A journal with its accounts only in memory does not pass.

    The next start would refuse it, so here it does not check.
    """
    monkeypatch.setattr(check, "problem", lambda *_: None)
    kept: dict[PoolKey, Account] = {}

    def put(
        step: JournalTransaction,
        key: PoolKey,
        account: Account,
        *,
        grant: object = None,
    ) -> None:
        kept[key] = account

    def get(step: JournalTransaction, hall: int, kind: PlaceKind = PlaceKind.ORDINARY) -> Account:
        return kept.get(PoolKey(hall, kind), Account())

    def close(journal: Journal) -> None:
        kept.clear()
        journal._file.close()

    monkeypatch.setattr(JournalTransaction, "put_account", put)
    monkeypatch.setattr(JournalTransaction, "account", get)
    monkeypatch.setattr(JournalTransaction, "accounts", lambda step: dict(kept))
    monkeypatch.setattr(Journal, "close", close)
    missed = [cut(seed, "all", tmp_path)[1] for seed in range(40)]
    for total in ("granted", "entries", "credited"):
        assert sum(total in forgotten for forgotten in missed) >= 5, total


WRITER = """
import sys
from pathlib import Path
from badges.admission.facts import Admitted, Direction
from kiosk.journal.values import Draft
from kiosk.journal.journal import Journal
from tests.kiosk.support.door_fixture import DOOR, GENERATION, HALL, KIOSK, KIOSK_KEY, NOON
from tests.kiosk.support.door_fixture import credential, orders
from kiosk.journal.journal import Journal
from kiosk.journal.values import Draft
from tests.kiosk.support.door_fixture import (
    DOOR, GENERATION, HALL, KIOSK, KIOSK_KEY, NOON, credential, orders,
)

with Journal(Path(sys.argv[1]), KIOSK, GENERATION, KIOSK_KEY) as journal:
    journal.obey(orders((1_000_000, 0, 1)))
    badge = credential(1)
    while True:
        with journal.transaction() as step:
            entry = Draft(Direction.ENTRY, DOOR, HALL, NOON, Admitted(), badge)
            seq = step.append(entry).seq
        sys.stdout.write(f"{seq}\\n")
        sys.stdout.flush()
"""


def test_no_scan_of_a_killed_process_is_lost(tmp_path: Path) -> None:
    rng = random.Random(1)
    path = tmp_path / "journal.db"
    acknowledged = 0
    for _ in range(4):
        process = subprocess.Popen(
            [sys.executable, "-c", WRITER, str(path)],
            stdout=subprocess.PIPE,
            cwd=Path(__file__).parents[3],
        )
        assert process.stdout is not None
        with process.stdout as lines:
            for _ in range(rng.randrange(20, 200)):
                acknowledged = int(lines.readline())
            process.send_signal(signal.SIGKILL)
            for line in lines:
                if line.endswith(b"\n"):
                    acknowledged = int(line)
        assert process.wait() == -signal.SIGKILL
        with Journal(path, KIOSK, GENERATION, KIOSK_KEY) as journal:
            state, account = journal.state(), journal.accounts()[PoolKey(HALL)]
        assert acknowledged <= state.last_seq <= acknowledged + 1
        assert account.entries == state.last_seq
    assert acknowledged > 50
