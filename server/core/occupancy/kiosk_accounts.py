from collections.abc import Mapping

import msgspec

from badges.places.pool import KioskKey, Pool, PoolKey
from badges.record import PlaceKind, WireError
from badges.wire import wire
from server.core.occupancy import pools
from server.core.venue import store
from server.core.venue.rules import Rules
from server.storage import dialect, event_state
from server.storage.connection import Connection
from server.storage.engines.memory import Memo
from server.storage.event_state import EventState


class KnownAccount(msgspec.Struct, array_like=True, frozen=True, gc=False):
    """A kiosk's account as stored before a request. The fields are columns of `place_account`."""

    hall_id: int
    override: PlaceKind
    granted: int = 0
    awaited: int = 0
    free: int = 0
    wanted_at: int | None = None
    rate: float = 0.0
    rate_at: int = 0

    @property
    def pool(self) -> PoolKey:
        return PoolKey(self.hall_id, self.override)


# All accounts of a kiosk as one text, in a statement on the table `kiosk`.
KNOWN = dialect.rows_as_json(
    ", ".join(KnownAccount.__struct_fields__),
    "place_account a WHERE a.kiosk = kiosk.kiosk AND a.generation = kiosk.generation",
)
_KNOWN = msgspec.json.Decoder(tuple[KnownAccount, ...])


def known_accounts(text: str) -> dict[PoolKey, KnownAccount]:
    return {account.pool: account for account in _KNOWN.decode(text)}


class Accounts:
    """A kiosk's accounts in one transaction. Its methods raise WireError for an unknown hall, or
    one in which the kiosk has no account.
    """

    def __init__(
        self,
        db: Connection,
        kiosk: KioskKey,
        state: EventState | None = None,
        rules: Rules | None = None,
        memo: Memo | None = None,
    ) -> None:
        """`state`, `rules` and `memo` are the transaction's, if already read (`pools.Pools`)."""
        self.kiosk = kiosk
        self.pools = pools.Pools(db, state, rules, memo)
        self._db = db

    def hear(self, key: PoolKey, totals: wire.PlaceTotals, incarnation: int) -> None:
        """Apply the kiosk's reported total of granted places. Must precede its records."""
        pool = self.own(key)
        self.pools[key] = pool.hear(self.kiosk, granted=totals.granted, incarnation=incarnation)

    def has_forgotten(self, key: PoolKey, totals: wire.PlaceTotals) -> bool:
        """Return whether the kiosk reports fewer returned places than before."""
        pool = self.own(key)
        return totals.returned < pool.kiosks[self.kiosk].returned

    def hear_returned(self, key: PoolKey, totals: wire.PlaceTotals) -> None:
        """Apply the kiosk's reported total of returned places. Must follow its records."""
        self.pools[key] = self.own(key).hear_returned(self.kiosk, totals.returned)

    def pool(self, key: PoolKey) -> Pool:
        try:
            return self.pools[key]
        except store.UnknownHallError:
            raise WireError("scan record: no such hall") from None

    def own(self, key: PoolKey) -> Pool:
        """After a restore, a missing account is opened."""
        pool = self.pool(key)
        if self.kiosk not in pool.kiosks:
            if not event_state.was_restored_without_acts(self._db):
                raise WireError("this kiosk has no places in that hall")
            pool = pool.enrol(self.kiosk)
            if not self._is_at_work():
                pool = pool.fence(self.kiosk)
            self.pools[key] = pool
        return pool

    def _is_at_work(self) -> bool:
        sql = "SELECT state FROM kiosk WHERE kiosk = ? AND generation = ?"
        row = self._db.execute(sql, self.kiosk).fetchone()
        return row is not None and row["state"] == "active"

    def save(self) -> None:
        self.pools.save()

    def known(
        self, before: Mapping[PoolKey, KnownAccount]
    ) -> Mapping[PoolKey, KnownAccount] | None:
        """Return the accounts `before` with this transaction's changes, or None if an account was
        opened.
        """
        after = dict(before)
        for key, pool, need in self.pools.of(self.kiosk):
            former = before.get(key)
            if former is None:
                return None
            granted, awaited = pool.kiosks[self.kiosk].granted, int(self.kiosk in pool.awaited)
            if need is not None:
                after[key] = KnownAccount(
                    *key, granted, awaited, need.free, need.wanted_at, need.rate, need.rate_at
                )
            elif granted != former.granted or awaited != former.awaited:
                after[key] = msgspec.structs.replace(former, granted=granted, awaited=awaited)
        return after
