"""The server's side of the kiosk's protocol in a few lines, over real TLS, with its own places.

It checks signatures, counters and the chain, as a server must. It can be restored from a backup,
lose its feed, and lie about its log.
"""

import base64
import copy
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from badges.places.pool import Pool
from badges.record import ScanRecord, StayRef, decode_record
from badges.transparency.chain import chain_next, chain_start
from badges.transparency.checkpoint import Checkpoint, sign_checkpoint
from badges.transparency.merkle import Tree, leaf_hash
from badges.wire import wire
from badges.wire.enrolment import RequestStamp, request_message
from tests.kiosk.support.door_fixture import (
    GENERATION,
    HALL,
    KIOSK,
    KIOSK_KEY,
    LOG,
    NOON,
    snapshot,
    stay_of,
)
from tests.kiosk.support.fake_server import (
    FakeServer,
    Reply,
    Request,
    error_reply,
    json_reply,
    make_certificate,
)

KEY = (KIOSK, GENERATION)


@dataclass
class Books:
    """The content of a backup."""

    records: list[bytes] = field(default_factory=list)
    head: bytes = chain_start(KIOSK, GENERATION)
    stays: dict[StayRef, int] = field(default_factory=dict)  # open ones: serial
    pool: Pool = field(default_factory=lambda: Pool(20).enrol(KEY))
    leaves: list[bytes] = field(default_factory=list)


class FakeEvent(FakeServer):
    """One event with one kiosk. Change it under `lock`."""

    _made: tuple[Any, ...] | None = None

    def __init__(self, directory: Path, *, port: int = 0) -> None:
        path = directory / "server.pem"
        if self._made is None or self._made[0] != path:
            FakeEvent._made = (path, *make_certificate(directory))
        super().__init__(*self._made[1:], port=port)
        self.lock = threading.Condition()
        self.books = Books()
        self.changes: list[tuple[int, wire.Change]] = []
        self.cursor = 10
        self.facts: dict[str, object] = {}
        self.names: list[wire.SealedName] = []
        self.counter = 0
        self.now = NOON
        self.fenced = False
        self.batches: list[wire.ScanBatch] = []
        self.spoil: Callable[[Request], Reply | None] = lambda request: None
        self.spoil_note: Callable[[str], str] = lambda note: note
        self.mute_feed = False
        self.keep_alive_s = 0.2
        self.stopping = False
        self.routes = {
            ("POST", "/api/scans"): self._signed(self._scans),
            ("GET", "/api/replica"): self._signed(self._replica),
            ("GET", "/api/names"): self._signed(self._names),
            ("GET", "/api/feed"): self._signed(self._feed),
        }

    def close(self) -> None:
        with self.lock:
            self.stopping = True
            self.lock.notify_all()
        super().close()

    def publish(self, change: wire.Change) -> None:
        with self.lock:
            self.cursor += 1
            self.changes.append((self.cursor, change))
            self.lock.notify_all()

    def grant(self, places: int, *, recall: int = 0, announced: bool = True) -> None:
        with self.lock:
            self.books.pool = self.books.pool.grant(KEY, places)
            order = self._order(recall)
        if announced:
            self.publish(wire.PlacesOrdered(order, KEY[1]))

    def backup(self) -> Books:
        with self.lock:
            return copy.deepcopy(self.books)

    def restore(self, backup: Books) -> None:
        """Restore the backup, and report it: everything since is forgotten."""
        with self.lock:
            incarnation = self.books.pool.incarnation + 1
            self.books = copy.deepcopy(backup)
            self.books.pool = self.books.pool.restored(incarnation)
            self.changes.clear()
            self.cursor = 3

    def scans(self) -> list[ScanRecord]:
        with self.lock:
            return [decode_record(record) for record in self.books.records]

    def _signed(self, route: Callable[[Request], Reply | None]) -> Callable:
        def checked(request: Request) -> Reply | None:
            spoilt = self.spoil(request)
            if spoilt is not None:
                return spoilt
            counter = int(request.headers[RequestStamp.COUNTER_HEADER])
            stamp = RequestStamp(*KEY, counter)
            signature = base64.b64decode(request.headers[RequestStamp.SIGNATURE_HEADER])
            message = request_message(stamp, request.method, request.target, request.body)
            KIOSK_KEY.public.verify(message, signature)
            with self.lock:
                if counter <= self.counter:
                    return error_reply(409, "replayed", retry=True)
                self.counter = counter
            return route(request)

        return checked

    def _scans(self, request: Request) -> Reply:
        batch = wire.decode(request.body, wire.ScanBatch)
        with self.lock:
            books = self.books
            stored = len(books.records) - batch.first_seq + 1
            if stored < 0:
                return error_reply(409, "gap", retry=True)
            for totals in batch.places:
                books.pool = books.pool.hear(
                    KEY, granted=totals.granted, incarnation=batch.incarnation
                )
            for raw in batch.records[stored:]:
                self._take(bytes(raw), batch.gone)
            if stored <= len(batch.records) and books.head != batch.head:
                return error_reply(409, "fork")
            for totals in batch.places:
                books.pool = books.pool.hear_returned(KEY, totals.returned)
                if totals.wants:
                    books.pool = books.pool.grant(KEY, 1)
            self.batches.append(batch)
            return json_reply(self._answer(batch))

    def _take(self, raw: bytes, gone: list[int]) -> None:
        record, books = decode_record(raw), self.books
        assert record.seq == len(books.records) + 1
        books.head = chain_next(books.head, raw)
        books.records.append(raw)
        books.leaves.append(leaf_hash(raw))
        if record.closes is not None and books.stays.pop(record.closes, None) is not None:
            books.pool = books.pool.close_stay()
        elif record.direction == "entry" and record.decision == "admitted":
            books.pool = books.pool.open_stay(KEY, gone=record.seq in gone)
            if record.seq not in gone:
                books.stays[StayRef(*KEY, record.seq)] = record.serial or 0

    def _answer(self, batch: wire.ScanBatch) -> wire.ScanAnswer:
        tree = Tree()
        for leaf in self.books.leaves:
            tree.append(leaf)
        checkpoint = Checkpoint("hallkeeper/test", tree.size, tree.root())
        proof = []
        if 0 < batch.log_size <= tree.size:
            proof = tree.consistency(batch.log_size, tree.size)
        return wire.ScanAnswer(
            acked_seq=len(self.books.records),
            incarnation=self.books.pool.incarnation,
            fenced=self.fenced,
            orders=[self._order()],
            received_at=self.now,
            answered_at=self.now,
            cursor=self.cursor,
            checkpoint=self.spoil_note(sign_checkpoint(LOG, "hallkeeper/test", checkpoint)),
            consistency=proof,
        )

    def _order(self, recall: int = 0) -> wire.PlaceOrder:
        order = self.books.pool.order(KEY, recall)
        return wire.PlaceOrder(HALL, order.granted, order.recall, order.incarnation)

    def _replica(self, request: Request) -> Reply:
        with self.lock:
            if self.fenced:
                return error_reply(403, "retired")
            own = [
                stay_of(ref.kiosk, ref.seq, serial, generation=ref.generation)
                for ref, serial in self.books.stays.items()
            ]
            facts = {
                "cursor": self.cursor,
                "incarnation": self.books.pool.incarnation,
                "orders": [self._order()],
                "stays": own,
            }
            return json_reply(snapshot(**{**facts, **self.facts}))

    def _names(self, request: Request) -> Reply:
        after = int(request.target.rpartition("=")[2])
        page = self.names[after : after + 2]
        more = after + 2 < len(self.names)
        return json_reply(wire.NamesPage(page, after + len(page), more))

    def _feed(self, request: Request) -> Reply | None:
        after = int(request.target.rpartition("=")[2])
        with self.lock:
            if self.fenced:
                return error_reply(403, "retired")
            oldest = self.changes[0][0] if self.changes else self.cursor + 1
            if after > self.cursor or after < oldest - 1:
                return error_reply(409, "cursor_gone")
        request.write(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n")
        if not self.mute_feed:
            request.write(b": open\n\n")
        while not self.stopping:
            with self.lock:
                new = [pair for pair in self.changes if pair[0] > after]
                if not new:
                    self.lock.wait(self.keep_alive_s)
                    new = [pair for pair in self.changes if pair[0] > after]
            if self.mute_feed:
                continue
            for cursor, change in new:
                request.write(f"id: {cursor}\ndata: {wire.encode_change(change)}\n\n".encode())
                after = cursor
            if not new:
                request.write(b": \n\n")
        return None
