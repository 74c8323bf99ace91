"""Sends each endpoint's messages in order, until they are accepted.

A message is retried for days with growing pauses, and later messages wait. An endpoint that fails
for too long is disabled; later events stay in the entry log. A message may arrive twice, with the
same id, if the server ends between sending and recording it.
"""

import logging
import random
import threading
from collections.abc import Callable
from enum import Enum

from server.features.integrations import endpoints, outbox, signing
from server.features.integrations.endpoints import Endpoint, EndpointError
from server.features.integrations.outbox import Message
from server.features.integrations.post import Answer, Post, post
from server.features.integrations.topics.table import TOPICS
from server.features.integrations.topics.topic import Alerts, Topic
from server.storage.connection import Connection
from server.storage.database import Database
from server.storage.disk import DatabaseError
from server.storage.errors import EngineError, cause, grade

log = logging.getLogger(__name__)

BY = "nobody"  # The server's own actions have this name in the entry log
FIRST_MS = 5_000  # Before the second attempt; doubles each time,
MOST_MS = 3_600_000  # up to this
JITTER = 0.2  # Random variation of pauses, so that many senders don't retry at once
FAILING_MS = 5 * 86_400_000  # An endpoint failing this long is disabled
GONE = 410  # The receiver's status for an address that no longer exists
POLL_S = 0.25
MANAGE_S = 1.0
CHECK_EVERY = 5  # times MANAGE_S


class Outcome(Enum):
    """The result of one look at an endpoint."""

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
        send: Post = post,
        spread: Callable[[float, float], float] = random.uniform,
    ) -> None:
        self._database = database
        self._event_secret = event_secret
        self._endpoint_id = endpoint_id
        self._now = now
        self._send = send
        self._spread = spread

    def look(self) -> Outcome:
        """Send the next message, if it is due."""
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
        headers = signing.headers(key, message.message_id, sent_at // 1000, message.body)
        answer = self._send(endpoint.url, message.body, headers)
        if answer.taken:
            self._database.write(
                lambda db: outbox.note_delivered(db, message, answer.words, self._now())
            )
            return Outcome.SENT
        self._database.write(lambda db: self._failed(db, message, answer))
        return Outcome.FAILED

    def _failed(self, db: Connection, message: Message, answer: Answer) -> None:
        try:
            endpoint = endpoints.endpoint(db, self._endpoint_id)
        except EndpointError:
            return  # It was removed meanwhile
        now = self._now()
        wait_ms = min(MOST_MS, FIRST_MS * 2 ** min(message.tries, 20))
        next_at = now + int(wait_ms * self._spread(1 - JITTER, 1 + JITTER))
        outbox.note_failed(db, message, answer.words, now, next_at)
        since = now if endpoint.failing_since is None else endpoint.failing_since
        if answer.status == GONE or now - since >= FAILING_MS:
            endpoints.disable(db, self._endpoint_id, by=BY, now=now)
            log.warning("webhook %d takes nothing and is disabled", self._endpoint_id)


class Webhooks:
    """Runs a courier for each endpoint, and the topics that store notices.

    Owns its threads and couriers. Close it before the database.
    """

    def __init__(
        self,
        database: Database,
        event_secret: bytes,
        now: Callable[[], int],
        *,
        alerts: Alerts = lambda db, now: [],
        send: Post = post,
    ) -> None:
        self._database = database
        self._event_secret = event_secret
        self._now = now
        self._alerts = alerts
        self._send = send
        self._stop = threading.Event()
        self._couriers: dict[int, threading.Thread] = {}
        # Topics of the endpoints; read by the writer's thread, set by the manager's.
        self._topics: tuple[Topic, ...] = ()
        self._look_at_endpoints()
        database.check_steps(self._check)
        self._thread = threading.Thread(target=self._run, name="webhooks", daemon=True)

    def start(self) -> None:
        self._stop.clear()
        self._couriers.clear()
        self._thread = threading.Thread(target=self._run, name="webhooks", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Stop after the current attempts."""
        self._stop.set()
        for thread in (self._thread, *self._couriers.values()):
            if thread.is_alive():
                thread.join()

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

    def _run(self) -> None:
        rounds = 0
        while not self._stop.wait(MANAGE_S if rounds else 0):
            try:
                self._manage()
                if rounds % CHECK_EVERY == 0:
                    self.check_topics()
            except Exception as error:
                # The next round may succeed; without this thread nothing would be sent.
                log.log(grade(error), "webhooks failed, and go on: %s", cause(error))
            rounds += 1

    def _manage(self) -> None:
        for endpoint in self._look_at_endpoints():
            before = self._couriers.get(endpoint.endpoint_id)
            if endpoint.disabled_at is None and (before is None or not before.is_alive()):
                thread = threading.Thread(
                    target=self._deliver,
                    args=(endpoint.endpoint_id,),
                    name=f"webhook {endpoint.endpoint_id}",
                    daemon=True,
                )
                self._couriers[endpoint.endpoint_id] = thread
                thread.start()

    def check_topics(self) -> None:
        """Let topics compare the state with the previous one, and store notices."""
        for topic in self._topics:
            if topic.every_5_s is not None:
                topic.every_5_s(self._database, self._alerts, self._now())

    def _deliver(self, endpoint_id: int) -> None:
        courier = Courier(self._database, self._event_secret, endpoint_id, self._now, self._send)
        while not self._stop.is_set():
            try:
                outcome = courier.look()
            except (DatabaseError, EngineError, EndpointError) as error:
                log.log(grade(error), "webhook %d waits: %s", endpoint_id, cause(error))
                outcome = Outcome.NOTHING
            if outcome is Outcome.ENDED:
                return
            if outcome is not Outcome.SENT:
                self._stop.wait(POLL_S)
