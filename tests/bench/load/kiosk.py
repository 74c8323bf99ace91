"""A kiosk of the load: its traffic matches a real one's, with heartbeats and places."""

import asyncio
import base64
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from msgspec import UNSET

from badges.places.account import Account
from badges.places.pool import PoolKey
from badges.record import PlaceKind, ScanRecord
from badges.wire import wire
from badges.wire.enrolment import RequestStamp, body_digest, request_mac, request_message
from kiosk.sync.link import pool_order
from tests.server.support.fake_door import FakeDoor
from tests.system.support.site import now_ms

HEALTH = wire.Health(version="1", frames_per_second=30.0, read_rate=0.9, disk_free_mb=20_000)


def signed_request(
    door: FakeDoor, method: str, target: str, body: bytes, session: bytes | None = None
) -> bytes:
    """Signed, or hashed with the session's key."""
    door.counter += 1
    stamp = RequestStamp(door.kiosk, 1, door.counter)
    message = request_message(stamp, method, target, body)
    proof = (
        f"{stamp.SIGNATURE_HEADER}: {base64.b64encode(door.key.sign(message)).decode()}"
        if session is None
        else f"{stamp.MAC_HEADER}: {request_mac(session, message)}"
    )
    return (
        f"{method} {target} HTTP/1.1\r\nHost: localhost\r\n"
        f"{stamp.KIOSK_HEADER}: {door.kiosk}/1\r\n{stamp.COUNTER_HEADER}: {stamp.counter}\r\n"
        f"{proof}\r\n"
        f"{stamp.DIGEST_HEADER}: {body_digest(body)}\r\nContent-Length: {len(body)}\r\n\r\n"
    ).encode() + body


PHONE_HEALTH = wire.Health(
    version="1", frames_per_second=15.0, read_rate=0.9, files="0" * 64, alone=0,
    storage=wire.StorageState.PERSISTENT,
)  # fmt: skip


@dataclass
class LoadKiosk:
    """A door with its connection; requests go one by one to keep its counters in order."""

    door: FakeDoor
    link: list = field(default_factory=list)  # reader and writer, once connected
    session: bytes | None = None  # its key
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    sent_at: float = 0.0  # the last batch or heartbeat, by the monotonic clock
    health: wire.Health = HEALTH
    _log_size: int = 0
    _mark: wire.Mark | None = None
    _words: dict[PoolKey, dict[str, Any]] = field(default_factory=dict)
    _accounts: dict[PoolKey, Account] = field(init=False)

    def __post_init__(self) -> None:
        hall = self.door.hall
        self._accounts = {PoolKey(hall, kind): Account() for kind in list(PlaceKind)[:2]}

    def scan(self, serial: int) -> int:
        """Admit a person; return the record's sequence. A place must be free."""
        return self.enter(serial).seq

    @property
    def has_place(self) -> bool:
        return self._accounts[PoolKey(self.door.hall)].free > 0

    @property
    def unacknowledged(self) -> range:
        """The sequences of records that the server has not acknowledged."""
        return range(self.door.acked + 1, len(self.door.records) + 1)

    def enter(self, serial: int) -> ScanRecord:
        """Admit a person. A place must be free."""
        key = PoolKey(self.door.hall)
        self._accounts[key] = self._accounts[key].enter()
        return self.door.scan(now_ms(), serial)

    def batch(self) -> wire.ScanBatch:
        """The unacknowledged records with the kiosk's status; without records, a heartbeat."""
        self.sent_at = time.monotonic()
        totals = [
            wire.PlaceTotals(
                key.hall_id,
                account.granted,
                account.returned,
                account.free,
                override=key.kind is PlaceKind.OVERRIDE,
                **self._words.get(key, {}),
            )
            for key, account in self._accounts.items()
        ]
        mark = UNSET if self._mark is None else self._mark
        return self.door.batch(
            now_ms(), places=totals, log_size=self._log_size, health=self.health, mark=mark
        )

    def take(self, answer: wire.ScanAnswer) -> bool:
        """Whether to send another at once."""
        self.door.acked = answer.acked_seq
        self._log_size = int(answer.checkpoint.split("\n", 2)[1])
        self._mark = wire.later_mark(self._mark, answer.mark)
        return self.obey(answer.orders)

    def obey(self, orders: Sequence[wire.PlaceOrder]) -> bool:
        """Whether places went back, which the server must learn at once."""
        before = self._accounts.copy()
        for key, change in map(pool_order, orders):
            self._accounts[key] = self._accounts[key].obey(change)
        for order in orders:
            # A grant is reported back with the server's own signature.
            key = PoolKey(order.hall, order.kind)
            if order.granted == self._accounts[key].granted and order.signature:
                self._words[key] = {"signature": order.signature, "signed_in": order.incarnation}
        return any(self._accounts[key].returned > before[key].returned for key in before)
