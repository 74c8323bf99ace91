"""A person with data in every place of the event, among others."""

import io
import json
import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from PIL import Image

from server.core.edits import last_edit
from server.core.edits.things import Thing
from server.core.entry_log import entry_log
from server.core.entry_log.act_names import Act
from server.core.event.directory import Event
from server.core.people import attendees, day_credentials, issuing, phone_links, protocol_guests
from server.core.staff import users
from server.core.venue import kept_places
from server.features.desk import photo
from server.storage.database import Database
from tests.server.conftest import HOUR, MINUTE, NOW
from tests.server.support.fake_door import FakeDoor
from tests.server.support.pages import Pages

NAMES = ("Wilhelmina", "Quartermaine-Ōkubo")
VALUES = {
    "given_name": NAMES[0], "family_name": NAMES[1], "latin_name": "Wilhelmina Quartermaine",
    "organisation": "Zephyrine Instruments", "country": "NZ",
    "email": "wilma.q@zephyrine.example", "phone": "+64215550199",
    "order_number": "ORD-QX-77120", "external_id": "REG-ZQ-90417",
    "job_title": "Vexillologist General",
}  # fmt: skip
# Absent after her erasure, also in small letters, as in the search index.
SECRETS = (
    "Wilhelmina", "Quartermaine", "Ōkubo", "Zephyrine", "wilma.q", "5550199", "QX-77120",
    "ZQ-90417", "Vexillologist", "wilhelmina", "quartermaine", "zephyrine",
)  # fmt: skip


@dataclass
class Forum:
    """The event, the person, and a door that she passed."""

    pages: Pages
    serial: int
    door: FakeDoor
    backups: Path

    @property
    def event(self) -> Event:
        return self.pages.event

    @property
    def database(self) -> Database:
        return self.pages.database

    def rows(self, sql: str, *values: object) -> list[tuple]:
        return [tuple(row) for row in self.database.reader.execute(sql, values)]

    def broken_references(self) -> list[tuple]:
        """References to deleted rows. PostgreSQL checks at the commit, and SQLite if set to."""
        if not isinstance(self.database.reader, sqlite3.Connection):
            return []
        return self.rows("PRAGMA foreign_key_check")


@pytest.fixture
def forum(event: Event, site: Database, tmp_path: Path) -> Iterator[Forum]:
    backups = tmp_path / "second"
    backups.mkdir()
    cards = event.path / "cards"
    (cards / "photos").mkdir(parents=True)
    (cards / "cards.toml").write_text('photos = "photos"\n', "utf-8")
    settings = replace(event.settings, backup_dir=str(backups), desk_photo=True)
    event = replace(event, settings=settings)
    with Pages(event, site) as pages:
        yield _lived(pages, backups)


def _lived(pages: Pages, backups: Path) -> Forum:
    event, database = pages.event, pages.database
    category = database.reader.execute("SELECT category FROM attendee LIMIT 1").fetchone()[0]
    serial = database.write(
        lambda db: (
            attendees.add_attendee(
                db, {**VALUES, "category": category}, by="user:1", now=NOW, random=_random()
            ).serial
        )
    )
    pages.issue()
    database.write(lambda db: _at_the_desk(db, event, serial))
    door = pages.connected_kiosk("north", "main")
    pages.send(door)
    entry = door.scan(NOW, serial)
    door.leave(NOW + MINUTE, serial, door.ref(entry))
    door.scan(
        NOW + 2 * MINUTE, serial, decision="denied", reason="revoked", act="override",
        by="user:1", note="Wilhelmina left her badge at the hotel", v=2, salt="ab" * 16,
    )  # fmt: skip
    other = door.scan(NOW + 3 * MINUTE, pages.serial("A1"))
    door.leave(NOW + 4 * MINUTE, pages.serial("A1"), door.ref(other))
    pages.now = NOW + HOUR
    pages.send(door)
    return Forum(pages, serial, door, backups)


def _random():
    return lambda count: bytes([0x4D, 0x21, 0x77])[:count]


def _at_the_desk(db, event: Event, serial: int) -> None:
    holder = attendees.attendee(db, serial)
    zone = event.settings.time_zone
    with last_edit.kept(
        db, ZoneInfo(zone), [Thing("attendee", str(serial))], by="user:1", now=NOW
    ) as note:
        attendees.change_attendee(
            db, serial, {"given_name": "Wilhelmina Ada"}, by="user:1", now=NOW
        )
        note.what = "Wilhelmina Quartermaine: name"
    issuing.reissue(db, event, serial, reason="changed", now=NOW, by="user:1")
    issuing.withdraw(db, serial, now=NOW, by="user:1")
    issuing.reissue(db, event, serial, reason="changed", now=NOW, by="user:1")
    day_credentials.issue_day_credential(db, event, serial, day=0, by="user:1", now=NOW)
    phone_links.renew(db, serial, by="user:1", now=NOW)
    kept_places.put(db, [(serial, kept_places.kind_named("wheelchair"))], by="user:1", now=NOW)
    protocol_guests.set_protocol_guest(db, serial, [1], by="user:1", now=NOW)
    # The organiser supplied one, named by the registration.
    (event.path / "cards/photos/REG-ZQ-90417.jpg").write_bytes(b"earlier")
    picture = io.BytesIO()
    Image.new("RGB", (40, 50), "red").save(picture, "JPEG")
    photo.keep(db, event, holder, photo.prepared(picture.getvalue()), by="user:1", now=NOW)
    _in_musters_and_lists(db, serial)
    db.execute("INSERT INTO awaited_guest VALUES ('later', ?, 1)", (VALUES["email"].upper(),))
    session = db.execute("SELECT MIN(session_id) FROM session").fetchone()[0]
    db.execute("INSERT INTO session_guest VALUES (?, ?, 1)", (session, serial))
    db.execute(
        "INSERT INTO session_speaker VALUES (?, 1, ?, ?, ?, 'keynote', NULL)",
        (session, serial, VALUES["external_id"], "Wilhelmina Quartermaine-Ōkubo"),
    )
    db.execute(
        "INSERT INTO mail VALUES (?, 1, 'badge', '<q@x>', x'01', 'bounced', 1, ?, ?)",
        (serial, NOW, "550 wilma.q@zephyrine.example unknown"),
    )
    db.execute("INSERT INTO calendar_person VALUES (?, 'Wilhelmina')", (serial,))
    db.execute("INSERT INTO wallet_pass VALUES (?, 1, ?, ?)", (serial, b"Quartermaine", NOW))
    db.execute("INSERT INTO wallet_device VALUES ('dev', ?, 1, 'token', ?)", (serial, NOW))
    db.execute(
        "INSERT INTO desk_submission"
        " VALUES (1, 'n', 'd', 'user:1', ?, 'correction', ?, 1, ?, NULL, 1, ?, ?, NULL)",
        (NOW, serial, NOW, NOW, json.dumps({"given_name": "Wilhelmina"})),
    )
    db.execute("INSERT INTO card_box VALUES (?, 'Q–S')", (serial,))
    db.execute("INSERT INTO id_check VALUES (?, 'user:1', ?)", (serial, NOW))


def stored(folder: Path) -> bytes:
    """All bytes of all files below a folder."""
    return b"\x00".join(path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file())


def _in_musters_and_lists(db, serial: int) -> None:
    user = users.add_user(db, "Robin", "auditor", "x", by="test", now=NOW).user_id
    db.execute(
        "INSERT INTO saved_filter (user_id, page, name, query, shared, made_at)"
        " VALUES (?, 'entries', 'Quartermaine', 'person=Quartermaine&act=exit', 0, ?)",
        (user, NOW),
    )
    db.execute(
        "INSERT INTO attention VALUES ('denials', ?, 0, 'seen', 3, 'Wilhelmina was sent to the"
        " desk', 'user:1', ?)",
        (serial, NOW),
    )
    # Notes about other things that name her
    db.execute(
        "INSERT INTO attention VALUES ('door', 1, 0, 'seen', 3, 'Wilhelmina Ada Quartermaine-Ōkubo"
        " fell here', 'user:1', ?)",
        (NOW,),
    )
    db.execute(
        "INSERT INTO taken_alert VALUES ('hall:1', 1, ?, 'user:1', ?, 'WILMA.Q@zephyrine.example"
        " was told')",
        (NOW, NOW),
    )
    subject = {"trouble": "hall:1", "level": 1, "note": f"call {VALUES['phone']}"}
    entry_log.act(db, "user:1", Act.TROUBLE_TAKEN, subject, NOW)
    entry_log.act(db, "user:1", Act.TROUBLE_TAKEN, {**subject, "note": "on my way"}, NOW)
    db.execute(
        "INSERT INTO roster_mapping VALUES ('Last year', ?, ?)",
        (json.dumps({"word:REG-ZQ-90417": "vip"}), NOW),
    )
    db.execute("INSERT INTO roster_mapping VALUES ('Shop', '{}', ?)", (NOW,))
    db.execute(
        "INSERT INTO muster VALUES (1, 'drill', ?, 'user:1', ?, 'user:1', '', 0)", (NOW, NOW)
    )
    hall = db.execute("SELECT MIN(hall_id) FROM hall").fetchone()[0]
    db.execute("INSERT INTO muster_hall VALUES (1, ?, 'exits_scanned', NULL, '[]', 0)", (hall,))
    db.execute(
        "INSERT INTO muster_person (muster_id, serial, hall_id, kiosk, generation, seq, door_id,"
        " since, sureness, seen_at) VALUES (1, ?, ?, 'north', 1, 1, 1, ?, 'exits_scanned', ?)",
        (serial, hall, NOW, NOW),
    )
    db.execute(
        "INSERT INTO muster_seen (muster_id, serial, at, not_before, clock_known, epoch, point)"
        " VALUES (1, ?, ?, ?, 1, 0, 'north lawn')",
        (serial, NOW, NOW),
    )
