"""Files sent by staff, where every server of an event finds them."""

from collections.abc import Iterator

import pytest

from server.storage.database import Database
from server.web import shared_uploads, uploads
from server.web.shared_uploads import LIFE_MS, SharedUploads
from server.web.uploads import KEPT_MAX, UploadBusyError, UploadGoneError
from tests.server.conftest import NOW
from tests.waiting import until

KEY = bytes(range(32))
WHO = {"kind": "people", "by": "user:1"}


class Clock:
    now = NOW

    def __call__(self) -> int:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def both(database: Database, clock: Clock) -> Iterator[list[SharedUploads]]:
    servers = [SharedUploads(database, KEY, clock) for _ in range(2)]
    yield servers
    for server in servers:
        server.close()


def rows(database: Database, table: str = "upload_part") -> int:
    with database.reading() as db:
        return int(db.execute(f"SELECT COUNT(*) FROM {table}").fetchone()[0])


def test_another_server_finds_it(
    both: list[SharedUploads], database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shared_uploads, "PART_BYTES", 7)
    data = bytes(range(50))
    sent = both[0].keep(data, name="../../people\n.csv", **WHO)
    upload = both[1].find(sent.token, **WHO)
    assert upload.read() == data
    assert upload.name == sent.name == "../../people.csv"
    assert rows(database) == 8
    upload.answers["--skip-bad"] = "yes"
    both[1].keep_answers(upload)
    assert both[0].find(sent.token, **WHO).answers == {"--skip-bad": "yes"}
    both[0].drop(sent)
    assert rows(database) == rows(database, "upload") == 0
    with pytest.raises(UploadGoneError):
        upload.read()


def test_it_is_its_user_s_alone(both: list[SharedUploads]) -> None:
    sent = both[0].keep(b"x", name="a", **WHO)
    for token, kind, by in (
        (sent.token, "venue", "user:1"),
        (sent.token, "people", "user:2"),
        ("x" * 22, "people", "user:1"),
        ("../event.toml", "people", "user:1"),
    ):
        with pytest.raises(UploadGoneError):
            both[1].find(token, kind=kind, by=by)


def test_the_database_has_nothing_to_read(both: list[SharedUploads], database: Database) -> None:
    sent = both[0].keep(b"Anna Keller", name="our guests.csv", **WHO)
    with database.reading() as db:
        kept = repr([tuple(row) for row in db.execute("SELECT * FROM upload")])
        kept += repr([tuple(row) for row in db.execute("SELECT * FROM upload_part")])
    for secret in ("Keller", "guests", sent.token):
        assert secret not in kept


def test_a_preview_is_cached_until_an_answer(both: list[SharedUploads]) -> None:
    first, other = both
    sent = first.keep(b"x", name="a", **WHO)
    plan = object()
    first.remember(sent, plan)
    assert first.find(sent.token, **WHO).plan is plan
    assert other.find(sent.token, **WHO).plan is None
    upload = other.find(sent.token, **WHO)
    upload.answers["a"] = "b"
    other.keep_answers(upload)
    assert first.find(sent.token, **WHO).plan is None, "the other server has other answers"
    again = first.find(sent.token, **WHO)
    first.remember(again, plan)
    first.forget_plan(again)
    assert first.find(sent.token, **WHO).plan is None


def test_another_one_takes_its_place_and_they_go_after_an_hour(
    both: list[SharedUploads], database: Database, clock: Clock
) -> None:
    first = both[0].keep(b"1", name="a", **WHO)
    second = both[1].keep(b"2", name="b", **WHO)
    with pytest.raises(UploadGoneError):
        both[0].find(first.token, **WHO)
    clock.now += LIFE_MS - 1
    assert both[0].find(second.token, **WHO).read() == b"2"
    clock.now += 1
    with pytest.raises(UploadGoneError):
        both[0].find(second.token, **WHO)
    both[0].sweep()
    assert rows(database) == rows(database, "upload") == 0


def test_so_many_are_kept_for_all_servers(both: list[SharedUploads]) -> None:
    for user in range(KEPT_MAX):
        both[user % 2].keep(b"1", kind="people", by=f"user:{user}", name="a")
    with pytest.raises(UploadBusyError):
        both[0].keep(b"1", kind="people", by="user:99", name="a")


def test_one_that_can_not_be_kept_leaves_nothing(
    both: list[SharedUploads], database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise ValueError("no more")

    monkeypatch.setattr(shared_uploads, "_add_part", fail)
    with pytest.raises(ValueError, match="no more"):
        both[0].keep(b"x", name="a", **WHO)
    assert rows(database, "upload") == 0


def test_it_goes_though_nobody_asks(
    both: list[SharedUploads], database: Database, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shared_uploads, "LIFE_S", -1)
    both[0].keep(b"1", name="a", **WHO)
    clock.now += LIFE_MS
    until(lambda: not rows(database))


def test_a_server_that_starts_takes_away_what_is_old_alone(
    both: list[SharedUploads], database: Database, clock: Clock
) -> None:
    both[0].keep(b"1", name="a", **WHO)
    clock.now += LIFE_MS // 2
    sent = both[0].keep(b"2", kind="venue", by="user:1", name="b")
    clock.now += LIFE_MS // 2
    SharedUploads(database, KEY, clock).close()
    assert rows(database) == 1
    assert both[0].find(sent.token, kind="venue", by="user:1").read() == b"2"


def test_one_plan_at_a_time(both: list[SharedUploads], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(uploads, "TURN_S", 0.01)
    with both[0].turn():
        with pytest.raises(UploadBusyError), both[0].turn():
            pass
        with both[1].turn():
            pass
