"""Records what this release's programs write, by `python -m tests.releases.record`.

Run it once at each release, with its own code. It replaces the folder of that release.
"""

import json
import os
import random
import sqlite3
import tarfile
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from flask import Response, request
from werkzeug.test import TestResponse

from badges.admission.facts import Direction
from badges.credential.keys import PrivateKey
from badges.wire import session, supervisor, wire
from badges.wire.enrolment import proof
from kiosk.sync.changes import REPLICA
from server.app.new_event import init_event
from server.core.event.processes import own_version
from server.core.kiosks import registry
from server.core.occupancy import hall_control
from server.core.people import issuing
from server.core.staff import pins, users
from server.features.evidence.export import export
from server.features.evidence.selection import Selection
from server.features.imports.roster_import import import_roster
from server.features.imports.venue_import import import_venue
from server.web.services import services_of
from tests.server.conftest import HOUR, MINUTE, NOW, SETTINGS, VENUE, roster_of, venue_of
from tests.server.support.in_process import Forum, InProcessKiosk
from tests.server.support.site import clear_all
from tests.waiting import until

RELEASES = Path(__file__).parent
SMALL = VENUE.replace("capacity = 100\nfire_limit = 120", "capacity = 6\nfire_limit = 8")
PEOPLE = "id,given name,family name,organisation,country,email,category\n" + "".join(
    f"A{number},Person {number},Harbour,Pilots,DE,a{number}@example.org,{category}\n"
    for number, category in enumerate(["delegate"] * 12 + ["speaker", "press", "staff", "visitor"])
)
DOORS = ("main", "h1-west", "green-door")
UNSENT = 8
SUPERVISOR = "user:2"


class KeptForum(Forum):
    """The directory's forum, with nothing added."""

    def _build(self, db: sqlite3.Connection) -> None:
        pass


def kiosk_of(forum: KeptForum, name: str) -> InProcessKiosk:
    kiosk = forum.kiosks[name] = InProcessKiosk(forum, name, key_of(name))
    return kiosk


def key_of(name: str) -> PrivateKey:
    return PrivateKey(name.encode().ljust(32, b"."))


class Messages:
    """All requests of kiosks, with the answers."""

    def __init__(self, forum: KeptForum) -> None:
        self.forum = forum
        self.recorded: list[dict[str, Any]] = []
        forum.app.after_request(self._record)

    def _record(self, answer: Response) -> Response:
        if request.path.startswith("/api/") and not answer.direct_passthrough:
            self.recorded.append(
                {
                    "method": request.method,
                    "target": request.full_path.rstrip("?"),
                    "sent": request.get_data(as_text=True),
                    "status": answer.status_code,
                    "answer": answer.get_data(as_text=True),
                }
            )
        return answer

    def feed(self, kiosk: InProcessKiosk, then: Callable[[], object]) -> None:
        """Record the stream with all changes so far, and with the change that `then` makes."""
        with ask(kiosk, "GET", "/api/feed?after=0") as answer:
            parts = answer.iter_encoded()
            text = (next(parts) + next(parts)).decode()
            until(lambda: self._has_facts_for(kiosk))
            then()
            text += next(parts).decode()
        self.recorded.append(
            {"method": "GET", "target": "/api/feed", "sent": "", "status": 200, "answer": text}
        )

    def _has_facts_for(self, kiosk: InProcessKiosk) -> bool:
        """Whether the feed can find edits for the kiosk's door. Before, it sends no edit."""
        doors = dict(self.forum.rows("SELECT kiosk, door_id FROM kiosk ORDER BY generation"))
        door_id = doors[kiosk.journal.kiosk]
        edits = services_of(self.forum.app).hub._edits
        return edits is not None and edits.has_begun(door_id)


def ask(kiosk: InProcessKiosk, method: str, target: str, body: bytes = b"") -> TestResponse:
    headers = kiosk.transport._signer.headers(method, target, body)
    client = kiosk.forum.app.test_client()
    return client.open(target, method=method, data=body, headers=headers)


def make(path: Path) -> tuple[KeptForum, Messages, str]:
    """Play a morning in a new event at `path`. Return it with the admin's password."""
    event, password = init_event(path / "event", SETTINGS, now=NOW - 24 * HOUR, password_stays=True)
    forum = KeptForum(event, path)
    messages = Messages(forum)
    act(forum, import_venue, venue_of(event, SMALL))
    act(forum, import_roster, roster=roster_of(PEOPLE), skip_bad=False, random=os.urandom)
    act(forum, issuing.issue_missing, event)
    act(forum, users.add_user, "Mei", "supervisor", "x")
    act(forum, pins.set_pin, 2, "a hash")
    for name in DOORS:
        forum.enrol(name)
    play(forum)
    talk(forum, messages)
    leave_unsent(forum)
    return forum, messages, password


def act(forum: KeptForum, done: Callable[..., object], *given: object, **more: object) -> None:
    """Let the admin do it, each act at its own second."""
    forum.now += 1_000
    forum.database.write(lambda db: done(db, *given, **more, by="admin", now=forum.now))


def play(forum: KeptForum) -> None:
    """People come and go for 20 minutes during the opening; then staff act."""
    chance = random.Random(7)
    badges = badges_of(forum)
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
    act(forum, clear_all, 3)
    ((serial,),) = forum.rows("SELECT MIN(serial) FROM attendee")
    act(forum, issuing.revoke, serial, reason="lost")
    act(forum, registry.fence, "green-door", 1)
    for kiosk in forum.kiosks.values():
        kiosk.exchange()


def talk(forum: KeptForum, messages: Messages) -> None:
    """Send what a morning does not need: the other calls of the interface, and refused requests."""
    main, west = forum.kiosks["main"], forum.kiosks["h1-west"]
    people = wire.encode(supervisor.LookUp("person harbour", SUPERVISOR))
    ((door,),) = forum.rows("SELECT door_id FROM door WHERE code = 'h1-west'")
    move = wire.encode(supervisor.MoveDoor(door, SUPERVISOR))
    for method, target, body in (
        ("GET", REPLICA, b""),
        ("GET", "/api/names?after=0", b""),
        ("POST", "/api/people", people),
        ("GET", "/api/doors", b""),
        ("POST", session.TARGET, wire.encode(session.Offer().request)),
    ):
        ask(main, method, target, body)
    ask(west, "POST", "/api/door", move)
    ask(forum.kiosks["green-door"], "GET", REPLICA)
    ask(main, "POST", "/api/scans", b"{}")
    client = forum.app.test_client()
    client.get("/api/server-key")
    client.post("/api/scans", data=b"{}")
    key, token = key_of("new"), bytes(16)
    wrong = wire.EnrolRequest(token, key.public.raw, proof(key, token))
    client.post("/api/enrol", data=wire.encode(wrong))
    enrol_by_wire(forum)
    messages.feed(main, lambda: act(forum, hall_control.set_capacity, 1, 450))
    messages.feed(west, lambda: all_leave(forum, main))
    messages.feed(kiosk_of(forum, "new"), lambda: act(forum, registry.retire, "new"))


def all_leave(forum: KeptForum, kiosk: InProcessKiosk) -> None:
    for text in badges_of(forum):
        kiosk.admitter.present(text, at=forum.now, direction=Direction.EXIT)
    kiosk.exchange()


def enrol_by_wire(forum: KeptForum) -> None:
    def add(db: sqlite3.Connection) -> registry.EnrolmentCode:
        return registry.add_kiosk(
            db, forum.event, "new", "main", address=("localhost", 8443), by="admin",
            now=forum.now, random=os.urandom,
        )  # fmt: skip

    key, code = key_of("new"), forum.database.write(add)
    asked = wire.EnrolRequest(code.token, key.public.raw, proof(key, code.token))
    client = forum.app.test_client()
    client.post("/api/enrol", data=wire.encode(asked))
    act(forum, registry.confirm, forum.event, "new")
    client.post("/api/enrol", data=wire.encode(asked))


def leave_unsent(forum: KeptForum) -> None:
    main = forum.kiosks["main"]
    main.transport.wire_cut = True
    for text in badges_of(forum)[-UNSENT:]:
        forum.now += 1_000
        main.admitter.present(text, at=forum.now, direction=Direction.ENTRY)


def badges_of(forum: KeptForum) -> list[str]:
    return [text for (text,) in forum.rows("SELECT credential FROM badge ORDER BY serial")]


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


def written(path: Path, content: object) -> None:
    path.write_text(f"{json.dumps(content, indent=1, ensure_ascii=False)}\n", encoding="utf-8")


def record(out: Path) -> None:
    """Write the files of a release. `out` exists."""
    with tempfile.TemporaryDirectory() as folder:
        forum, messages, password = make(Path(folder))
        written(out / "messages.json", messages.recorded)
        written(out / "content.json", {**content_of(forum), "password": password})
        (out / "export.zip").unlink(missing_ok=True)
        with forum.database.reading() as db:
            export(
                db, forum.event, out / "export.zip", Selection(), now=forum.now,
                progress=lambda at, of: None,
            )  # fmt: skip
        forum.close()
        with tarfile.open(out / "event.tar.xz", "w:xz") as packed:
            for name in ("event", *DOORS):
                packed.add(Path(folder) / name, name, filter=of_nobody)
    (out / "venue.toml").write_text(SMALL, encoding="utf-8")
    (out / "roster.csv").write_text(PEOPLE, encoding="utf-8")


if __name__ == "__main__":
    target = RELEASES / ".".join(own_version().split(".")[:2])
    target.mkdir(exist_ok=True)
    record(target)
