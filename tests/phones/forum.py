"""A server with a trusted certificate, and a network to its phones that can be cut."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from badges.credential.badge_number import badge_number
from server.core.event.directory import load_event
from server.core.kiosks import phones, registry
from server.demo.network_link import Link
from tests.phones.phone import Phone, Shown
from tests.server.support.authority import Authority
from tests.server.support.site import clear_all
from tests.system.support.site import LiveSite, hallkeeper, now_ms, site

HOST = "127.0.0.1"
ROOT = Path(__file__).parents[2]


def venue(capacity: int, doors: int = 2) -> str:
    """One hall. Its doors lead in and out."""
    parts = [
        '[[hall]]\ncode = "a"\nname = "Hall A"\nname_zh = "A厅"\n'
        f'capacity = {capacity}\nfire_limit = {capacity + 5}\ncategories = ["delegate"]\n'
        'anti_passback = "off"\n'
    ]
    parts += [
        f'[[door]]\ncode = "a{n}"\nhall = "a"\nname = "Door {n}"\nname_zh = "{n}号门"\n'
        'mode = "both"\n'
        for n in range(1, doors + 1)
    ]
    return "\n".join(parts)


@dataclass
class Forum:
    place: LiveSite
    authority: Authority
    network: Link

    @property
    def address(self) -> str:
        return f"https://{HOST}:{self.network.address[1]}"

    def phone(self, name: str, door: str = "a1", **settings: object) -> Phone:
        """A phone that is enrolled at a door."""
        phone = Phone(self.place.path / name, self.address, self.authority, **settings)  # type: ignore[arg-type]
        try:
            phone.start(self.code(phone, name, door))
            self.confirm(phone)
        except BaseException:
            phone.close()
            raise
        return phone

    def enrol_again(self, phone: Phone, name: str, door: str) -> None:
        """With another name, after the loss of its storage."""
        phone.close_tab()
        phone.open(self.code(phone, name, door))
        self.confirm(phone)

    def code(self, phone: Phone, name: str, door: str) -> str:
        """As an admin creates it with the console."""
        (made,) = self.place.write(
            lambda db: phones.one_time_codes(
                db, self.place.event, name, [door], 1, by="test", now=now_ms(),
                random=os.urandom,
            )
        )  # type: ignore[misc]  # fmt: skip
        phone.kiosk = made.kiosk
        return str(made.code.text())

    def confirm(self, phone: Phone) -> None:
        """An admin has compared the six words."""
        event = self.place.event
        phone.wait("the six words", lambda: self.waits(phone))
        self.place.write(
            lambda db: registry.confirm(db, event, phone.kiosk, by="test", now=now_ms())
        )
        phone.wait_ready()

    def waits(self, phone: Phone) -> bool:
        """Whether the phone has shown its words, which an admin may confirm."""
        rows = registry.kiosks(self.place.database.reader)
        return any(row.kiosk == phone.kiosk and row.words for row in rows)

    def upgrade(self, path: Path) -> None:
        """Replace the server by one that serves another version of the phone's page."""
        path.mkdir()
        for part in ("badges", "server", "pyproject.toml"):
            (path / part).symlink_to(ROOT / part)
        vendor = ROOT / "kiosk" / "browser" / "vendor"
        left_out = shutil.ignore_patterns("vendor", "__pycache__")
        shutil.copytree(ROOT / "kiosk", path / "kiosk", ignore=left_out)
        (path / "kiosk" / "browser" / "vendor").symlink_to(vendor)
        with (path / "kiosk" / "browser" / "static" / "door.css").open("a") as css:
            css.write("/* the next version */\n")
        server = self.place.server
        server.stop()
        server.command = ["env", f"--chdir={path}", *server.command]
        self.place.start_server()

    def missing(self, phone: Phone, shown: list[Shown]) -> list[Shown]:
        """Of the shown answers, those that the ledger does not have exactly once."""
        rows = self.place.query(
            "SELECT seq, serial, COUNT(*) FROM scan WHERE kiosk = ? GROUP BY seq, serial",
            phone.kiosk,
        )
        ledger = {
            (seq, None if serial is None else badge_number(serial)): count
            for seq, serial, count in rows
        }
        return [answer for answer in shown if ledger.get((answer.seq, answer.badge)) != 1]

    def count_as_empty(self) -> None:
        """Staff have seen that the hall is empty. Exits within a second of an entry at another
        phone leave it open who is inside.
        """
        (hall,) = self.place.query("SELECT hall_id FROM hall")[0]
        self.place.write(lambda db: clear_all(db, hall, by="test", now=now_ms()))

    def inside(self) -> int:
        """The hall's people by the server's count."""
        return int(self.place.query("SELECT open_stays FROM hall")[0][0])


@contextmanager
def forum(path: Path, capacity: int, people: int, doors: int = 2) -> Iterator[Forum]:
    authority = Authority(now_ms())
    with site(path, venue(capacity, doors), people) as place:
        files = authority.files(path, HOST)
        hallkeeper("certificate", "install", *files, "--event", str(place.event.path))
        place.event = load_event(place.event.path)
        place.start_server()
        with Link((HOST, place.port)) as network:
            yield Forum(place, authority, network)
