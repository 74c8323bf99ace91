"""The kiosk's own scans, on disk before any light.

Nothing in it is ever deleted. One commit has a scan's record, its link in the hash chain, its
signature, and its effect on places and stays. State is read inside each transaction, so several
threads and a second process may use one file.
"""

import secrets
import threading
import time
from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path

from badges.credential.keys import PrivateKey, PublicKey
from badges.places.account import Account, Order
from badges.places.pool import PoolKey
from badges.record import PlaceKind, ScanRecord, StayRef, decode_record
from badges.wire.wire import HEAD_CONTEXT, Mark
from kiosk.journal import schema
from kiosk.journal.check import Owner
from kiosk.journal.checkpoints import Witness
from kiosk.journal.errors import (
    ForkError,
    OldServerError,
)
from kiosk.journal.file import JournalFile
from kiosk.journal.orders import obey
from kiosk.journal.seal import sealer
from kiosk.journal.transaction import JournalTransaction
from kiosk.journal.values import Effect, Offer, PlaceWait, State, Stored, head_at

COUNTERS_RESERVED = 100  # request counters made durable by one commit
ORDINARY = (PlaceKind.ORDINARY,)
MARK_S = 30.0  # how often a mark alone is worth a commit


class Journal:
    """One kiosk's journal. Also a context manager, which closes it."""

    def __init__(
        self,
        path: Path,
        kiosk: str,
        generation: int,
        key: PrivateKey,
        *,
        root: PublicKey | None = None,
        event_id: bytes = b"",
        must_exist: bool = False,
        check: bool = True,
        connect: schema.Connect = schema.connect,
        pragmas: schema.Pragmas | None = None,
    ) -> None:
        """Open or create the file. `check` it, as at every start. Raises JournalError.

        `root` is the key of the event `event_id`, which must sign the server's grants.
        """
        pragmas = pragmas or schema.PRAGMAS
        owner = Owner(kiosk, generation, key.public, root, event_id)
        self._owner = owner
        self._file = JournalFile(
            path,
            owner,
            sealer(key),
            must_exist=must_exist,
            check=check,
            connect=connect,
            pragmas=pragmas,
        )
        self.path = path
        self.kiosk = kiosk
        self.generation = generation
        self.witness = Witness(self._file, key, (kiosk, generation))
        self._key = key
        self._places_came = threading.Condition()
        self._none_came: Counter[int] = Counter()  # refusals of the server, by hall
        self._counter_lock = threading.Lock()
        self._counter = self._counter_end = 0
        self._run = ""
        self._marked_at = float("-inf")  # monotonic seconds

    def __enter__(self) -> "Journal":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Idempotent."""
        self._file.close()

    @contextmanager
    def transaction(self) -> Iterator[JournalTransaction]:
        """It is on disk when the `with` block ends. Raises JournalError."""
        with self._file.transaction() as connection:
            yield self._transaction_on(connection)

    def _transaction_on(self, connection: schema.Connection) -> JournalTransaction:
        file = self._file
        return JournalTransaction(connection, self._key, file.seal, file.require_in_place)

    def state(self) -> State:
        with self.transaction() as transaction:
            return transaction.state

    def accounts(self) -> dict[PoolKey, Account]:
        with self.transaction() as transaction:
            return transaction.accounts()

    def offer(self, limit: int, first: int | None = None) -> Offer:
        """The next batch: up to `limit` records from sequence `first`, by default from the first
        unacknowledged one.

        On return it is on disk that they are offered, before they are sent
        (docs/design/places.md, rule 3).
        """
        with self._file.transaction() as connection:
            transaction = self._transaction_on(connection)
            first = first or transaction.state.acked + 1
            last = min(transaction.state.last_seq, first + limit - 1)
            transaction.mark_offered(last)
            rows = connection.execute(
                "SELECT record FROM scan WHERE seq BETWEEN ? AND ? ORDER BY seq", (first, last)
            ).fetchall()
            gone, gone_outer = _gone(connection, first, last)
            head = head_at(connection, transaction.state, last)
            state, accounts = transaction.state, transaction.accounts()
            grants, mark = transaction.grants(), transaction.mark()
        return Offer(
            first_seq=first,
            records=[row["record"] for row in rows],
            closed_before_upload=gone,
            head=head,
            signature=self._key.sign(HEAD_CONTEXT + head),
            state=state,
            accounts=accounts,
            grants=grants,
            mark=mark,
            outer_closed_before_upload=tuple(gone_outer),
        )

    def closed_before_upload(
        self, first: int, last: int
    ) -> tuple[list[int], list[tuple[int, int]]]:
        """The entries of these sequences whose place an exit here took back before their upload
        (rule 4). For outer halls, entries and halls.
        """
        with self._file.transaction() as connection:
            return _gone(connection, first, last)

    def acked(
        self,
        seq: int,
        incarnation: int,
        orders: Sequence[tuple[PoolKey, Order]] = (),
        *,
        fenced: bool = False,
        mark: Mark | None = None,
    ) -> Effect:
        """Take the answer to a batch. `seq` counts even if it is lower than before: a restored
        server lacks records.

        `mark` is the server's signed progress. It is stored with other changes of this commit,
        else every MARK_S. Raises ForkError or OldServerError, with nothing changed.
        """
        with self.transaction() as transaction:
            if incarnation < transaction.state.incarnation:
                raise OldServerError(incarnation, transaction.state.incarnation)
            if seq > transaction.state.offered:
                raise ForkError(seq, transaction.state.offered)
            before = transaction.state
            transaction.mark_acked(seq)
            effect = obey(transaction, orders, incarnation, self._owner)
            if mark is not None and self._is_due(transaction.state != before or effect.gained):
                transaction.keep_mark(mark)
            if fenced:
                effect = replace(
                    effect, gained=False, returned=transaction.fence() or effect.returned
                )
        return self._tell(effect)

    def _is_due(self, writes: bool) -> bool:
        now = time.monotonic()
        if writes or now - self._marked_at >= MARK_S:
            self._marked_at = now
            return True
        return False

    def obey(self, orders: Sequence[tuple[PoolKey, Order]]) -> Effect:
        with self.transaction() as transaction:
            newest = max((order.incarnation for _, order in orders), default=0)
            effect = obey(transaction, orders, newest, self._owner)
        return self._tell(effect)

    def fence(self) -> Effect:
        """Stop admitting for good, and give every free place back."""
        with self.transaction() as transaction:
            return Effect(returned=transaction.fence())

    def rest(self) -> Effect:
        """Stop admitting until `resume`, because the shift has ended. Free places go back."""
        with self.transaction() as transaction:
            return Effect(returned=transaction.rest())

    def resume(self) -> None:
        """Places come with the next order."""
        with self.transaction() as transaction:
            transaction.resume()

    def no_place(self, hall: int) -> None:
        """Note that the server refused a place, so that waiting ends."""
        with self._places_came:
            self._none_came[hall] += 1
            self._places_came.notify_all()

    def times_none(self, hall: int) -> int:
        """Refusals so far. Read it before requesting a place, for `wait_for_place`."""
        with self._places_came:
            return self._none_came[hall]

    def wait(self, wait: PlaceWait) -> None:
        deadline = time.monotonic() + wait.timeout_s
        for hall, kinds in wait.kinds.items():
            left = max(0.0, deadline - time.monotonic())
            none_before = None if wait.none_before is None else wait.none_before[hall]
            self.wait_for_place(hall, left, none_before, kinds)

    def is_over(self, wait: PlaceWait) -> bool:
        """Whether each hall has a place or was refused one, for callers that can't block."""
        return all(
            self._is_refused(hall, wait) or self.has_place(hall, kinds)
            for hall, kinds in wait.kinds.items()
        )

    def _is_refused(self, hall: int, wait: PlaceWait) -> bool:
        return wait.none_before is not None and self.times_none(hall) > wait.none_before[hall]

    def wait_for_place(
        self,
        hall: int,
        timeout_s: float,
        none_before: int | None = 0,
        kinds: Collection[PlaceKind] = ORDINARY,
    ) -> bool:
        """Wait for a free place of one of the `kinds`. True if one came within `timeout_s` and
        before the server's next refusal.

        If `none_before` is None, only the time ends the wait.
        """
        deadline = time.monotonic() + timeout_s
        with self._places_came:
            while not self.has_place(hall, kinds):
                left = deadline - time.monotonic()
                refused = none_before is not None and self._none_came[hall] > none_before
                if refused or not self._places_came.wait(left):
                    return self.has_place(hall, kinds)
        return True

    def has_place(self, hall: int, kinds: Collection[PlaceKind] = ORDINARY) -> bool:
        with self.transaction() as transaction:
            return any(transaction.account(hall, kind).free > 0 for kind in kinds)

    def _tell(self, effect: Effect) -> Effect:
        if effect.gained:
            with self._places_came:
                self._places_came.notify_all()
        return effect

    def next_counter(self, above: int = 0) -> int:
        """A request counter above all earlier ones, even across restarts, and above `above`.

        Counters start at the clock, so that a journal that was set back is still heard and
        detected. If the clock was set back as well, they start above the server's last.
        """
        with self._counter_lock:
            if self._counter == self._counter_end or self._counter < above:
                with self.transaction() as transaction:
                    at_least = max(above, time.time_ns() // 1_000_000)
                    self._counter_end = transaction.reserve_counters(COUNTERS_RESERVED, at_least)
                    self._counter = self._counter_end - COUNTERS_RESERVED
            self._counter += 1
            self._run = self._run or f"{self._counter:016d}-{secrets.token_hex(8)}"
            return self._counter

    @property
    def run(self) -> str:
        """The name of this run of the kiosk: its first request counter.

        The counter is on disk before its use, and above all earlier ones. So a later run on this
        disk has a greater name, and a lower name reveals a copied disk.
        """
        if not self._run:
            self.next_counter()
        return self._run

    def own_open(self, up_to: int, hall: int) -> list[StayRef]:
        """Open stays in a hall that entries up to sequence `up_to` began."""
        with self._file.transaction() as connection:
            rows = connection.execute(
                "SELECT seq FROM own_stay WHERE open = 1 AND seq <= ? AND hall = ?", (up_to, hall)
            ).fetchall()
        return [StayRef(self.kiosk, self.generation, seq) for (seq,) in rows]

    def newest(self, limit: int) -> list[ScanRecord]:
        with self._file.transaction() as connection:
            rows = connection.execute(
                "SELECT record FROM scan ORDER BY seq DESC LIMIT ?", (limit,)
            ).fetchall()
        return [decode_record(row["record"]) for row in rows]

    def stored(self, after: int, limit: int) -> list[Stored]:
        """Records after sequence `after`, as stored, oldest first."""
        with self._file.transaction() as connection:
            rows = connection.execute(
                "SELECT seq, record, head, signature FROM scan WHERE seq > ? ORDER BY seq LIMIT ?",
                (after, limit),
            ).fetchall()
        return [Stored(**row) for row in rows]

    def tidy(self) -> None:
        """Move the content of SQLite's write-ahead log to the file. Scans go on meanwhile."""
        if not self._file.is_in_place():
            return  # it would create an empty file there
        with closing(schema.connect(self.path)) as connection:
            schema.configure(connection, schema.PRAGMAS)
            connection.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchall()


def _gone(
    connection: schema.Connection, first: int, last: int
) -> tuple[list[int], list[tuple[int, int]]]:
    """The lists of `Journal.closed_before_upload`."""
    rows = connection.execute(
        "SELECT seq, hall, around FROM own_stay WHERE credited = 1 AND seq BETWEEN ? AND ?"
        " ORDER BY seq, hall",
        (first, last),
    ).fetchall()
    own = [row["seq"] for row in rows if not row["around"]]
    return own, [(row["seq"], row["hall"]) for row in rows if row["around"]]
