"""A transaction on the journal. Values read in it stay true until its writes are on disk."""

import sqlite3
from collections.abc import Callable
from dataclasses import astuple

import msgspec
from msgspec.structs import replace

from badges.admission.facts import Admitted, Direction
from badges.credential.keys import PrivateKey
from badges.places.account import Account, enter_all, may_credit, may_trust
from badges.places.pool import PoolKey
from badges.record import (
    OuterHall,
    PlaceKind,
    ScanRecord,
    StayRef,
    accessible_field,
    encode_record,
)
from badges.transparency.chain import chain_next
from badges.wire.wire import HEAD_CONTEXT, Mark
from kiosk.journal.schema import Connection
from kiosk.journal.seal import Seal, put_sealed
from kiosk.journal.values import (
    Draft,
    OuterDraft,
    OwnStay,
    SignedGrant,
    State,
    head_at,
    make_record,
    read_state,
)

_ACCOUNT = "granted, returned, entries, credited, trusted"


class JournalTransaction:
    """Reads and writes of one transaction of `Journal.transaction`. Not usable after it."""

    def __init__(
        self,
        connection: Connection,
        key: PrivateKey,
        seal: Seal,
        require_in_place: Callable[[], None],
    ) -> None:
        """`require_in_place` raises JournalError if the journal's file was deleted or replaced."""
        self._connection = connection
        self._key = key
        self._seal = seal
        self._require_in_place = require_in_place
        self.state = read_state(connection)

    def account(self, hall: int, kind: PlaceKind = PlaceKind.ORDINARY) -> Account:
        row = self._connection.execute(
            f"SELECT {_ACCOUNT} FROM account WHERE hall = ? AND override = ?", (hall, kind)
        ).fetchone()
        if row is None:
            return Account(incarnation=self.state.incarnation, fenced=self.state.fenced)
        return self._account_of(row)

    def _account_of(self, row: sqlite3.Row) -> Account:
        return Account(
            granted=row["granted"],
            returned=row["returned"],
            entries=row["entries"],
            credited=row["credited"],
            incarnation=self.state.incarnation,
            fenced=self.state.fenced,
            trusted=row["trusted"],
        )

    def grant(self, key: PoolKey) -> SignedGrant:
        """The server's signed grant of the account; empty if there is none."""
        row = self._connection.execute(
            "SELECT signed, signed_in, signature FROM account WHERE hall = ? AND override = ?",
            key,
        ).fetchone()
        if row is None:
            return SignedGrant()
        return SignedGrant(row["signed"], row["signed_in"], row["signature"])

    def put_account(
        self, key: PoolKey, account: Account, *, grant: SignedGrant | None = None
    ) -> None:
        """Write the account with the signed `grant`. None leaves the signature unchanged.

        A fenced or resting kiosk gives back its free places.
        """
        if account.fenced or self.state.resting:
            account = account.rest()
        grant = self.grant(key) if grant is None else grant
        put_sealed(
            self._connection, self._seal, "account", key.hall_id, int(key.kind), account.granted,
            account.returned, account.entries, account.credited, account.trusted, *astuple(grant),
        )  # fmt: skip

    def accounts(self) -> dict[PoolKey, Account]:
        rows = self._connection.execute(
            f"SELECT hall, override, {_ACCOUNT} FROM account ORDER BY hall, override"
        ).fetchall()
        return {
            PoolKey(row["hall"], PlaceKind(row["override"])): self._account_of(row) for row in rows
        }

    def grants(self) -> dict[PoolKey, SignedGrant]:
        rows = self._connection.execute(
            "SELECT hall, override, signed, signed_in, signature FROM account"
            " ORDER BY hall, override"
        ).fetchall()
        return {
            PoolKey(row["hall"], PlaceKind(row["override"])): SignedGrant(
                row["signed"], row["signed_in"], row["signature"]
            )
            for row in rows
        }

    def mark(self) -> Mark | None:
        row = self._connection.execute(
            "SELECT incarnation, run, cursor, entries, signature FROM mark"
        ).fetchone()
        return Mark(**row) if row else None

    def keep_mark(self, mark: Mark) -> None:
        put_sealed(self._connection, self._seal, "mark", 1, *msgspec.structs.astuple(mark))

    def own_stays(self, serial: int, hall: int) -> list[OwnStay]:
        rows = self._connection.execute(
            "SELECT seq, since, door, override FROM own_stay"
            " WHERE serial = ? AND hall = ? AND open = 1 ORDER BY seq DESC",
            (serial, hall),
        ).fetchall()
        return [
            OwnStay(self._own(row["seq"]), row["since"], row["door"], PlaceKind(row["override"]))
            for row in rows
        ]

    def own_beyond(self, hall: int) -> list[int]:
        """The entries here with open stays on override places of the hall."""
        rows = self._connection.execute(
            "SELECT seq FROM own_stay WHERE hall = ? AND override = ? AND open = 1",
            (hall, PlaceKind.OVERRIDE),
        ).fetchall()
        return [row["seq"] for row in rows]

    def is_named(self, stay: StayRef, hall: int) -> bool:
        """Whether an exit here closed this stay of another kiosk in the hall."""
        row = self._connection.execute(
            "SELECT 1 FROM named_stay WHERE kiosk = ? AND generation = ? AND seq = ? AND hall = ?",
            (stay.kiosk, stay.generation, stay.seq, hall),
        ).fetchone()
        return row is not None

    def seen_issue(self, serial: int) -> int:
        """The highest issue shown here, or 1 if unknown."""
        row = self._connection.execute(
            "SELECT issue FROM seen_issue WHERE serial = ?", (serial,)
        ).fetchone()
        return row["issue"] if row else 1

    def seen_days(self, serial: int) -> set[tuple[int, int]]:
        """Day credentials shown here, as (issue, day)."""
        rows = self._connection.execute(
            "SELECT issue, day FROM seen_day WHERE serial = ?", (serial,)
        ).fetchall()
        return {(row["issue"], row["day"]) for row in rows}

    def append(
        self, draft: Draft, *, is_owed: Callable[[int], bool] = lambda hall: False
    ) -> ScanRecord:
        """Record the scan, with its effect on places and stays in its hall and outer halls.

        `is_owed` says whether a returned ordinary place of a hall belongs to a person inside on
        an override place (rule 11).

        Raises NoPlaceError, with nothing recorded, if an entry lacks a free place in any of
        these halls, and JournalError if the file was deleted or replaced.
        """
        self._require_in_place()
        seq = self.state.last_seq + 1
        closes = draft.decision.closes if isinstance(draft.decision, Admitted) else None
        record = make_record(draft, self.state, seq)
        if closes is not None:
            key = PoolKey(draft.hall, draft.kind)
            credited, kind = self._close(closes, key, is_owed, trusting=draft.trusting)
            record = replace(
                record,
                credited=credited,
                override_place=kind is PlaceKind.OVERRIDE,
                accessible_place=accessible_field(kind),
            )
        if any(outer_draft.closes is not None for outer_draft in draft.outer):
            outer = tuple(self._close_outer(outer_draft, is_owed) for outer_draft in draft.outer)
            record = replace(record, outer=outer)
        raw = encode_record(record)
        head = chain_next(head_at(self._connection, self.state, seq - 1), raw)
        self._connection.execute(
            "INSERT INTO scan (seq, record, head, signature) VALUES (?, ?, ?, ?)",
            (seq, raw, head, self._key.sign(HEAD_CONTEXT + head)),
        )
        if draft.direction is Direction.ENTRY and isinstance(draft.decision, Admitted):
            self._open_stay(draft, seq)
        if draft.badge is not None and draft.badge.issue > self.seen_issue(draft.badge.serial):
            self._connection.execute(
                "INSERT OR REPLACE INTO seen_issue (serial, issue) VALUES (?, ?)",
                (draft.badge.serial, draft.badge.issue),
            )
        if draft.badge is not None and draft.badge.day is not None:
            self._connection.execute(
                "INSERT OR IGNORE INTO seen_day (serial, issue, day) VALUES (?, ?, ?)",
                (draft.badge.serial, draft.badge.issue, draft.badge.day),
            )
        self.state = replace(self.state, last_seq=seq)
        return record

    def mark_offered(self, seq: int) -> None:
        """Note that records up to `seq` may reach the server from now on."""
        if seq > self.state.offered:
            self._change(replace(self.state, offered=seq))

    def mark_acked(self, seq: int) -> None:
        """Note that the server's ledger has exactly the records up to `seq`."""
        if seq != self.state.acked:
            self._change(replace(self.state, acked=seq))

    def raise_incarnation(self, incarnation: int) -> None:
        """Raise the server's incarnation for all halls at once. Orders of an older one are
        ignored.
        """
        if incarnation > self.state.incarnation:
            self._change(replace(self.state, incarnation=incarnation))

    def reserve_counters(self, count: int, at_least: int) -> int:
        """Reserve `count` request counters above `at_least`. Returns the last of them."""
        self._change(replace(self.state, counter=max(self.state.counter, at_least) + count))
        return self.state.counter

    def fence(self) -> bool:
        """Stop for good. True if free places are returned."""
        if not self.state.fenced:
            self._change(replace(self.state, fenced=True))
        return self._give_back()

    def rest(self) -> bool:
        """Stop until the next shift. True if free places are returned."""
        self._change(replace(self.state, resting=True))
        return self._give_back()

    def resume(self) -> None:
        self._change(replace(self.state, resting=False))

    def _give_back(self) -> bool:
        free = {key: account for key, account in self.accounts().items() if account.free > 0}
        for key, account in free.items():
            self.put_account(key, account)
        return bool(free)

    def _change(self, state: State) -> None:
        self.state = state
        put_sealed(
            self._connection, self._seal, "state", 1, state.kiosk, state.generation, state.acked,
            state.offered, state.counter, state.incarnation, int(state.fenced), int(state.resting),
        )  # fmt: skip

    def _open_stay(self, draft: Draft, seq: int) -> None:
        if draft.badge is None:
            raise ValueError("an entry needs a badge")
        keys = [PoolKey(draft.hall, draft.kind)]
        keys += [PoolKey(outer.hall, outer.kind) for outer in draft.outer]
        accounts = {key: self.account(*key) for key in keys}
        for key, account in enter_all(accounts).items():
            self.put_account(key, account)
            self._connection.execute(
                "INSERT INTO own_stay (seq, hall, serial, since, door, override, around)"
                " VALUES (?, ?, ?, ?, ?, ?, ?)",
                (seq, key.hall_id, draft.badge.serial, draft.scanned_at, draft.door, key.kind,
                 key.hall_id != draft.hall),
            )  # fmt: skip

    def _close_outer(self, draft: OuterDraft, is_owed: Callable[[int], bool]) -> OuterHall:
        if draft.closes is None:
            return OuterHall(hall=draft.hall)
        key = PoolKey(draft.hall, draft.kind)
        credited, kind = self._close(draft.closes, key, is_owed, trusting=draft.trusting)
        return OuterHall(
            hall=draft.hall,
            closes=draft.closes,
            credited=credited,
            override_place=kind is PlaceKind.OVERRIDE,
            accessible_place=kind is PlaceKind.ACCESSIBLE,
        )

    def _close(
        self, stay: StayRef, key: PoolKey, is_owed: Callable[[int], bool], *, trusting: bool
    ) -> tuple[bool, PlaceKind]:
        """Close the stay in the pool's hall at once.

        Returns whether its place came back to this kiosk (docs/design/places.md, rule 3), and
        its kind.
        """
        if (stay.kiosk, stay.generation) == (self.state.kiosk, self.state.generation):
            row = self._connection.execute(
                "SELECT override, open FROM own_stay WHERE seq = ? AND hall = ?",
                (stay.seq, key.hall_id),
            ).fetchone()
            if row is None:
                return False, PlaceKind.ORDINARY
            key, closed = PoolKey(key.hall_id, PlaceKind(row["override"])), not row["open"]
        else:
            closed = self.is_named(stay, key.hall_id)
        credited, trusted = self._comes_back(stay, key, is_owed, closed=closed, trusting=trusting)
        self._end(stay, key.hall_id, credited=credited)
        if credited:
            self.put_account(key, self.account(*key).credit())
        elif trusted:
            self.put_account(key, self.account(*key).trust())
        return credited or trusted, key.kind

    def _comes_back(
        self,
        stay: StayRef,
        key: PoolKey,
        is_owed: Callable[[int], bool],
        *,
        closed: bool,
        trusting: bool,
    ) -> tuple[bool, bool]:
        """Whether this kiosk takes the stay's place back as its own, and whether on trust."""
        credited = may_credit(
            stay,
            kiosk=self.state.kiosk,
            generation=self.state.generation,
            offered=self.state.offered,
            closed=closed,
        )
        trusted = not credited and may_trust(stay, offline=trusting, closed=closed)
        if (credited or trusted) and key.kind is not PlaceKind.OVERRIDE and is_owed(key.hall_id):
            return False, False
        return credited, trusted

    def _end(self, stay: StayRef, hall: int, *, credited: bool) -> None:
        if (stay.kiosk, stay.generation) == (self.state.kiosk, self.state.generation):
            self._connection.execute(
                "UPDATE own_stay SET open = 0, credited = ?"
                " WHERE seq = ? AND hall = ? AND open = 1",
                (int(credited), stay.seq, hall),
            )
        else:
            self._connection.execute(
                "INSERT OR IGNORE INTO named_stay (kiosk, generation, seq, hall)"
                " VALUES (?, ?, ?, ?)",
                (stay.kiosk, stay.generation, stay.seq, hall),
            )

    def _own(self, seq: int) -> StayRef:
        return StayRef(self.state.kiosk, self.state.generation, seq)
