"""Sends each endpoint's messages in order, until they are accepted.

Retries go on for days with growing pauses, until an endpoint fails for too long and is disabled. A
message may arrive twice, with the same id, if the server ends before recording it.
"""

import logging
import random
from collections.abc import Callable
from enum import Enum
from functools import partial

from server.core.outgoing.posting import Reply, Send, post
from server.features.integrations import endpoints, outbox, signing
from server.features.integrations.endpoints import Endpoint, EndpointError
from server.features.integrations.outbox import Message
from server.features.integrations.topics.table import TOPICS
from server.features.integrations.topics.topic import Alerts, Topic
from server.repeating import Ended, Repeating
from server.storage.connection import Connection
from server.storage.database import Database

log = logging.getLogger(__name__)

ANSWER_BYTES_MAX = 64 * 1024
BY = "nobody"  # The server's name in the entry log
RETRY_FIRST_MS = 5_000  # Before the second attempt. It doubles each time, up to
RETRY_LONGEST_MS = 3_600_000
RETRY_JITTER = 0.2  # Random part of a pause, which spreads retries
DISABLED_AFTER_MS = 5 * 86_400_000  # An endpoint that fails for so long is disabled
GONE = 410  # Status for an address that no longer exists
POLL_S = 0.25  # Between two looks for an endpoint's next message
MANAGE_S = 1.0  # Between two looks for endpoints
CHECK_EVERY = 5  # Topics are checked every so many times MANAGE_S (`Topic.every_5_s`)


class Outcome(Enum):
    SENT = "sent"
    FAILED = "failed"
    NOTHING = "nothing"  # No message is due
    ENDED = "ended"  # The endpoint is removed or disabled


class Courier:
    """Sends one endpoint's messages, from one thread at a time."""

    def __init__(
        self,
        database: Database,
        event_secret: bytes,
        endpoint_id: int,
        now: Callable[[], int],
        send: Send = post,
        spread: Callable[[float, float], float] = random.uniform,
    ) -> None:
        self._database = database
        self._event_secret = event_secret
        self._endpoint_id = endpoint_id
        self._now = now
        self._send = send
        self._spread = spread

    def send_next(self) -> Outcome:
        """Send the endpoint's next message, if one is due."""
        with self._database.reading() as db:
            try:
                endpoint = endpoints.endpoint(db, self._endpoint_id)
            except EndpointError:
                return Outcome.ENDED
            if endpoint.disabled_at is not None:
                return Outcome.ENDED
            message = outbox.waiting(db, self._endpoint_id)
            due = message is not None or outbox.is_due(db, endpoint)
        if message is None and due:
            message = self._database.write(self._make)
        if message is None or message.next_at > self._now():
            return Outcome.NOTHING
        return self._try(endpoint, message)

    def _make(self, db: Connection) -> Message | None:
        return outbox.make_next(db, endpoints.endpoint(db, self._endpoint_id), self._now())

    def _try(self, endpoint: Endpoint, message: Message) -> Outcome:
        key = signing.secret(self._event_secret, endpoint.secret_of)
        sent_at = self._now()
        headers = {
            "Content-Type": "application/json",
            **signing.headers(key, message.message_id, sent_at // 1000, message.body),
        }
        reply = self._send(endpoint.url, message.body, headers, ANSWER_BYTES_MAX)
        if 200 <= reply.status < 300:
            self._database.write(
                lambda db: outbox.note_delivered(db, message, reply.words, self._now())
            )
            return Outcome.SENT
        self._database.write(lambda db: self._failed(db, message, reply))
        return Outcome.FAILED

    def _failed(self, db: Connection, message: Message, reply: Reply) -> None:
        try:
            endpoint = endpoints.endpoint(db, self._endpoint_id)
        except EndpointError:
            return  # It was removed meanwhile
        now = self._now()
        wait_ms = min(RETRY_LONGEST_MS, RETRY_FIRST_MS * 2 ** min(message.tries, 20))
        next_at = now + int(wait_ms * self._spread(1 - RETRY_JITTER, 1 + RETRY_JITTER))
        outbox.note_failed(db, message, reply.words, now, next_at)
        since = now if endpoint.failing_since is None else endpoint.failing_since
        if reply.status == GONE or now - since >= DISABLED_AFTER_MS:
            endpoints.disable(db, self._endpoint_id, by=BY, now=now)
            log.warning("webhook %d takes nothing and is disabled", self._endpoint_id)


class Webhooks:
    """Runs a courier for each endpoint, and the topics that store notices.

    Close it before the database.
    """

    def __init__(
        self,
        database: Database,
        event_secret: bytes,
        now: Callable[[], int],
        *,
        alerts: Alerts = lambda db, now: [],
        send: Send = post,
    ) -> None:
        self._database = database
        self._event_secret = event_secret
        self._now = now
        self._alerts = alerts
        self._send = send
        self._couriers: dict[int, Repeating] = {}
        self._rounds = 0
        # The endpoints' topics; read by the writer's thread, set by the manager's.
        self._topics: tuple[Topic, ...] = ()
        self._look_at_endpoints()
        database.check_steps(self._check)
        self._manager = Repeating("webhooks", MANAGE_S, self._manage, first_s=0)

    def start(self) -> None:
        self._couriers.clear()
        self._rounds = 0
        self._manager.start()

    def close(self) -> None:
        """Stop after the current attempts."""
        self._manager.close()
        for courier in self._couriers.values():
            courier.close(wait=False)
        for courier in self._couriers.values():
            courier.close()

    def _check(self, db: Connection) -> None:
        """Let topics store notices in the transaction that caused them."""
        for topic in self._topics:
            if topic.after_step is not None:
                topic.after_step(db, self._now())

    def _look_at_endpoints(self) -> list[Endpoint]:
        with self._database.reading() as db:
            current = endpoints.endpoints(db)
        names = {name for endpoint in current for name in endpoint.topics}
        self._topics = tuple(topic for topic in TOPICS.values() if topic.name in names)
        return current

    def _manage(self) -> None:
        rounds, self._rounds = self._rounds, self._rounds + 1
        for endpoint in self._look_at_endpoints():
            number = endpoint.endpoint_id
            before = self._couriers.get(number)
            if endpoint.disabled_at is None and (before is None or not before.is_alive):
                work = Courier(self._database, self._event_secret, number, self._now, self._send)
                courier = Repeating(f"webhook {number}", POLL_S, partial(_deliver, work), first_s=0)
                self._couriers[number] = courier
                courier.start()
        if rounds % CHECK_EVERY == 0:
            self.check_topics()

    def check_topics(self) -> None:
        for topic in self._topics:
            if topic.every_5_s is not None:
                topic.every_5_s(self._database, self._alerts, self._now())


def _deliver(courier: Courier) -> float | None:
    outcome = courier.send_next()
    if outcome is Outcome.ENDED:
        raise Ended
    return 0 if outcome is Outcome.SENT else None
