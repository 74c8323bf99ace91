"""Makes the kept event, by `python -m tests.kept.make`: once for each release, by its own code."""

import json
import os
import random
import sqlite3
import tarfile
import tempfile
from collections.abc import Callable
from datetime import date
from pathlib import Path

from badges.admission.facts import Direction
from badges.credential.keys import PrivateKey
from server.app.new_event import init_event
from server.core.event.settings import EventSettings
from server.core.kiosks import registry
from server.core.occupancy import hall_control
from server.core.people import issuing
from server.features.imports.roster_import import import_roster
from server.features.imports.venue_import import import_venue
from server.web.services import services_of
from tests.server.conftest import HOUR, MINUTE, NOW, VENUE, roster_of, venue_of
from tests.server.support.in_process import Forum, InProcessKiosk

KEPT = Path(__file__).parent
NAME = "event-1.0"
SETTINGS = EventSettings(
    name={"en": "Harbour Forum", "zh": "海港论坛"},
    time_zone="Asia/Shanghai",
    first_day=date(2026, 5, 4),
    days=3,
    public_host="localhost",
    host="127.0.0.1",
    port=8443,
)
SMALL = VENUE.replace("capacity = 100\nfire_limit = 120", "capacity = 6\nfire_limit = 8")
PEOPLE = "id,given name,family name,organisation,country,email,category\n" + "".join(
    f"A{number},Person {number},Harbour,Pilots,DE,a{number}@example.org,{category}\n"
    for number, category in enumerate(["delegate"] * 12 + ["speaker", "press", "staff", "visitor"])
)
DOORS = ("main", "h1-west", "green-door")
UNSENT = 8


class KeptForum(Forum):
    """The directory's forum, with nothing added."""

    def _build(self, db: sqlite3.Connection) -> None:
        pass


def kiosk_of(forum: KeptForum, name: str) -> InProcessKiosk:
    kiosk = forum.kiosks[name] = InProcessKiosk(
        forum, name, PrivateKey(name.encode().ljust(32, b"."))
    )
    return kiosk


def make(path: Path) -> dict[str, object]:
    """Play a morning in a new event at `path`. Return its state as its own code reports it."""
    event, password = init_event(path / "event", SETTINGS, now=NOW - 24 * HOUR, password_stays=True)
    forum = KeptForum(event, path)
    act(forum, import_venue, venue_of(event, SMALL))
    act(forum, import_roster, roster=roster_of(PEOPLE), skip_bad=False, random=os.urandom)
    act(forum, issuing.issue_missing, event)
    for name in DOORS:
        forum.enrol(name)
    play(forum)
    content = content_of(forum)
    forum.close()
    return {**content, "password": password}


def act(forum: KeptForum, done: Callable[..., object], *given: object, **more: object) -> None:
    """Let the admin do it, each act at its own second."""
    forum.now += 1_000
    forum.database.write(lambda db: done(db, *given, **more, by="admin", now=forum.now))


def play(forum: KeptForum) -> None:
    """People come and go for 20 minutes during the opening; then staff act."""
    chance = random.Random(7)
    badges = [text for (text,) in forum.rows("SELECT credential FROM badge ORDER BY serial")]
    forum.now = NOW + HOUR
    for _ in range(20):
        forum.now += MINUTE
        for name, kiosk in forum.kiosks.items():
            way = Direction.ENTRY if name == "green-door" else chance.choice(list(Direction))
            kiosk.admitter.present(chance.choice(badges), at=forum.now, direction=way)
            kiosk.exchange()
    act(forum, hall_control.set_capacity, 2, 5)
    act(forum, hall_control.set_closed, 3, True)
    act(forum, hall_control.set_closed, 3, False)
    act(forum, hall_control.clear, 3)
    ((serial,),) = forum.rows("SELECT MIN(serial) FROM attendee")
    act(forum, issuing.revoke, serial, reason="lost")
    act(forum, registry.fence, "green-door", 1)
    for kiosk in forum.kiosks.values():
        kiosk.exchange()
    main = forum.kiosks["main"]
    main.transport.wire_cut = True
    for text in badges[-UNSENT:]:
        forum.now += 1_000
        main.admitter.present(text, at=forum.now, direction=Direction.ENTRY)


def content_of(forum: KeptForum) -> dict[str, object]:
    note, _ = services_of(forum.app).log.checkpoint(0)
    counts = "SELECT decision, direction, COUNT(*) FROM scan GROUP BY 1, 2 ORDER BY 1, 2"
    states = {name: kiosk.journal.state() for name, kiosk in forum.kiosks.items()}
    return {
        "size": int(note.split("\n")[1]),
        "root": note.split("\n")[2],
        "scans": forum.rows(counts),
        "open_stays": forum.rows("SELECT COUNT(*) FROM stay WHERE closed_by IS NULL")[0][0],
        "people": forum.rows("SELECT COUNT(*) FROM attendee")[0][0],
        "last_at": forum.now,
        "kiosks": {
            name: {"last_seq": state.last_seq, "waiting": state.waiting}
            for name, state in states.items()
        },
    }


def of_nobody(entry: tarfile.TarInfo) -> tarfile.TarInfo:
    """Leave out its maker and machine."""
    entry.uid = entry.gid = 0
    entry.uname = entry.gname = ""
    return entry


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        content = make(Path(folder))
        text = json.dumps(content, indent=1, ensure_ascii=False)
        (KEPT / f"{NAME}.json").write_text(f"{text}\n", encoding="utf-8")
        with tarfile.open(KEPT / f"{NAME}.tar.xz", "w:xz") as packed:
            for name in ("event", *DOORS):
                packed.add(Path(folder) / name, name, filter=of_nobody)
