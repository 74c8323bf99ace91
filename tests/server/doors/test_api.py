"""The kiosks' interface: access, replays, size limits, and one kiosk's life."""

import base64
import os
from collections.abc import Iterator
from dataclasses import replace
from urllib.parse import quote

import pytest
from flask import Flask
from flask.testing import FlaskClient
from msgspec import UNSET
from werkzeug.test import TestResponse

from badges.credential.keys import PrivateKey, PublicKey
from badges.transparency.checkpoint import cosign, witness_name
from badges.wire import version, wire
from badges.wire.enrolment import (
    RequestStamp,
    body_digest,
    open_identity,
    proof,
    request_message,
    six_words,
)
from server.app.app import close_app, create_app
from server.core.entry_log import cosignatures, entry_log
from server.core.event.clock import ServerClock
from server.core.event.directory import Event
from server.core.feed import changes
from server.core.kiosks import phones, registry
from server.core.people import attendees, day_credentials, issuing
from server.doors.scans import BATCH_MAX, LONG_BATCH
from server.storage.database import Database
from server.web import lanes
from server.web.services import keep_services, services_of
from tests.server.conftest import HOUR, NOW
from tests.server.support.fake_door import FakeDoor

HALL, DOOR = 1, 1


class Kiosk:
    """A client that signs as a kiosk does."""

    def __init__(self, client: FlaskClient, door: FakeDoor) -> None:
        self.client = client
        self.door = door

    def headers(self, method: str, target: str, body: bytes) -> dict[str, str]:
        self.door.counter += 1
        stamp = RequestStamp(self.door.kiosk, self.door.generation, self.door.counter)
        signature = self.door.key.sign(request_message(stamp, method, target, body))
        return {
            stamp.KIOSK_HEADER: f"{stamp.kiosk}/{stamp.generation}",
            stamp.COUNTER_HEADER: str(stamp.counter),
            stamp.SIGNATURE_HEADER: base64.b64encode(signature).decode(),
            version.HEADER: version.OWN.text,
        }

    def get(self, target: str) -> TestResponse:
        return self.client.get(target, headers=self.headers("GET", target, b""))

    def post(self, batch: wire.ScanBatch) -> TestResponse:
        body = wire.encode(batch)
        return self.client.post(
            "/api/scans", data=body, headers=self.headers("POST", "/api/scans", body)
        )


def code_of(answer: TestResponse) -> str:
    return wire.decode(answer.data, wire.ErrorAnswer).error.code


@pytest.fixture(autouse=True)
def site(database: Database) -> None:
    """A hall of nine and a door."""

    def build(db) -> None:
        db.execute(
            "INSERT INTO hall (hall_id, code, names, fire_limit, capacity, zones, sessions_only,"
            " anti_passback, exits) VALUES (1, 'H1', '{\"en\": \"Hall\"}', 9, 9, 1, 0, 'hard',"
            " 'strict')"
        )
        db.execute("INSERT INTO door VALUES (1, 'H1-west', 1, '{\"en\": \"West\"}', 'both')")

    database.write(build)


@pytest.fixture
def app(event: Event, database: Database) -> Iterator[Flask]:
    created = create_app(event, database, now=lambda: NOW)
    yield created
    close_app(created)


@pytest.fixture
def kiosk(app: Flask, event: Event, database: Database) -> Kiosk:
    """A kiosk that was enrolled completely."""
    door = FakeDoor("west", DOOR, HALL)
    client = app.test_client()
    code = database.write(lambda db: add(db, event))
    first = client.post("/api/enrol", data=wire.encode(enrolment(door.key, code.token)))
    assert wire.decode(first.data, wire.EnrolAnswer) == wire.EnrolAnswer(confirmed=False)
    (row,) = registry.kiosks(database.reader)
    assert row.words == six_words(door.key.public.raw, code.token)
    database.write(lambda db: registry.confirm(db, event, "west", by="user:1", now=NOW))
    second = client.post("/api/enrol", data=wire.encode(enrolment(door.key, code.token)))
    answer = wire.decode(second.data, wire.EnrolAnswer)
    identity = open_identity(PublicKey(answer.root_key), answer.identity)
    assert (identity.kiosk, identity.generation) == ("west", 1)
    assert identity.public_key == door.key.public.raw
    return Kiosk(client, door)


def add(db, event: Event):
    return registry.add_kiosk(
        db,
        event,
        "west",
        "H1-west",
        address=("localhost", 8443),
        by="user:1",
        now=NOW,
        random=lambda count: b"t" * count,
    )


def enrolment(key: PrivateKey, token: bytes) -> wire.EnrolRequest:
    return wire.EnrolRequest(token, key.public.raw, proof(key, token))


def test_it_works(kiosk: Kiosk) -> None:
    snapshot = wire.decode(kiosk.get("/api/replica").data, wire.Snapshot)
    assert snapshot.hall.hall == HALL
    kiosk.door.scan(NOW, None, decision="denied", reason="forged")
    answer = wire.decode(kiosk.post(kiosk.door.batch(NOW)).data, wire.ScanAnswer)
    assert (answer.acked_seq, answer.fenced) == (1, False)
    assert [(order.hall, order.granted, order.override) for order in answer.orders] == [
        (HALL, 9, False),
        (HALL, 0, True),
    ]
    assert wire.decode(kiosk.get("/api/names?after=0").data, wire.NamesPage).names == []


def test_the_programme_is_for_a_kiosk_that_asks(kiosk: Kiosk, database: Database) -> None:
    """An earlier kiosk does not ask, and would refuse unknown fields."""
    database.write(
        lambda db: db.execute(
            "INSERT INTO session (code, hall_id, titles, starts_at, ends_at, opens_at, closes_at)"
            " VALUES ('s', 1, '{\"en\": \"Talk\"}', ?, ?, ?, ?)",
            (NOW, NOW + HOUR, NOW, NOW + HOUR),
        )
    )
    both = f"?{wire.PROGRAMME_ASKED}&{wire.DAYS_ASKED}"
    for query, sent in (
        *((f"?{wire.PROGRAMME_ASKED}", True), (both, True)),
        *(("", False), ("?programme=0", False), (f"?{wire.DAYS_ASKED}", False)),
    ):
        answer = kiosk.get(f"/api/replica{query}").data
        assert (b"starts_at" in answer) is sent
        (session,) = wire.decode(answer, wire.Snapshot).sessions
        assert session.titles == {"en": "Talk"}


def test_day_credentials_are_for_a_kiosk_that_asks(
    event: Event, kiosk: Kiosk, database: Database
) -> None:
    """An earlier kiosk does not ask, and would refuse unknown fields."""

    def step(db) -> int:
        row = {"given_name": "Ann", "category": 1}
        person = attendees.add_attendee(db, row, by="test", now=NOW, random=os.urandom)
        issuing.issue_missing(db, event, by="test", now=NOW)
        day_credentials.issue_day_credential(db, event, person.serial, day=0, by="test", now=NOW)
        return person.serial

    serial = database.write(step)
    for query, sent in ((f"?{wire.PROGRAMME_ASKED}&{wire.DAYS_ASKED}", True), ("", False)):
        answer = kiosk.get(f"/api/replica{query}").data
        assert (b"day_credentials" in answer) is sent
        holders = wire.decode(answer, wire.Snapshot).holders
        assert [holder.serial for holder in holders] == ([serial] if sent else [])


def test_a_kiosk_that_asks_hears_that_the_server_takes_salts(kiosk: Kiosk) -> None:
    for query in ("", f"?{wire.PROGRAMME_ASKED}", "?salted=0"):
        assert b"salted" not in kiosk.get(f"/api/replica{query}").data
    for query in (wire.SALTED_ASKED, f"{wire.PROGRAMME_ASKED}&{wire.SALTED_ASKED}"):
        answer = kiosk.get(f"/api/replica?{query}").data
        assert wire.decode(answer, wire.Snapshot).salted is True


@pytest.mark.parametrize("fault", ["", "another key", "another tree", "too many", "no line"])
def test_a_cosignature_is_kept_where_it_is_right(
    kiosk: Kiosk, database: Database, event: Event, fault: str
) -> None:
    """A wrong one keeps no scan out of the ledger."""
    kiosk.door.scan(NOW, None, decision="denied", reason="forged")
    note = wire.decode(kiosk.post(kiosk.door.batch(NOW)).data, wire.ScanAnswer).checkpoint
    kiosk.door.acked = 1
    size = int(note.split("\n")[1])
    key = PrivateKey(bytes(32)) if fault == "another key" else kiosk.door.key
    if fault == "another tree":
        root = base64.b64encode(bytes(32)).decode()
        note = note.replace(note.split("\n")[2], root)
    line = cosign(key, witness_name(event.log_name, "west", 1), note, NOW // 1000)
    cosigned = wire.Cosigned(size + (fault == "too many"), "" if fault == "no line" else line)
    kiosk.door.scan(NOW, None, decision="denied", reason="forged")
    answer = kiosk.post(kiosk.door.batch(NOW, cosigned=cosigned))
    assert wire.decode(answer.data, wire.ScanAnswer).acked_seq == 2
    kept = list(cosignatures.all_kept(database.reader))
    if fault:
        assert kept == []
        return
    assert [(row.kiosk, row.size, row.at) for row in kept] == [("west", size, NOW)]
    assert kept[0].note == note + line


def test_a_door_that_rests_is_granted_nothing_by_the_batch_that_says_so(kiosk: Kiosk) -> None:
    kiosk.post(kiosk.door.batch(NOW))
    kiosk.door.granted = kiosk.door.returned = 9
    answer = wire.decode(kiosk.post(kiosk.door.batch(NOW, resting=True)).data, wire.ScanAnswer)
    assert [(order.granted, order.override) for order in answer.orders] == [(9, False), (0, True)]


def test_a_kiosk_that_stood_at_many_doors_is_heard(kiosk: Kiosk) -> None:
    stood = [wire.PlaceTotals(hall, 0, 0, 0) for hall in range(1, 100)]
    answer = kiosk.post(kiosk.door.batch(NOW, places=stood))
    assert b"no such hall" in answer.data  # it was read: there is but one hall here


def test_an_unsigned_request_is_refused(app: Flask) -> None:
    answer = app.test_client().get("/api/replica")
    assert (answer.status_code, code_of(answer)) == (401, "bad_signature")


def test_a_kiosk_that_is_not_enrolled_is_refused(app: Flask) -> None:
    stranger = Kiosk(app.test_client(), FakeDoor("east", DOOR, HALL))
    assert code_of(stranger.get("/api/replica")) == "unknown_kiosk"


def test_another_key_is_refused(kiosk: Kiosk) -> None:
    kiosk.door.key = PrivateKey(bytes(32))
    assert code_of(kiosk.get("/api/replica")) == "bad_signature"


def test_a_wrong_signature_makes_no_address_known(kiosk: Kiosk, app: Flask) -> None:
    """Known addresses have a lane of their own, which a stranger must not enter."""
    lanes_of = services_of(app).lanes
    right, kiosk.door.key = kiosk.door.key, PrivateKey(bytes(32))
    assert code_of(kiosk.get("/api/replica")) == "bad_signature"
    assert code_of(kiosk.post(kiosk.door.batch(NOW))) == "bad_signature"
    assert not lanes_of.is_known("127.0.0.1")
    kiosk.door.key = right
    assert kiosk.get("/api/replica").status_code == 200
    assert lanes_of.is_known("127.0.0.1")


@pytest.mark.parametrize("scans", [1, LONG_BATCH + 1], ids=["a batch", "a backlog"])
def test_a_replayed_request_is_refused_and_changes_nothing(
    kiosk: Kiosk, app: Flask, scans: int
) -> None:
    for _ in range(scans):
        kiosk.door.scan(NOW, None, decision="denied", reason="forged")
    body = wire.encode(kiosk.door.batch(NOW))
    headers = kiosk.headers("POST", "/api/scans", body)
    client = app.test_client()
    assert client.post("/api/scans", data=body, headers=headers).status_code == 200
    again = client.post("/api/scans", data=body, headers=headers)
    assert (again.status_code, code_of(again)) == (409, "replayed")
    error = wire.decode(again.data, wire.ErrorAnswer).error
    assert error.retry, "with a higher counter"
    assert error.counter == int(headers[RequestStamp.COUNTER_HEADER])
    reader = services_of(app).database.reader
    assert reader.execute("SELECT COUNT(*) FROM scan").fetchone()[0] == scans


def test_a_signature_covers_the_body_and_the_path(kiosk: Kiosk, app: Flask) -> None:
    body = wire.encode(kiosk.door.batch(NOW))
    headers = kiosk.headers("POST", "/api/scans", body + b" ")
    assert code_of(app.test_client().post("/api/scans", data=body, headers=headers)) == (
        "bad_signature"
    )
    headers = kiosk.headers("GET", "/api/names?after=0", b"")
    assert code_of(app.test_client().get("/api/names?after=5", headers=headers)) == "bad_signature"


def test_a_retired_kiosk_hands_in_its_journal_and_gets_nothing(
    kiosk: Kiosk, database: Database
) -> None:
    kiosk.door.scan(NOW, None, decision="denied", reason="forged")
    database.write(lambda db: registry.retire(db, "west", by="user:1", now=NOW))
    assert code_of(kiosk.get("/api/replica")) == "retired"
    answer = wire.decode(kiosk.post(kiosk.door.batch(NOW)).data, wire.ScanAnswer)
    assert (answer.acked_seq, answer.fenced) == (1, True)


def test_a_body_of_100_megabytes_is_refused(kiosk: Kiosk) -> None:
    body = bytes(100_000_000)
    headers = kiosk.headers("POST", "/api/scans", b"")
    answer = kiosk.client.post("/api/scans", data=body, headers=headers)
    assert (answer.status_code, code_of(answer)) == (413, "too_large")


def test_a_cursor_that_never_was(kiosk: Kiosk) -> None:
    answer = kiosk.get("/api/feed?after=999999")
    assert (answer.status_code, code_of(answer)) == (409, "cursor_gone")


def test_a_wrong_code(app: Flask) -> None:
    asked = enrolment(FakeDoor("west", 1, 1).key, bytes(16))
    answer = app.test_client().post("/api/enrol", data=wire.encode(asked))
    assert (answer.status_code, code_of(answer)) == (401, "wrong_code")


def test_a_code_serves_one_key(app: Flask, event: Event, database: Database) -> None:
    code = database.write(lambda db: add(db, event))
    client = app.test_client()
    client.post("/api/enrol", data=wire.encode(enrolment(PrivateKey(bytes(32)), code.token)))
    other = enrolment(PrivateKey(bytes(31) + b"1"), code.token)
    assert code_of(client.post("/api/enrol", data=wire.encode(other))) == "wrong_code"


def test_a_code_ends_after_fifteen_minutes(event: Event, database: Database) -> None:
    code = database.write(lambda db: add(db, event))
    asked = enrolment(PrivateKey(bytes(32)), code.token)
    late = NOW + registry.CODE_LIFE_MS
    with pytest.raises(registry.EnrolError) as caught:
        database.write(lambda db: registry.enrol(db, event, asked, late))
    assert caught.value.code == "code_expired"


def test_unproven_key(event: Event, database: Database) -> None:
    code = database.write(lambda db: add(db, event))
    asked = wire.EnrolRequest(code.token, PrivateKey(bytes(32)).public.raw, bytes(64))
    with pytest.raises(registry.EnrolError):
        database.write(lambda db: registry.enrol(db, event, asked, NOW))
    assert registry.kiosks(database.reader)[0].state == "waiting"


def test_an_open_feed_ends_when_its_kiosk_is_retired(kiosk: Kiosk, database: Database) -> None:
    with kiosk.get(f"/api/feed?after={changes.cursor(database.reader)}") as opened:
        lines = opened.iter_encoded()
        assert next(lines) == b": open\n\n"
        database.write(lambda db: registry.fence(db, "west", 1, by="user:1", now=NOW))
        assert b"retired" in next(lines)
        assert list(lines) == []
    assert code_of(kiosk.get("/api/feed?after=0")) == "retired"


@pytest.mark.parametrize(
    "body",
    [
        *(b"", b"[]", b'{"records": 1}', b"\xff\xfe", b"{" * 50_000),
        pytest.param(b"[" * 100_000, id="open"),
        pytest.param(b'{"records":' + b"[" * 50_000 + b"]" * 50_000 + b"}", id="closed"),
        pytest.param(b'{"records":[' + b'{"a":' * 50_000 + b"1" + b"}" * 50_000 + b"]}", id="raw"),
    ],
)
def test_a_malformed_batch_is_refused_in_plain_words(kiosk: Kiosk, body: bytes) -> None:
    headers = kiosk.headers("POST", "/api/scans", body)
    answer = kiosk.client.post("/api/scans", data=body, headers=headers)
    assert (answer.status_code, code_of(answer)) == (400, "malformed")


def test_a_deeply_nested_record_is_malformed(kiosk: Kiosk) -> None:
    kiosk.door.records.append(b"[" * 20_000 + b"]" * 20_000)
    kiosk.door.heads.append(bytes(32))
    answer = kiosk.post(kiosk.door.batch(NOW))
    assert (answer.status_code, code_of(answer)) == (400, "malformed")


def test_kiosks_hear_of_another_epoch_of_time(app: Flask, kiosk: Kiosk, database: Database) -> None:
    """The server's clock is set while the kiosk is away."""
    clocks = {"wall": NOW, "steady": 0}
    clock = ServerClock(database, wall=lambda: clocks["wall"], steady=lambda: clocks["steady"])
    here = services_of(app)
    keep_services(app, replace(here, clock=clock, now=lambda: clocks["wall"]))
    epochs = []
    for by in (0, HOUR, 0):
        clocks["wall"] += by
        answer = wire.decode(kiosk.post(kiosk.door.batch(NOW)).data, wire.ScanAnswer)
        epochs.append(answer.epoch)
        assert answer.received_at == answer.answered_at == clocks["wall"]
    assert epochs[0] not in (0, epochs[1])
    assert epochs[1] == epochs[2]


class TestProof:
    """A verified kiosk proves itself by its headers, before its body arrives."""

    def post(self, kiosk: Kiosk, target: str = "/api/scans", *, digest: bool = True, **changed):
        body = wire.encode(kiosk.door.batch(NOW))
        headers = kiosk.headers("POST", target, body)
        if digest:
            headers[RequestStamp.DIGEST_HEADER] = body_digest(body)
        return kiosk.client.post(target, data=changed.get("body", body), headers=headers)

    def test_the_body_must_be_the_one_that_was_signed_for(self, kiosk: Kiosk) -> None:
        assert self.post(kiosk).status_code == 200
        kiosk.door.scan(NOW, None, decision="denied", reason="forged")
        other = wire.encode(kiosk.door.batch(NOW))
        kiosk.door.records.clear()
        answer = self.post(kiosk, body=other)
        assert (answer.status_code, code_of(answer)) == (401, "bad_signature")
        assert self.post(kiosk).status_code == 200

    def test_it_has_a_lane_that_others_can_not_fill(
        self, kiosk: Kiosk, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        assert self.post(kiosk).status_code == 200
        monkeypatch.setattr(lanes, "STRANGERS_MAX", 0)
        monkeypatch.setattr(lanes, "KNOWN_MAX", 0)
        assert self.post(kiosk).status_code == 200
        assert self.post(kiosk, "/api/scans?again=1").status_code == 200
        busy = self.post(kiosk, digest=False)
        assert (busy.status_code, code_of(busy)) == (503, "failed")
        assert wire.decode(busy.data, wire.ErrorAnswer).error.retry

    def test_a_kiosk_s_new_key_is_looked_up(self, kiosk: Kiosk, database: Database) -> None:
        """A proof by one key does not prove another key that is in the database now."""
        assert self.post(kiosk).status_code == 200
        other = PrivateKey(bytes(32))
        update = "UPDATE kiosk SET public_key = ? WHERE kiosk = 'west'"
        database.write(lambda db: db.execute(update, (other.public.raw,)) and None)
        assert code_of(self.post(kiosk)) == "bad_signature"


def test_a_kiosk_without_a_signature_or_with_none_that_can_be_read(kiosk: Kiosk) -> None:
    for broken in ("===", "!", "é", None):
        headers = kiosk.headers("GET", "/api/replica", b"")
        if broken is None:
            del headers[RequestStamp.SIGNATURE_HEADER]
        else:
            good = headers[RequestStamp.SIGNATURE_HEADER]
            headers[RequestStamp.SIGNATURE_HEADER] = good + broken
        answer = kiosk.client.get("/api/replica", headers=headers)
        assert (answer.status_code, code_of(answer)) == (401, "bad_signature"), broken


@pytest.mark.parametrize("text", ["", "-1", "1.5", "٣", "x", "1" * 16, "0x1"])
def test_a_cursor_that_is_no_whole_number(kiosk: Kiosk, text: str) -> None:
    answer = kiosk.get(f"/api/names?after={quote(text)}")
    assert (answer.status_code, code_of(answer)) == (400, "malformed")


@pytest.mark.parametrize("text", ["0", "9" * 15])
def test_a_cursor_that_is_one(kiosk: Kiosk, text: str) -> None:
    assert kiosk.get(f"/api/names?after={text}").status_code == 200


@pytest.mark.parametrize(("scans", "waits"), [(20, False), (21, True)])
def test_a_backlog_waits_for_its_turn(
    kiosk: Kiosk, database: Database, monkeypatch: pytest.MonkeyPatch, scans: int, waits: bool
) -> None:
    """Only above twenty (`IN_ORDER`): smaller batches may not report old totals."""
    turns = []
    write = Database.write

    def noted(self, step, *, long=False, **more):
        turns.append(long)
        return write(self, step, long=long, **more)

    monkeypatch.setattr(Database, "write", noted)
    for _ in range(scans):
        kiosk.door.scan(NOW, None, decision="denied", reason="forged")
    assert kiosk.post(kiosk.door.batch(NOW)).status_code == 200
    assert any(turns) is waits


def test_a_batch_that_others_would_wait_for_is_refused(kiosk: Kiosk, database: Database) -> None:
    """The kiosk then halves its batches, and loses nothing."""
    for _ in range(BATCH_MAX + 1):
        kiosk.door.scan(NOW, None, decision="denied", reason="forged")
    answer = kiosk.post(kiosk.door.batch(NOW))
    assert (answer.status_code, code_of(answer)) == (413, "too_large")
    assert database.reader.execute("SELECT COUNT(*) FROM scan").fetchone()[0] == 0
    assert kiosk.post(kiosk.door.batch(NOW, last=BATCH_MAX)).status_code == 200


@pytest.mark.parametrize(
    ("meanwhile", "goes_on"),
    [
        ("UPDATE kiosk SET state = 'fenced'", False),
        ("UPDATE kiosk SET door_id = 2", False),
        ("UPDATE kiosk SET seen_at = 1", True),
    ],
)
def test_a_feed_that_was_opened_while_its_kiosk_was_stopped_or_moved_ends_at_once(
    app: Flask, kiosk: Kiosk, database: Database, monkeypatch: pytest.MonkeyPatch,
    meanwhile: str, goes_on: bool,
) -> None:  # fmt: skip
    """The notice was sent before the feed began."""
    door = "INSERT INTO door VALUES (2, 'H1-east', 1, '{\"en\": \"East\"}', 'both')"
    database.write(lambda db: db.execute(door) and None)
    hub = app.extensions["hallkeeper"].hub
    subscribe = hub.subscribe

    def late(*arguments, **options):
        database.write(lambda db: db.execute(meanwhile) and None)
        return subscribe(*arguments, **options)

    monkeypatch.setattr(hub, "subscribe", late)
    with kiosk.get(f"/api/feed?after={changes.cursor(database.reader)}") as opened:
        assert opened.headers["Cache-Control"] == "no-store"
        lines = opened.iter_encoded()
        assert next(lines) == b": open\n\n"
        if goes_on:
            database.write(lambda db: changes.publish(db, wire.NamesChanged()))
            assert b"names" in next(lines)
        else:
            assert list(lines) == []


def test_a_gap_says_from_where_to_send(kiosk: Kiosk) -> None:
    for _ in range(3):
        kiosk.door.scan(NOW, None, decision="denied", reason="forged")
    answer = kiosk.post(kiosk.door.batch(NOW, first=3))
    error = wire.decode(answer.data, wire.ErrorAnswer).error
    assert (answer.status_code, error.code, error.retry) == (409, "gap", True)
    assert "send from sequence 1" in error.message


def test_another_journal_fences_the_kiosk(kiosk: Kiosk, database: Database) -> None:
    kiosk.door.scan(NOW, None, decision="denied", reason="forged")
    kiosk.post(kiosk.door.batch(NOW))
    answer = kiosk.post(kiosk.door.batch(NOW, first_seq=1, head=bytes(32)))
    error = wire.decode(answer.data, wire.ErrorAnswer).error
    assert (answer.status_code, error.code, error.retry) == (409, "fork", False)
    assert registry.kiosks(database.reader)[0].state == "fenced"


def test_a_retired_kiosk_is_told_so_everywhere(kiosk: Kiosk, database: Database) -> None:
    database.write(lambda db: registry.retire(db, "west", by="user:1", now=NOW))
    for target in ("/api/replica", "/api/names?after=0", "/api/feed?after=0"):
        answer = kiosk.get(target)
        assert (answer.status_code, code_of(answer)) == (403, "retired")


def test_an_answer_says_how_far_feed_and_log_are(kiosk: Kiosk, database: Database) -> None:
    for _ in range(5):
        kiosk.door.scan(NOW, None, decision="denied", reason="forged")
    answer = wire.decode(kiosk.post(kiosk.door.batch(NOW)).data, wire.ScanAnswer)
    cursor, entries = changes.cursor(database.reader), entry_log.size(database.reader)
    assert cursor != entries
    assert answer.cursor == cursor
    assert (answer.mark.cursor, answer.mark.entries) == (cursor, entries)


def shared_code(db, event: Event, count: int):
    return phones.shared_code(
        db, event, "north", ["H1-west"], count, by="user:1", now=NOW, random=os.urandom
    )


def phone_enrolment(key: PrivateKey, token: bytes) -> wire.EnrolRequest:
    return wire.EnrolRequest(token, key.public.raw, proof(key, token), device="phone")


def test_a_phone_enrols_by_a_shared_code_and_further_ones_are_counted(
    app: Flask, event: Event, database: Database
) -> None:
    code = database.write(lambda db: shared_code(db, event, 1))
    client = app.test_client()
    first = phone_enrolment(PrivateKey(bytes(32)), code.token)
    for _ in range(2):
        answer = client.post("/api/enrol", data=wire.encode(first))
        assert wire.decode(answer.data, wire.EnrolAnswer).confirmed is False
    other = phone_enrolment(PrivateKey(bytes(31) + b"1"), code.token)
    refused = client.post("/api/enrol", data=wire.encode(other))
    assert (refused.status_code, code_of(refused)) == (401, "code_used_up")
    (row,) = phones.shared_codes(database.reader, NOW)
    assert (row.used, row.refused) == (1, 1)


def test_a_phone_is_asked_to_update_until_it_has_left_its_files(
    kiosk: Kiosk, database: Database
) -> None:
    def answer_to(health: wire.Health) -> wire.ScanAnswer:
        answer = kiosk.post(kiosk.door.batch(NOW, health=health))
        return wire.decode(answer.data, wire.ScanAnswer)

    old, new = wire.Health(files="old"), wire.Health(files="new")
    assert answer_to(old).update is UNSET
    database.write(lambda db: phones.ask_update(db, registry.kiosks(db), by="user:1", now=NOW))
    assert [answer_to(old).update, answer_to(old).update] == [True, True]
    assert answer_to(new).update is UNSET
    assert answer_to(wire.Health()).update is UNSET
