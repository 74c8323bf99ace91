"""A server that is lost with its disk and restored from a backup; a kiosk whose disk was set back.
Real processes, a hall of ten, and hand scanners at its doors.
"""

import contextlib
import http.client
import json
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from tempfile import TemporaryFile

import pytest

from badges.places.pool import PoolKey
from kiosk.cli.status import status_of
from server.core.event import settings_file
from server.core.event.directory import load_event
from server.core.occupancy import hall_control, pools
from server.core.second_disk.copy import backups
from server.core.second_disk.critical_state import Keeper
from server.features.backup.restic import PASSWORD_FILE
from server.storage.database import Database
from tests.system.support.hand_scanner import HandScanner, open_screen
from tests.system.support.ledger_checks import Journals, Watch, check_ledger, check_places
from tests.system.support.nursery import shared
from tests.system.support.site import READY_S, LiveSite, free_port, now_ms, site, wait_for
from tests.system.support.venue import door_toml, hall_toml
from tests.tools import needs

pytestmark = pytest.mark.system

CAPACITY = 10
PEOPLE = 60
HALL = PoolKey(1)
DOORS = ("west", "east", "north")
VENUE = hall_toml("hall", CAPACITY) + "".join(map(door_toml, DOORS))


class Doors:
    """Kiosks with hand scanners, by name."""

    def __init__(self, place: LiveSite) -> None:
        self.place = place
        self.badges = [place.badge(person) for person in range(PEOPLE)]
        self.next = 10  # the first person who has not been here yet
        self.scanners: dict[str, HandScanner] = {}
        self.ports: dict[str, int] = {}  # of the kiosks' pages

    def open(self, name: str) -> None:
        port = self.ports.setdefault(name, free_port())
        process = self.place.run_typed(name, port)
        self.scanners[name] = HandScanner(process, port, socket.create_connection)
        wait_for(f"{name}'s facts", lambda: self.scanners[name].turn("entry"))

    def shut(self, name: str) -> None:
        self.scanners.pop(name).close()
        self.place.kiosks[name].stop()

    def enter(self, name: str, person: int) -> bool:
        """Whether a light turned green."""
        return self.scanners[name].present(self.badges[person], "entry").admitted

    def come(self, name: str) -> bool:
        entered = self.enter(name, self.next)
        self.next += entered
        return entered

    def get_in(self, name: str, person: int) -> None:
        """Enter if the hall has a place, however long a busy machine takes."""
        wait_for(f"a place at {name}", lambda: self.enter(name, person))

    def leave(self, name: str, person: int) -> None:
        assert self.scanners[name].present(self.badges[person], "exit").admitted

    def free(self, name: str) -> int:
        return status_of(self.place.path / name)["free_places"].get("1", 0)

    def close(self) -> None:
        for scanner in self.scanners.values():
            scanner.close()


@pytest.fixture
def second(tmp_path: Path) -> Path:
    folder = tmp_path / "second"
    folder.mkdir()
    return folder


@pytest.fixture
def place(tmp_path: Path, second: Path) -> Iterator[LiveSite]:
    with site(tmp_path, VENUE, people=PEOPLE) as live:
        settings = live.event.path / "event.toml"
        line = '# backup_dir = "/mnt/second/forum"'
        settings.write_text(settings.read_text().replace(line, f'backup_dir = "{second}"'))
        keep(live, second)
        live.start_server()
        yield live


@pytest.fixture
def doors(place: LiveSite) -> Iterator[Doors]:
    opened = Doors(place)
    yield opened
    opened.close()


def keep(place: LiveSite, second: Path) -> None:
    """Keep this process's acts as admin on the second disk, as the command line does."""
    place.event = load_event(place.event.path)
    place.database.close()
    place.database = Database(place.event.database_path)
    Keeper(place.event.event_id, place.database, second, now_ms)


def hallkeeper(*words: str) -> str:
    """Run the command as typed, in its own process, and return its output."""
    with started("server.cli.main", *words) as result:
        return result()


@contextlib.contextmanager
def started(module: str, *words: str) -> Iterator[Callable[[], str]]:
    """A command at work. Its result is its output until its end."""
    with TemporaryFile() as errors:
        process = shared().start([sys.executable, "-m", module, *words], errors)
        assert process.stdout is not None
        with process.stdout as printed:

            def result() -> str:
                output = printed.read().decode()
                errors.seek(0)
                assert process.wait(READY_S) == 0, output + errors.read().decode()
                return output

            yield result


def pool(place: LiveSite) -> pools.Pool:
    return pools.load(place.database.reader, HALL)


def granted(place: LiveSite, name: str) -> int:
    return pool(place).kiosks[name, 1].granted


def lose(place: LiveSite) -> None:
    """The server is killed, and its disk is gone."""
    place.server.kill()
    place.database.close()
    shutil.rmtree(place.event.path)


def test_a_server_that_was_lost_with_its_disk(place: LiveSite, doors: Doors, second: Path) -> None:
    for name in ("west", "east"):
        place.enrol(name, name)
        doors.open(name)
    for name, person in (("west", 0), ("west", 1), ("east", 2)):
        doors.get_in(name, person)
    wait_for("the scans", place.settled)
    hallkeeper("backup", "--event", str(place.event.path))
    copy = backups(second)[-1].path
    earlier = granted(place, "west")
    place.enrol("north", "north")
    doors.open("north")
    journals = Journals({name: place.path / name / "journal.db" for name in DOORS})
    with Watch(journals) as watch:
        go_on(place, doors, earlier)
        lose(place)
        for name in [name for name in DOORS if doors.free(name)]:
            assert doors.come(name), "without a server the doors go on"
        doors.shut("east")
        output = hallkeeper("restore", str(copy), "--event", str(place.event.path))
        assert "1 kiosk" in output
        assert "Hall: east (East), north (North), west (West)" in output
        keep(place, second)
        place.start_server()
        two_are_heard(place, doors)
        doors.open("east")
        wait_for("the last door", lambda: not pool(place).awaited)
        wait_for("a full hall", lambda: fill(doors) == CAPACITY)
        assert not any(doors.come(name) for name in DOORS)
        wait_for("all scans to arrive", place.settled)
    assert watch.most <= CAPACITY
    assert len(journals.inside()) == CAPACITY, "a place was lost"
    check_ledger(place, journals)
    check_places(place, journals)
    alarms = [alarm for name in DOORS for alarm in status_of(place.path / name)["log_alarms"]]
    assert alarms, "no door says that entries of the log are gone"
    assert all("restored from a backup" in alarm for alarm in alarms)


@needs("restic")
def test_a_server_whose_machine_is_gone(place: LiveSite, doors: Doors, second: Path) -> None:
    """Also its second disk: what remains are a restic repository, its password, and the doors."""
    password, nas = place.path / "password", place.path / "nas"
    send_elsewhere(place, password, nas)
    for name in ("west", "east"):
        place.enrol(name, name)
        doors.open(name)
    for name, person in (("west", 0), ("west", 1), ("east", 2)):
        doors.get_in(name, person)
    wait_for("the scans", place.settled)
    assert str(nas) in hallkeeper("backup", "--event", str(place.event.path))
    doors.leave("west", 2)
    doors.get_in("west", 3)
    wait_for("the scans", place.settled)
    journals = Journals({name: place.path / name / "journal.db" for name in ("west", "east")})
    with Watch(journals) as watch:
        lose(place)
        shutil.rmtree(second)
        for name in [name for name in ("west", "east") if doors.free(name)]:
            assert doors.come(name), "without a server the doors go on"
        began = time.monotonic()
        words = ("--from", str(nas), "--password-file", str(password), "--without-acts")
        hallkeeper("restore", *words, "--event", str(place.event.path))
        restored_s = time.monotonic() - began
        second.mkdir()
        keep(place, second)
        place.start_server()
        wait_for("both doors", lambda: not pool(place).awaited)
        wait_for("all scans to arrive", place.settled)
        took_s = time.monotonic() - began
        sys.stdout.write(f"Restored in {restored_s:.1f} s, all in order after {took_s:.1f} s.\n")
        wait_for("a full hall", lambda: fill(doors) == CAPACITY)
    assert watch.most <= CAPACITY
    check_ledger(place, journals)
    check_places(place, journals)


def send_elsewhere(place: LiveSite, password: Path, nas: Path) -> None:
    """Make a restic repository, and name it in the event's settings."""
    password.write_text("a password")
    password.chmod(0o600)
    shutil.copy(password, place.event.path / "keys" / PASSWORD_FILE)
    init = ["restic", "--no-cache", "-r", str(nas), "--password-file", str(password), "init"]
    subprocess.run(init, check=True, capture_output=True)
    path = place.event.path / "event.toml"
    path.write_text(settings_file.changed(path, "backup_repository", str(nas))[0])


def go_on(place: LiveSite, doors: Doors, earlier: int) -> None:
    """Events that the backup will lack: an exit, a new kiosk's entry, a place from a recall."""
    doors.leave("west", 2)
    doors.get_in("north", 3)
    for person in range(4, 9):
        doors.get_in("west", person)
    assert granted(place, "west") > earlier, "nothing was granted since the backup"
    wait_for("the scans", place.settled)


def two_are_heard(place: LiveSite, doors: Doors) -> None:
    """All doors except the east one are heard: the hall gives out no place yet, though a person
    leaves.
    """
    wait_for("two doors", lambda: pool(place).awaited == {("east", 1)})
    wait_for("their scans", lambda: not any(place.waiting(name) for name in ("west", "north")))
    before = {name: granted(place, name) for name in DOORS}
    for name in ("west", "north"):
        while doors.free(name):
            assert doors.come(name)
    doors.leave("west", 0)
    wait_for("its scans", lambda: not place.waiting("west"))
    assert not doors.come("north"), "granted before all were heard"
    assert {name: granted(place, name) for name in DOORS} == before


def fill(doors: Doors) -> int:
    """Let a new person come to the door that has a place; return the number inside."""
    free = [name for name in doors.scanners if doors.free(name)]
    doors.come([*free, *doors.scanners][0])
    wait_for("the scan", doors.place.settled)
    return pool(doors.place).open_stays


def test_a_kiosk_whose_disk_was_set_back(place: LiveSite, doors: Doors) -> None:
    place.enrol("west", "west")
    doors.open("west")
    doors.get_in("west", 0)
    doors.shut("west")
    old = Path(shutil.copytree(place.path / "west", place.path / "copy"))
    doors.open("west")
    for person in (1, 2):
        doors.get_in("west", person)
    wait_for("the scans", place.settled)
    doors.shut("west")
    shutil.rmtree(place.path / "west")
    old.rename(place.path / "west")
    # The server has seen higher counters than any clock here gives: the kiosk's was set back, too.
    place.write(lambda db: db.execute("UPDATE kiosk SET counter = counter + 100000000"))

    doors.open("west")
    wait_for("the fence", lambda: state(place, 1) == "fenced")
    wait_for(
        "its word to staff",
        lambda: "copied or restored disk" in board(doors)["refused"].get("en", ""),
    )
    wait_for("its end", lambda: status_of(place.path / "west")["retired"])
    assert not doors.enter("west", 3), "its places may be used already"
    assert pool(place).open_stays == 3
    doors.shut("west")

    enrol_again(place, "west")
    doors.open("west")
    assert not doors.enter("west", 4), "the lost journal's places are counted as used"
    lost, both = ("west", 1), {"by": "user:1", "with_": "user:2", "now": now_ms()}
    place.write(lambda db: hall_control.attest(db, HALL.hall_id, lost, 0, **both))
    doors.get_in("west", 4)
    assert state(place, 2) == "active"
    inside = "SELECT count(*) FROM stay WHERE closed_at IS NULL"
    wait_for("the scan", lambda: place.query(inside) == [(4,)])
    assert pool(place).worst_case <= CAPACITY


def enrol_again(place: LiveSite, name: str) -> None:
    """As typed by an admin and a steward; the old disk's content is kept beside."""
    event = ("--event", str(place.event.path))
    code = hallkeeper("kiosk", "add", name, name, *event).strip()
    words = ("enrol", "--again", "--code", code, "--dir", str(place.path / name))
    with started("kiosk", *words) as result:
        wait_for("the six words", lambda: state(place, 2) == "proven")
        hallkeeper("kiosk", "confirm", name, "--yes", *event)
        result()
    assert (place.path / name / "earlier-1" / "journal.db").exists()


def state(place: LiveSite, generation: int) -> str:
    (row,) = place.query("SELECT state FROM kiosk WHERE generation = ?", generation)
    return str(row[0])


def board(doors: Doors) -> dict:
    """The state on the kiosk's page: the first one of its feed."""
    page = http.client.HTTPConnection("127.0.0.1", doors.ports["west"], timeout=READY_S)
    with contextlib.closing(page):
        cookie = open_screen(doors.place.kiosks["west"], page)
        page.request("GET", "/feed", headers={"Cookie": cookie})
        with page.getresponse() as events:
            for line in events:
                if line.startswith(b"data: {"):
                    return json.loads(line[5:])["status"]
    raise AssertionError("the page says nothing")
