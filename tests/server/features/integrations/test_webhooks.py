"""Webhooks: each message once, in order, signed, also to a receiver that was down."""

import base64
import json
import socket
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
import standardwebhooks
from standardwebhooks import webhooks as library

from server.app.features import alert_sources
from server.core.alerts.alerts import Alert
from server.core.alerts.sources import WEBHOOKS, AlertContext, alerts
from server.core.entry_log import outside
from server.core.entry_log.outside import Code
from server.core.event.directory import Event
from server.core.occupancy import hall_control
from server.core.outgoing.posting import TIMEOUT_S, post
from server.features.integrations import endpoints, notices, outbox, sender, signing
from server.features.integrations.endpoints import Endpoint, EndpointError
from server.features.integrations.sender import Courier, Outcome, Webhooks
from server.features.integrations.topics import halls
from server.features.integrations.topics.table import TOPICS
from server.features.integrations.topics.topic import Topic
from server.storage.connection import Connection
from server.storage.database import Database
from tests.server.conftest import HOUR, MINUTE, NOW
from tests.server.support.pages import Pages, acts


class Receiver:
    """Takes messages on this machine, and verifies each with the library of Standard Webhooks."""

    def __init__(self) -> None:
        self.secret = ""
        self.taken: list[dict] = []  # verified bodies
        self.ids: list[str] = []
        self.requests: list[tuple[dict[str, str], bytes]] = []
        self.forged = 0
        self.status = 204
        self.location = ""
        self._server: ThreadingHTTPServer | None = None
        self.port = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/hooks?from=forum"

    def up(self) -> None:
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                receiver.take(dict(self.headers), body)
                self.send_response(receiver.status)
                if receiver.location:
                    self.send_header("Location", receiver.location)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def do_GET(self) -> None:
                raise AssertionError("nobody asks a receiver")

            def log_message(self, *_: object) -> None:
                """Requests are not logged."""

        self._server = ThreadingHTTPServer(("127.0.0.1", self.port), Handler)
        self.port = self._server.server_port
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,))
        self._thread.start()

    def down(self) -> None:
        if self._server is not None:
            self._server.shutdown()
            self._thread.join()
            self._server.server_close()
            self._server = None

    def take(self, headers: dict[str, str], body: bytes) -> None:
        self.requests.append((headers, body))
        try:
            read = standardwebhooks.Webhook(self.secret).verify(body, headers)
        except standardwebhooks.WebhookVerificationError:
            self.forged += 1
            return
        if 200 <= self.status < 300:
            self.ids.append({key.lower(): value for key, value in headers.items()}["webhook-id"])
            self.taken.append(read)

    @property
    def entries(self) -> list[int]:
        """The numbers of all entries, in their order of arrival."""
        return [
            entry["number"]
            for message in self.taken
            if message["type"] == "entries.recorded"
            for entry in message["data"]["entries"]
        ]


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    running = Receiver()
    running.up()
    yield running
    running.down()


@pytest.fixture
def pages(event: Event, site: Database, monkeypatch: pytest.MonkeyPatch) -> Iterator[Pages]:
    """The app. The receiver's library has the same clock."""
    with Pages(event, site) as opened:
        opened.issue()

        class Clock(datetime):
            @classmethod
            def now(cls, tz=None):
                return datetime.fromtimestamp(opened.now / 1000, UTC)

        monkeypatch.setattr(library, "datetime", Clock)
        yield opened


def subscribe(pages: Pages, receiver: Receiver, *topics: str) -> Endpoint:
    endpoint = pages.database.write(
        lambda db: endpoints.add(
            db, receiver.url, topics, by="test", now=pages.now, http_allowed=False
        )
    )
    receiver.secret = signing.shown(signing.secret(pages.event.phone_secret, endpoint.secret_of))
    return endpoint


def courier(pages: Pages, endpoint: Endpoint) -> Courier:
    return Courier(
        pages.database, pages.event.phone_secret, endpoint.endpoint_id, lambda: pages.now,
        spread=lambda low, high: (low + high) / 2,
    )  # fmt: skip


def drain(messenger: Courier) -> list[Outcome]:
    outcomes = []
    while (outcome := messenger.send_next()) is Outcome.SENT:
        outcomes.append(outcome)
    return [*outcomes, outcome]


def scans(pages: Pages, door, count: int) -> None:
    for _ in range(count):
        door.scan(pages.now, pages.serial("A1"), decision="denied", reason="already_inside")
    pages.send(door)


def test_a_receiver_down_for_an_hour_gets_all_in_order(pages: Pages, receiver: Receiver) -> None:
    door = pages.kiosk("k1", "main")
    endpoint = subscribe(pages, receiver, "entries", "badges")
    messenger = courier(pages, endpoint)
    scans(pages, door, 3)
    drain(messenger)
    assert len(receiver.entries) == 3
    receiver.down()
    tries = 0
    for minute in range(60):
        scans(pages, door, 5)
        if minute == 30:
            pages.reissue(pages.serial("A2"))
        for _ in range(60):  # a second each
            pages.now += 1000
            tries += messenger.send_next() is Outcome.FAILED
    # 5 s, 10 s, 20 s … 2,560 s: a receiver that is down costs little.
    assert tries == 10
    receiver.up()
    for _ in range(3600):
        pages.now += 1000
        drain(messenger)
    numbers = [
        row[0] for row in pages.database.reader.execute("SELECT number FROM scan ORDER BY number")
    ]
    assert len(numbers) == 303
    assert receiver.entries == numbers
    assert len(set(receiver.ids)) == len(receiver.ids)
    assert receiver.forged == 0
    kinds = [message["type"] for message in receiver.taken]
    assert kinds.count("badge.replaced") == 1
    # The replacement keeps its place in the order: 155 entries before it, and the others after.
    before = receiver.taken[: kinds.index("badge.replaced")]
    count = sum(len(message["data"].get("entries", ())) for message in before)
    assert count == 3 + 31 * 5
    assert pages.database.write(lambda db: outbox.waiting(db, endpoint.endpoint_id)) is None


def test_an_hour_of_outage_loses_nothing_to_a_restart(pages: Pages, receiver: Receiver) -> None:
    door = pages.kiosk("k1", "main")
    endpoint = subscribe(pages, receiver, "entries")
    receiver.down()
    scans(pages, door, 250)
    assert courier(pages, endpoint).send_next() is Outcome.FAILED
    scans(pages, door, 1)
    receiver.up()
    pages.now += HOUR
    assert len(drain(courier(pages, endpoint))) == 4  # 100, 100 and 51 entries, then nothing
    assert len(receiver.entries) == 251
    assert sorted(receiver.entries) == receiver.entries


def test_what_was_tampered_with_or_is_old_is_no_message(pages: Pages, receiver: Receiver) -> None:
    door = pages.kiosk("k1", "main")
    subscribe(pages, receiver, "entries")
    scans(pages, door, 1)
    drain(courier(pages, pages.database.write(endpoints.endpoints)[0]))
    (headers, body) = receiver.requests[0]
    own = standardwebhooks.Webhook(receiver.secret)
    own.verify(body, headers)
    other = base64.b64encode(b"x" * 32).decode()
    refused = standardwebhooks.WebhookVerificationError
    with pytest.raises(refused):
        standardwebhooks.Webhook(f"whsec_{other}").verify(body, headers)
    with pytest.raises(refused):
        own.verify(body.replace(b"denied", b"admitted"), headers)
    for name in ("webhook-id", "webhook-timestamp"):
        forged = {key.lower(): value for key, value in headers.items()}
        forged[name] = forged[name][:-1] + ("0" if forged[name][-1] != "0" else "1")
        with pytest.raises(refused):
            own.verify(body, forged)
    pages.now += 6 * MINUTE
    with pytest.raises(refused, match="too old"):
        own.verify(body, headers)


def test_two_receivers_have_different_keys(pages: Pages, receiver: Receiver) -> None:
    """Otherwise a receiver could forge our messages to another."""
    door = pages.kiosk("k1", "main")
    first = subscribe(pages, receiver, "entries")
    secret = receiver.secret
    second = subscribe(pages, receiver, "entries")
    assert secret != receiver.secret
    scans(pages, door, 1)
    drain(courier(pages, first))
    drain(courier(pages, second))
    messages = receiver.requests
    assert len(messages) == 2
    for key, (own, other) in ((secret, messages), (receiver.secret, reversed(messages))):
        reader = standardwebhooks.Webhook(key)
        reader.verify(own[1], own[0])
        with pytest.raises(standardwebhooks.WebhookVerificationError):
            reader.verify(other[1], other[0])


def test_a_key_is_of_its_event_alone() -> None:
    keys = {signing.secret(event, of) for event in (b"one", b"two") for of in (b"a", b"b")}
    assert len(keys) == 4


def test_a_message_sent_again_has_its_id_and_a_new_time(pages: Pages, receiver: Receiver) -> None:
    door = pages.kiosk("k1", "main")
    endpoint = subscribe(pages, receiver, "entries")
    scans(pages, door, 1)
    receiver.status = 500
    messenger = courier(pages, endpoint)
    assert messenger.send_next() is Outcome.FAILED
    pages.now += HOUR
    receiver.status = 200
    assert messenger.send_next() is Outcome.SENT
    first, second = (
        {key.lower(): value for key, value in headers.items()} for headers, _ in receiver.requests
    )
    assert first["webhook-id"] == second["webhook-id"]
    assert int(second["webhook-timestamp"]) - int(first["webhook-timestamp"]) == 3600
    assert receiver.requests[0][1] == receiver.requests[1][1]
    assert receiver.forged == 0
    (delivery,) = outbox.deliveries(pages.database.reader, endpoint.endpoint_id)
    assert (delivery.tries, delivery.answer, delivery.delivered_at) == (2, "200", pages.now)


def test_redirects_are_not_followed(pages: Pages, receiver: Receiver) -> None:
    door = pages.kiosk("k1", "main")
    endpoint = subscribe(pages, receiver, "entries")
    scans(pages, door, 1)
    receiver.status, receiver.location = 307, receiver.url
    assert courier(pages, endpoint).send_next() is Outcome.FAILED
    assert len(receiver.requests) == 1


def test_entries_have_no_names(pages: Pages, receiver: Receiver) -> None:
    door = pages.kiosk("k1", "main")
    endpoint = subscribe(pages, receiver, "entries", "badges", "halls")
    scans(pages, door, 2)
    drain(courier(pages, endpoint))
    sent = b"".join(body for _, body in receiver.requests)
    assert b"denied" in sent
    for word in (b"Anna", b"Keller", b"example.org", b"Pilots"):
        assert word not in sent


def test_topics_that_nobody_asked_for_are_not_sent(pages: Pages, receiver: Receiver) -> None:
    door = pages.kiosk("k1", "main")
    endpoint = subscribe(pages, receiver, "badges")
    scans(pages, door, 2)
    assert drain(courier(pages, endpoint)) == [Outcome.NOTHING]
    serial = pages.serial("A3")
    pages.revoke(serial)
    drain(courier(pages, endpoint))
    (message,) = receiver.taken
    assert message["type"] == "badge.revoked"
    assert message["data"]["reason"] == "conduct"


def test_filled_opened_and_closed_halls_are_sent_in_order(pages: Pages, receiver: Receiver) -> None:
    endpoint = subscribe(pages, receiver, "halls", "entries")
    webhooks = Webhooks(pages.database, pages.event.phone_secret, lambda: pages.now)
    try:
        hall_id = pages.value("SELECT hall_id FROM hall WHERE code = 'h1'")
        door = pages.kiosk("k1", "main")
        scans(pages, door, 1)  # only the first step looks
        for step in (
            lambda db: hall_control.set_capacity(db, hall_id, 0, by="test", now=pages.now),
            lambda db: hall_control.set_capacity(db, hall_id, 50, by="test", now=pages.now),
            lambda db: hall_control.set_closed(db, hall_id, True, by="test", now=pages.now),
        ):
            pages.database.write(step)
            scans(pages, door, 1)
        with pytest.raises(ZeroDivisionError):
            pages.database.write(lambda db: (_open(db, hall_id, pages.now), 1 / 0))
        drain(courier(pages, endpoint))
    finally:
        webhooks.close()
    assert [message["type"] for message in receiver.taken] == [
        "entries.recorded", "hall.full", "entries.recorded", "hall.open", "entries.recorded",
        "hall.closed", "entries.recorded",
    ]  # fmt: skip
    assert receiver.taken[1]["data"] == {"hall": "h1", "inside": 0, "capacity": 0}


def _open(db, hall_id: int, now: int) -> None:
    hall_control.set_closed(db, hall_id, False, by="test", now=now)


def test_a_hall_that_is_nearly_full_is_not_told_again_and_again(pages: Pages) -> None:
    states = []
    for inside in (99, 100, 99, 100, 99, 98, 97):
        sql = "UPDATE hall SET open_stays = ? WHERE code = 'h1'"

        def step(db, inside=inside, sql=sql) -> None:
            db.execute(sql, (inside,))
            halls.note_halls(db, pages.now)

        pages.database.write(step)
        pages.database.give_back()
        states.append(
            pages.database.reader.execute("SELECT kind FROM webhook_notice").fetchall()[-1:]
        )
    kinds = [row[0][0] if row else None for row in states]
    assert kinds == [None, "hall.full", "hall.full", "hall.full", "hall.full", "hall.open",
                     "hall.open"]  # fmt: skip


def test_an_endpoint_failing_for_days_is_paused(pages: Pages, receiver: Receiver) -> None:
    door = pages.kiosk("k1", "main")
    endpoint = subscribe(pages, receiver, "entries")
    scans(pages, door, 1)
    receiver.status = 503
    worker = courier(pages, endpoint)
    while (outcome := worker.send_next()) is not Outcome.ENDED:
        assert outcome in (Outcome.FAILED, Outcome.NOTHING)
        pages.now += 10 * MINUTE
        assert pages.now < NOW + 6 * 24 * HOUR
    assert pages.now > NOW + sender.DISABLED_AFTER_MS
    assert acts(pages)[-1] == "webhook_disabled"
    scans(pages, door, 1)
    receiver.status = 200
    pages.database.write(
        lambda db: endpoints.enable(db, endpoint.endpoint_id, by="test", now=pages.now)
    )
    drain(worker)
    assert len(receiver.entries) == 2


def test_a_receiver_that_is_gone_is_disabled_at_once(pages: Pages, receiver: Receiver) -> None:
    door = pages.kiosk("k1", "main")
    endpoint = subscribe(pages, receiver, "entries")
    scans(pages, door, 1)
    receiver.status = 410
    messenger = courier(pages, endpoint)
    assert [messenger.send_next(), messenger.send_next()] == [Outcome.FAILED, Outcome.ENDED]


def test_a_removed_endpoint_gets_nothing_more(pages: Pages, receiver: Receiver) -> None:
    door = pages.kiosk("k1", "main")
    endpoint = subscribe(pages, receiver, "entries")
    scans(pages, door, 1)
    pages.database.write(
        lambda db: endpoints.remove(db, endpoint.endpoint_id, by="test", now=pages.now)
    )
    assert courier(pages, endpoint).send_next() is Outcome.ENDED
    assert receiver.requests == []


def watching(pages: Pages) -> Webhooks:
    def current(db: Connection, now: int) -> list[Alert]:
        return alerts(WEBHOOKS, AlertContext(db, pages.event, now), alert_sources())

    secret = pages.event.phone_secret
    return Webhooks(pages.database, secret, lambda: pages.now, alerts=current)


def test_a_new_line_of_the_table_is_a_topic(
    pages: Pages, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    def note(db: Connection, now: int) -> None:
        if not db.execute("SELECT 1 FROM webhook_notice").fetchone():
            notices.add(db, "shifts", "shift.ended", {"door": "main"}, now)

    monkeypatch.setitem(TOPICS, "shifts", Topic("shifts", "Shifts that end", after_step=note))
    assert "Shifts that end" in pages.staff("admin").get("/admin/integrations/").text
    endpoint = subscribe(pages, receiver, "shifts")
    webhooks = watching(pages)
    scans(pages, pages.kiosk("k1", "main"), 1)
    webhooks.close()
    drain(courier(pages, endpoint))
    (message,) = receiver.taken
    assert (message["type"], message["data"]) == ("shift.ended", {"door": "main"})


def test_the_docs_have_each_topic() -> None:
    docs = (Path(__file__).parents[4] / "docs/api.md").read_text("utf-8")
    table = docs.split("| topic |")[1].split("\n\n")[0]
    assert [row.split("`")[1] for row in table.splitlines() if row.startswith("| `")] == list(
        TOPICS
    )


def test_troubles_begin_and_end(pages: Pages, receiver: Receiver) -> None:
    door = pages.kiosk("k1", "main")
    scans(pages, door, 1)
    endpoint = subscribe(pages, receiver, "troubles")
    webhooks = watching(pages)
    webhooks.check_topics()
    pages.now += 2 * MINUTE
    webhooks.check_topics()
    webhooks.check_topics()
    scans(pages, door, 1)
    webhooks.check_topics()
    webhooks.close()
    drain(courier(pages, endpoint))
    troubles = [
        (message["type"], message["data"])
        for message in receiver.taken
        if message["data"]["trouble"] == "kiosk.quiet"
    ]
    quiet = {"trouble": "kiosk.quiet", "kiosk": "k1"}
    assert troubles == [("trouble.began", quiet), ("trouble.ended", quiet)]


def test_a_witness_that_contradicts_the_log_is_told(pages: Pages, receiver: Receiver) -> None:
    endpoint = subscribe(pages, receiver, "troubles")
    webhooks = watching(pages)
    witness = outside.of_witness("example.org/w")
    for code in (Code.AWAY, Code.FORK, None):
        pages.database.write(
            lambda db, code=code: outside.note(db, witness, code, "so it is", pages.now)
        )
        webhooks.check_topics()
    webhooks.close()
    drain(courier(pages, endpoint))
    troubles = [
        (message["type"], message["data"])
        for message in receiver.taken
        if "witness" in message["data"]["trouble"]
    ]
    data = {"trouble": "witness.contradicts", "witness": "example.org/w"}
    assert troubles == [("trouble.began", data), ("trouble.ended", data)]


def test_the_threads_deliver_by_themselves(pages: Pages, receiver: Receiver) -> None:
    door = pages.kiosk("k1", "main")
    subscribe(pages, receiver, "entries")
    webhooks = Webhooks(pages.database, pages.event.phone_secret, lambda: pages.now)
    webhooks.start()
    try:
        scans(pages, door, 4)
        waited = threading.Event()
        for _ in range(12_000):
            if len(receiver.entries) == 4:
                break
            waited.wait(0.02)
    finally:
        webhooks.close()
    assert len(receiver.entries) == 4


def test_the_secret_is_not_in_the_database(pages: Pages, receiver: Receiver) -> None:
    endpoint = subscribe(pages, receiver, "entries")
    key = signing.secret(pages.event.phone_secret, endpoint.secret_of)
    pages.database.give_back()
    for path in pages.event.path.glob("*.db*"):
        raw = path.read_bytes()
        assert key not in raw
        assert receiver.secret.encode() not in raw


@pytest.mark.parametrize(
    "url",
    [
        "http://example.org/hooks", "ftp://127.0.0.1/", "https://", "https://a:b@example.org/",
        "https://example.org/#x", "https://exa mple.org/", "https://example.org:99999/",
        "https://[::1", "file:///etc/passwd", "http://127.0.0.1.example.org/", "x",
        "https://example.org/\n", "https://" + "a" * 600,
        "https://169.254.169.254/latest/meta-data", "https://[fe80::1]/", "https://[fe80::1%25eth0]/",
        "https://0.0.0.0/", "https://[::]/", "https://[::ffff:169.254.169.254]/",
        "https://100.100.100.200/", "https://168.63.129.16/", "https://[fd00:ec2::254]/",
        "https://[64:ff9b::a9fe:a9fe]/",
        "https://224.0.0.1/", "https://[ff02::1]/",
    ],
)  # fmt: skip
def test_addresses_that_are_refused(url: str) -> None:
    with pytest.raises(EndpointError):
        endpoints.check_url(url)


@pytest.mark.parametrize(
    ("url", "http_allowed"),
    [
        ("https://example.org/hooks?x=1", False), ("http://127.0.0.1:9000/", False),
        ("http://[::1]:9000/", False), ("http://localhost/", False),
        ("http://example.org/", True),
    ],
)  # fmt: skip
def test_addresses_that_are_taken(url: str, http_allowed: bool) -> None:
    endpoints.check_url(url, http_allowed=http_allowed)


def test_a_name_that_leads_to_such_an_address_gets_nothing(
    receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A name may lead anywhere later, so each resolved address is checked."""
    monkeypatch.setattr(socket.socket, "getpeername", lambda self: ("169.254.169.254", 80))
    answer = post(receiver.url, b"{}", {}, 100)
    assert answer.status == 0
    assert answer.words == "its name leads to an address where no receiver can be"
    assert receiver.requests == []


def test_nobody_listens_there(receiver: Receiver) -> None:
    url = receiver.url
    receiver.down()
    answer = post(url, b"{}", {}, 100)
    assert (answer.status, answer.words) == (0, "connection refused")
    assert TIMEOUT_S <= 10


def test_bodies_are_kept_no_longer_than_needed(pages: Pages, receiver: Receiver) -> None:
    door = pages.kiosk("k1", "main")
    endpoint = subscribe(pages, receiver, "entries")
    scans(pages, door, 1)
    drain(courier(pages, endpoint))
    pages.database.give_back()
    body = pages.value("SELECT body FROM webhook_message")
    assert body is None
    assert json.loads(receiver.requests[0][1])["type"] == "entries.recorded"


def test_a_refused_form_keeps_what_was_typed(pages: Pages) -> None:
    admin = pages.staff("admin")
    fields = {"url": "http://example.org/x", "topic": "halls"}
    page = admin.post("/admin/integrations/webhooks", fields).text
    assert "Nothing was changed" in page
    assert 'value="http://example.org/x"' in page
    assert 'name="topic" value="halls" checked' in page
    fields = {"name": "Lights", "days": "9", "scope": "unknown"}
    page = admin.post("/admin/integrations/tokens", fields).text
    assert 'name="name" value="Lights"' in page
    assert 'max="400" value="9"' in page
    assert " checked" not in page
