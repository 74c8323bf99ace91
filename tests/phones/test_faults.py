"""A phone's bad luck, in a real Chromium with a real server: the phone's words, the server's, and
the capacity. docs/design/phones.md has the table.
"""

import os
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from server.core.kiosks import phones, registry
from tests.phones.forum import Forum
from tests.phones.phone import Phone
from tests.phones.steps import (
    CAPACITY,
    PEOPLE,
    in_time,
    keep_shot,
    needs,
    offline,
    online,
    scan,
    state_of,
    troubled,
)
from tests.system.support.site import now_ms

pytestmark = pytest.mark.soak  # each starts Chromium and a phone's Python several times

HOUR_MS = 3_600_000


def test_cleared_storage(place: Forum, phone: Phone) -> None:
    """Greens that were not sent are lost with it. Their places stay in use, so that a new enrolment
    gets only the others.
    """
    online(phone)
    offline(place, phone)
    lost = scan(place, phone, range(CAPACITY))
    assert 0 < lost <= 10  # as many as a phone may hold
    phone.end_worker()  # It would go on with the files that it has open, and send its scans.
    phone.browser.call(
        "Storage.clearDataForOrigin", phone.session, origin=phone.address, storageTypes="all"
    )
    place.network.mend()
    phone.reload()
    needs(phone, "code")
    keep_shot(phone, "cleared")
    old = phone.kiosk
    place.enrol_again(phone, "north-again", "a1")
    phone.wait("the server", lambda: phone.status.get("online"))
    more = scan(place, phone, range(lost, lost + 4))
    assert lost + more <= CAPACITY
    assert place.inside() == more
    states = {row.kiosk: row.state for row in registry.kiosks(place.place.database.reader)}
    assert states == {old: "active", phone.kiosk: "active"}


def test_a_copied_profile(place: Forum, phone: Phone) -> None:
    """Both copies go on. The server accepts one run's scans, and fences the door."""
    online(phone)
    scan(place, phone, range(2))
    phone.close()
    twin = phone.copy(phone.home.with_name("twin"))
    phone.start()
    phone.wait_ready()
    online(phone)
    greens = scan(place, phone, range(2, 4))
    twin.start()
    try:
        twin.wait_ready()
        greens += scan(place, twin, range(4, 8))
        greens += scan(place, phone, range(8, 12))
        for each in (phone, twin):
            each.wait("the fence", lambda each=each: each.status.get("retired")
                      or each.status.get("refused"))  # fmt: skip
        keep_shot(phone, "copied")
        assert state_of(place, phone) == "fenced"
        assert 2 + greens <= CAPACITY
        assert place.inside() == 2 + greens  # each green is in the ledger
    finally:
        twin.close()


def test_a_new_code_returns_the_places_of_the_old_door(place: Forum, phone: Phone) -> None:
    """The hall can be filled by the phone alone, though it held places under its old name."""

    def used(kiosk: str) -> int:
        rows = place.place.query(
            "SELECT granted - returned FROM place_account WHERE kiosk = ?", kiosk
        )
        return sum(row[0] for row in rows)

    online(phone)
    old = phone.kiosk
    greens = scan(place, phone, range(2))
    place.enrol_again(phone, "west", "a2")
    phone.wait("the old door's places", lambda: used(old) == greens)
    greens += scan(place, phone, range(greens, CAPACITY))
    assert place.inside() == greens == CAPACITY


@pytest.fixture
def small_disk() -> Iterator[Path]:
    """A file system of its own, for a browser's profile."""
    if os.geteuid() != 0:
        pytest.skip("needs root, to mount a small disk")
    with tempfile.TemporaryDirectory(prefix="phones-") as folder:
        mount = ["mount", "-t", "tmpfs", "-o", "size=250m", "tmpfs", folder]
        if subprocess.run(mount, capture_output=True, check=False).returncode:
            pytest.skip("needs the permission to mount a small disk")
        try:
            yield Path(folder)
        finally:
            subprocess.run(["umount", "--lazy", folder], check=True)


def test_a_full_quota(place: Forum, small_disk: Path) -> None:
    """No green without the disk. The door works again once there is room."""
    phone = Phone(small_disk / "north", place.address, place.authority)
    phone.start(place.code(phone, "north", "a1"))
    try:
        place.confirm(phone)
        online(phone)
        greens = scan(place, phone, range(1))
        filled = fill(small_disk)
        while not (phone.status.get("trouble") or {}):
            before = len(phone.shown)
            phone.present(place.place.badge(1 + before % (PEOPLE - 1)))
            phone.wait("an answer or words", lambda before=before: len(phone.shown) > before
                       or phone.status.get("trouble"))  # fmt: skip
        troubled(phone, "storage is full")
        keep_shot(phone, "full")
        for path in filled:
            path.unlink()
        in_time(place, phone)
        assert place.missing(phone, phone.shown) == []
        assert scan(place, phone, range(PEOPLE - 1, PEOPLE)) == 1
        greens = sum(answer.green for answer in phone.shown)
        assert place.inside() == greens <= CAPACITY
    finally:
        phone.close()


def fill(disk: Path) -> list[Path]:
    """Fill it to the last block."""
    files = []
    for size in (65_536, 4_096):
        path = disk / f"fill-{size}"
        with path.open("wb", buffering=0) as file:
            try:
                while file.write(bytes(size)) == size:
                    pass
            except OSError:
                pass
        files.append(path)
    return files


def test_two_tabs(place: Forum, phone: Phone) -> None:
    """The second is no door; the first goes on. Once that is closed, the second opens by itself."""
    online(phone)
    first, first_target = phone.session, phone.target
    phone.open()
    needs(phone, "other_tab")
    keep_shot(phone, "two-tabs")
    second = phone.session
    phone.session = first
    assert scan(place, phone, range(3)) == 3
    phone.browser.call("Target.closeTarget", targetId=first_target)
    phone.session = second
    phone.wait_ready()
    online(phone)
    assert scan(place, phone, range(3, 5)) == 2
    assert place.inside() == 5


def test_an_older_version_with_a_new_server(place: Forum, phone: Phone, tmp_path: Path) -> None:
    """It works with the new server. Asked to update, it does so only once its scans are sent."""
    online(phone)
    phone.wait("the page's files", phone.is_stored)
    old = phone.status["files"]
    offline(place, phone)
    greens = scan(place, phone, range(3))
    assert phone.status["alone"] == greens == 3
    place.upgrade(tmp_path / "new")
    phone.reload()  # offline, by the service worker
    phone.wait_ready()
    assert (phone.status["files"], phone.status["alone"]) == (old, 3)
    in_time(place, phone)
    greens += scan(place, phone, range(3, 5))
    assert phone.status["files"] == old
    rows = registry.kiosks(place.place.database.reader)
    place.place.write(lambda db: phones.ask_update(db, rows, by="test", now=now_ms()))
    phone.wait("the new version", lambda: phone.status.get("files", old) != old)
    keep_shot(phone, "updated")
    online(phone)
    greens += scan(place, phone, range(5, 7))
    assert greens == 7
    assert place.missing(phone, phone.shown) == []
    assert place.inside() == greens


def test_a_moved_clock(place: Forum, phone: Phone) -> None:
    """The decision uses the phone's clock; the capacity uses none. The next contact measures it."""
    online(phone)
    assert scan(place, phone, range(2)) == 2
    phone.move_clock(2 * HOUR_MS)
    scan(place, phone, range(2, 4))
    in_time(place, phone)
    phone.wait("the error", lambda: abs(phone.status.get("skew_ms") or 0) > HOUR_MS)
    keep_shot(phone, "clock")
    offline(place, phone)
    scan(place, phone, range(4, PEOPLE))
    in_time(place, phone)
    greens = sum(answer.green for answer in phone.shown)
    assert place.missing(phone, phone.shown) == []
    assert place.inside() == greens <= CAPACITY
