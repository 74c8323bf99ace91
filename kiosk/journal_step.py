"""A transaction on the journal: what it reads stays true until what it writes is on disk."""

from dataclasses import dataclass, replace

import msgspec

from badges.admission.facts import Admitted, Decision, Direction, StayId
from badges.credential import Credential
from badges.keys import PrivateKey
from badges.places import Account, may_credit
from badges.record import ScanRecord, StayRef, encode_record
from badges.transparency import chain_next, chain_start
from badges.wire import HEAD_CONTEXT
from kiosk.journal_schema import Connection


@dataclass(frozen=True)
class State:
    """The journal in a few numbers."""

    kiosk: str
    generation: int
    acked: int
    offered: int
    counter: int
    incarnation: int
    fenced: bool
    last_seq: int

    @property
    def waiting(self) -> int:
        return self.last_seq - self.acked


@dataclass(frozen=True)
class Draft:
    """A scan that was decided and is to be recorded."""

    direction: Direction
    door: int
    hall: int
    scanned_at: int
    decision: Decision
    badge: Credential | None = None
    skew_ms: int | None = None
    facts_age_ms: int | None = None


@dataclass(frozen=True)
class OwnStay:
    """An open stay that an entry at this kiosk began."""

    stay: StayId
    since: int
    door: int


class Step:
    """Made by `Journal.step`; of no use after it."""

    def __init__(self, connection: Connection, key: PrivateKey) -> None:
        self._connection = connection
        self._key = key
        self.state = read_state(connection)

    def account(self, hall: int) -> Account:
        """This kiosk's account with a hall; an empty one where there was never a place."""
        row = self._connection.execute(
            "SELECT granted, returned, entries, credited FROM account WHERE hall = ?", (hall,)
        ).fetchone()
        granted, returned, entries, credited = row or (0, 0, 0, 0)
        return Account(
            granted, returned, entries, credited, self.state.incarnation, self.state.fenced
        )

    def put_account(self, hall: int, account: Account) -> None:
        """Write the account, and what its step changed for the whole kiosk."""
        self._connection.execute(
            "INSERT OR REPLACE INTO account (hall, granted, returned, entries, credited)"
            " VALUES (?, ?, ?, ?, ?)",
            (hall, account.granted, account.returned, account.entries, account.credited),
        )

    def accounts(self) -> dict[int, Account]:
        """The account with each hall that this kiosk ever had places of."""
        halls = self._connection.execute("SELECT hall FROM account ORDER BY hall").fetchall()
        return {hall: self.account(hall) for (hall,) in halls}

    def own_stays(self, serial: int, hall: int) -> list[OwnStay]:
        """The holder's stays in the hall that began here and are open, the newest first."""
        rows = self._connection.execute(
            "SELECT seq, since, door FROM own_stay"
            " WHERE serial = ? AND hall = ? AND open = 1 ORDER BY seq DESC",
            (serial, hall),
        ).fetchall()
        return [OwnStay(self._own(seq), since, door) for seq, since, door in rows]

    def is_named(self, stay: StayId) -> bool:
        """Whether an exit here has named this stay of another kiosk, and so closed it."""
        row = self._connection.execute(
            "SELECT 1 FROM named_stay WHERE kiosk = ? AND generation = ? AND seq = ?",
            (stay.kiosk, stay.generation, stay.seq),
        ).fetchone()
        return row is not None

    def seen_issue(self, serial: int) -> int:
        """The highest issue of the holder's badges that was shown here; 1 where unknown."""
        row = self._connection.execute(
            "SELECT issue FROM seen_issue WHERE serial = ?", (serial,)
        ).fetchone()
        return row[0] if row else 1

    def append(self, draft: Draft) -> ScanRecord:
        """Record the scan, with its effect on places and stays.

        Raises NoPlaceError for an entry without a free place; nothing is recorded then.
        """
        seq = self.state.last_seq + 1
        closes = draft.decision.closes if isinstance(draft.decision, Admitted) else None
        record = make_record(draft, self.state, seq)
        if closes is not None:
            record = msgspec.structs.replace(record, credited=self._close(closes, draft.hall))
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
        self.state = replace(self.state, last_seq=seq)
        return record

    def mark_offered(self, seq: int) -> None:
        """Records up to `seq` may reach the server from now on."""
        if seq > self.state.offered:
            self._change(replace(self.state, offered=seq))

    def mark_acked(self, seq: int) -> None:
        """Records up to `seq` are in the ledger, and no others."""
        if seq != self.state.acked:
            self._change(replace(self.state, acked=seq))

    def raise_incarnation(self, incarnation: int) -> None:
        """Of the server, for all halls at once: an order of an older one counts in none."""
        if incarnation > self.state.incarnation:
            self._change(replace(self.state, incarnation=incarnation))

    def reserve_counters(self, count: int) -> int:
        """The last request counter that may be used before reserving again."""
        self._change(replace(self.state, counter=self.state.counter + count))
        return self.state.counter

    def fence(self) -> bool:
        """Stop for good; whether free places go back by it."""
        if not self.state.fenced:
            self._change(replace(self.state, fenced=True))
        before = self.accounts()
        after = {hall: account.fence() for hall, account in before.items()}
        for hall in (hall for hall in after if after[hall] != before[hall]):
            self.put_account(hall, after[hall])
        return after != before

    def _change(self, state: State) -> None:
        self.state = state
        self._connection.execute(
            "UPDATE state SET acked = ?, offered = ?, counter = ?, incarnation = ?, fenced = ?",
            (state.acked, state.offered, state.counter, state.incarnation, int(state.fenced)),
        )

    def _open_stay(self, draft: Draft, seq: int) -> None:
        if draft.badge is None:
            raise ValueError("an entry needs a badge")
        self.put_account(draft.hall, self.account(draft.hall).enter())
        self._connection.execute(
            "INSERT INTO own_stay (seq, hall, serial, since, door) VALUES (?, ?, ?, ?, ?)",
            (seq, draft.hall, draft.badge.serial, draft.scanned_at, draft.door),
        )

    def _close(self, stay: StayId, hall: int) -> bool:
        """Close the stay here, at once; whether its place came back to this kiosk (rule 3)."""
        if (stay.kiosk, stay.generation) != (self.state.kiosk, self.state.generation):
            self._connection.execute(
                "INSERT OR IGNORE INTO named_stay (kiosk, generation, seq) VALUES (?, ?, ?)",
                (stay.kiosk, stay.generation, stay.seq),
            )
            return False
        row = self._connection.execute(
            "SELECT hall, open FROM own_stay WHERE seq = ?", (stay.seq,)
        ).fetchone()
        if row is None:
            return False
        credited = may_credit(
            stay,
            kiosk=self.state.kiosk,
            generation=self.state.generation,
            offered=self.state.offered,
            closed=not row[1],
        )
        self._connection.execute(
            "UPDATE own_stay SET open = 0, credited = ? WHERE seq = ? AND open = 1",
            (int(credited), stay.seq),
        )
        if credited:
            account = self.account(row[0]).credit()
            self.put_account(row[0], account.fence() if account.fenced else account)
        return credited

    def _own(self, seq: int) -> StayId:
        return StayId(self.state.kiosk, self.state.generation, seq)


def read_state(connection: Connection) -> State:
    row = connection.execute(
        "SELECT kiosk, generation, acked, offered, counter, incarnation, fenced,"
        " (SELECT coalesce(max(seq), 0) FROM scan) FROM state"
    ).fetchone()
    kiosk, generation, acked, offered, counter, incarnation, fenced, last_seq = row
    return State(kiosk, generation, acked, offered, counter, incarnation, bool(fenced), last_seq)


def head_at(connection: Connection, state: State, seq: int) -> bytes:
    """The chain's hash after record `seq`; 0 is before the first."""
    if seq == 0:
        return chain_start(state.kiosk, state.generation)
    row = connection.execute("SELECT head FROM scan WHERE seq = ?", (seq,)).fetchone()
    head: bytes = row[0]
    return head


def make_record(draft: Draft, state: State, seq: int) -> ScanRecord:
    """The journal's line for a draft; whether an exit is credited is not known yet."""
    decision, badge = draft.decision, draft.badge
    admitted = isinstance(decision, Admitted)
    flags = decision.flags if isinstance(decision, Admitted) else frozenset()
    closes = decision.closes if isinstance(decision, Admitted) else None
    return ScanRecord(
        kiosk=state.kiosk,
        generation=state.generation,
        seq=seq,
        direction=draft.direction.value,
        door=draft.door,
        hall=draft.hall,
        scanned_at=draft.scanned_at,
        skew_ms=draft.skew_ms,
        facts_age_ms=draft.facts_age_ms,
        decision="admitted" if admitted else "denied",
        reason=None if isinstance(decision, Admitted) else decision.reason.value,
        flags=tuple(sorted(flag.value for flag in flags)),
        serial=badge.serial if badge else None,
        issue=badge.issue if badge else None,
        category=badge.category if badge else None,
        session=decision.session_id,
        closes=StayRef(closes.kiosk, closes.generation, closes.seq) if closes else None,
    )
