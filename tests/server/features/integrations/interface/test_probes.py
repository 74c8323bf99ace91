"""Answers to probes: whether the server is ready, and its figures."""

import threading
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
from prometheus_client.parser import text_string_to_metric_families

from badges.wire import wire
from badges.wire.wire import ErrorCode
from server.core.event.directory import Event
from server.features.integrations.interface.probes import Finding, Readiness
from server.storage import disk
from server.storage.database import Database
from server.storage.disk import DiskError, Room
from server.storage.errors import LostError
from server.web.services import services_of
from tests.server.support.integrations import integration
from tests.server.support.pages import Pages

DAY = 86_400_000


@pytest.fixture
def pages(event: Event, site: Database) -> Iterator[Pages]:
    with Pages(event, site) as opened:
        # The certificate was made just now, by this machine's clock.
        opened.now = int(datetime.now(UTC).timestamp() * 1000) + 60_000
        yield opened


def ready(pages: Pages) -> tuple[int, dict]:
    services_of(pages.app).keep(Finding())
    answer = pages.app.test_client().get("/readyz")
    return answer.status_code, answer.json


def test_it_lives(pages: Pages) -> None:
    answer = pages.app.test_client().get("/healthz")
    assert (answer.status_code, answer.json) == (200, {"alive": True})


def test_it_is_ready(pages: Pages) -> None:
    assert ready(pages) == (
        200, {"ready": True, "database": "ok", "certificate": "ok", "disk": "ok"}
    )  # fmt: skip


def test_a_certificate_that_is_over_is_told(pages: Pages) -> None:
    pages.now += 400 * 365 * DAY // 10
    status, report = ready(pages)
    assert (status, report["ready"], report["certificate"]) == (503, False, "expired")
    pages.now = 0
    assert ready(pages)[1]["certificate"] == "not_valid_yet"


def test_a_full_disk_is_told(pages: Pages, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(disk, "room", lambda _: Room(disk.NEEDED_BYTES - 1, 10**12))
    status, report = ready(pages)
    assert (status, report["disk"]) == (503, "full")


@pytest.mark.parametrize(
    "code", [ErrorCode.DISK_FULL, ErrorCode.DISK_READ_ONLY, ErrorCode.DISK_FAILING]
)
def test_a_disk_s_trouble_is_reported(
    pages: Pages, monkeypatch: pytest.MonkeyPatch, code: ErrorCode
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise DiskError(code, f"{pages.event.path} can be read but not written")

    monkeypatch.setattr(pages.database, "write", refuse)
    status, report = ready(pages)
    assert (status, report["database"]) == (503, code)
    assert str(pages.event.path) not in str(report)


def test_writes_that_fail_are_told(pages: Pages) -> None:
    """Meanwhile the probe's own write, which is empty, may succeed."""
    pages.database.failures.note(LostError("the database did not answer within 30 s"))
    status, report = ready(pages)
    assert (status, report["database"]) == (503, "failing")


def test_many_questions_are_one_look() -> None:
    at, looks = 0.0, 0

    def look() -> Readiness:
        nonlocal looks
        looks += 1
        return Readiness(True, "ok", "ok", "ok")

    finding = Finding(lambda: at)
    for _ in range(100):
        assert finding.now(look).ready
    assert looks == 1
    at = 1.0
    finding.now(look)
    assert looks == 2


def test_a_look_that_hangs_keeps_nobody_waiting() -> None:
    at = 0.0
    finding = Finding(lambda: at)
    finding.now(lambda: Readiness(True, "ok", "ok", "ok"))
    at = 2.0
    begun, go_on = threading.Event(), threading.Event()

    def hang() -> Readiness:
        begun.set()
        go_on.wait(240)
        return Readiness(True, "ok", "ok", "ok")

    thread = threading.Thread(target=finding.now, args=(hang,))
    thread.start()
    begun.wait(240)
    assert finding.now(hang).ready
    at = 20.0
    assert finding.now(hang).database == "slow"
    go_on.set()
    thread.join()


def test_figures(pages: Pages) -> None:
    pages.issue()
    door = pages.kiosk("k1", "main")
    pages.execute("UPDATE kiosk SET device = 'phone'")
    door.scan(pages.now, pages.serial("A1"))
    door.scan(pages.now, pages.serial("A2"), decision="denied", reason="hall_full")
    pages.send(door, health=wire.Health(files="0a1b"))
    answer = pages.app.test_client().get("/metrics")
    assert answer.status_code == 200
    figures = {
        (sample.name, *sample.labels.values()): sample.value
        for family in text_string_to_metric_families(answer.text)
        for sample in family.samples
    }
    assert figures["hallkeeper_hall_inside", "site"] == 1
    assert figures["hallkeeper_hall_capacity", "site"] == 500
    assert figures["hallkeeper_kiosks_active",] == 1
    assert figures["hallkeeper_kiosks_quiet",] == 0
    assert figures["hallkeeper_phones_active", "0a1b"] == 1
    assert figures["hallkeeper_scans_total", "admitted", ""] == 1
    assert figures["hallkeeper_scans_total", "denied", "hall_full"] == 1
    assert figures["hallkeeper_writer_queue",] == 0
    assert figures["hallkeeper_feeds",] == 0
    assert figures["hallkeeper_feed_behind",] == 0
    assert figures["hallkeeper_servers_at_work",] == figures["hallkeeper_servers_silent",] == 0
    assert figures["hallkeeper_log_entries",] > 0
    assert figures["hallkeeper_kiosks_awaited",] == figures["hallkeeper_database_waiting",] == 0
    assert figures["hallkeeper_database_standbys",] == 0
    assert figures["hallkeeper_ledger_seconds_count",] == 0
    for word in ("Anna", "Keller", "example.org", "海", str(pages.serial("A1"))):
        assert word not in answer.text
    pages.now += 600_000
    text = pages.app.test_client().get("/metrics").text
    assert "hallkeeper_kiosks_quiet 1.0" in text
    assert 'hallkeeper_scans_total{decision="admitted",reason=""} 1.0' in text


@pytest.mark.parametrize(
    ("address", "headers", "status"),
    [
        ("127.0.0.1", {}, 200),
        ("::1", {}, 200),
        ("::ffff:127.0.0.1", {}, 200),
        ("192.0.2.7", {}, 401),
        ("127.0.0.1", {"X-Forwarded-For": "127.0.0.1"}, 401),
        ("192.0.2.7", {"X-Forwarded-For": "127.0.0.1"}, 401),
        ("127.0.0.1", {"Forwarded": "for=127.0.0.1"}, 401),
    ],
)
def test_local_figures(pages: Pages, address: str, headers: dict[str, str], status: int) -> None:
    base = {"REMOTE_ADDR": address}
    answer = pages.app.test_client().get("/metrics", environ_base=base, headers=headers)
    assert answer.status_code == status


def test_or_for_whoever_has_a_token(pages: Pages) -> None:
    base = {"REMOTE_ADDR": "192.0.2.7"}
    good, bad = integration(pages, ["read:metrics"]), integration(pages, ["read:halls"])
    assert good.ask("GET", "/metrics", environ_base=base).status_code == 200
    assert bad.ask("GET", "/metrics", environ_base=base).status_code == 403
