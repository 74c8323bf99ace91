"""Makes a random event with the real server, and real kiosks at some of its doors.

One seed determines everything: halls in halls, zones, policies, overlapping sessions, guests, and
people whose badges are old, revoked, likely copied, missing or contradict the roster.
"""

import contextlib
import os
import random
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import argon2
from flask import Flask

from badges.credential.credential import issue_credential
from badges.credential.keys import PrivateKey
from badges.record import PlaceKind
from badges.wire import wire
from badges.wire.enrolment import proof
from kiosk.door.admit import Admitter
from kiosk.journal.journal import Journal
from kiosk.replica.replica import Replica
from kiosk.sync.follow import Feed
from kiosk.sync.link import Link
from kiosk.sync.signer import Signer
from kiosk.sync.upload import Sync
from server.app.app import close_app, create_app
from server.app.new_event import init_event
from server.core.event.calendar import day_starts
from server.core.event.directory import Event
from server.core.event.settings import EventSettings
from server.core.kiosks import registry
from server.core.occupancy import hall_control
from server.core.people import attendees, day_credentials, issuing
from server.core.staff import users
from server.core.venue import nesting, store
from server.features.imports.venue_file import read_venue
from server.features.imports.venue_import import import_venue
from server.storage.database import Database
from tests.server.support.in_process import AppTransport

HOUR = 3_600_000
MINUTE = 60_000
KEYS = ("delegate", "speaker", "exhibitor", "press", "staff", "vip", "visitor")
ZONES = ("public", "backstage", "press-area")
TIME_ZONES = ("Asia/Shanghai", "Europe/Berlin", "America/New_York")
KIOSKS = 6


class Kiosk:
    """A kiosk at a door, by the clock of its world. Its threads do not run."""

    def __init__(self, world: "World", name: str) -> None:
        self.world, self.name = world, name
        self.key = PrivateKey(name.encode().ljust(32, b"."))
        world.enrol(name, self.key)
        directory = world.path / name
        directory.mkdir()
        identity, root = (name, 1), world.event.root_key.public
        event_id = world.event.event_id
        self.journal = Journal(directory / "journal.db", *identity, self.key, root=root,
                               event_id=event_id)  # fmt: skip
        # The monotonic clock stands still, so that the kiosk's facts stay fresh.
        clock, still = (lambda: world.now), (lambda: 0)
        self.replica = Replica(
            directory / "replica.db", *identity, root, clock=clock, monotonic=still
        )
        link = Link(clock)
        transport = AppTransport(world, Signer(*identity, self.key, self.journal.next_counter))
        self._feed = Feed(self.journal, self.replica, transport, link)
        self._sync = Sync(self.journal, self.replica, transport, link, clock=clock)
        self.admitter = Admitter(self.journal, self.replica, monotonic=still)

    def hear(self) -> None:
        """Fetch the server's facts, and places."""
        self._feed._answered(self._feed._snapshot())
        for _ in range(8):
            if not self._sync.exchange() and self.journal.state().waiting == 0:
                break
        self._sync.exchange()

    def close(self) -> None:
        self.journal.close()
        self.replica.close()


@dataclass
class World:
    """An event, its server's app and database, and its kiosks by door."""

    event: Event
    database: Database
    path: Path
    app: Flask = field(init=False)
    now: int = 0
    kiosks: list[Kiosk] = field(default_factory=list)
    doors: dict[str, tuple[str, str]] = field(default_factory=dict)  # kiosk: its door and hall
    serials: list[int] = field(default_factory=list)

    def enrol(self, name: str, key: PrivateKey) -> None:
        door = self.doors[name][0]

        def step(db) -> None:
            code = registry.add_kiosk(
                db, self.event, name, door, address=("localhost", 1), by="test", now=self.now,
                random=os.urandom,
            )  # fmt: skip
            asked = wire.EnrolRequest(code.token, key.public.raw, proof(key, code.token))
            registry.enrol(db, self.event, asked, self.now)
            registry.confirm(db, self.event, name, by="test", now=self.now)

        self.database.write(step)

    def badge(self, serial: int, issue: int | None, at: int) -> str:
        """Return the text of a badge; without a badge, the text that would be issued.

        Without an issue, it is the newest issue's day credential, if there is one on that day.
        """
        db = self.database.reader
        days = day_starts(self.event.settings)
        for credential in day_credentials.of_attendee(db, serial) if issue is None else ():
            newest = credential.issue == attendees.attendee(db, serial).issue
            if newest and days[credential.day] <= at < days[credential.day + 1]:
                return credential.credential
        badges = issuing.badges_of(db, serial)
        if not badges:
            key = self.event.issuing_key_id
            fields = issuing.credential_of(attendees.attendee(db, serial), 1, key)
            return issue_credential(self.event.badge_keys[key], self.event.event_id, fields)
        return next(
            credential.credential
            for credential in reversed(badges)
            if issue in (None, credential.issue)
        )

    def instants(self, draw: random.Random) -> int:
        """An instant: at an edge of a day or session, beside one, or anywhere."""
        db, days = self.database.reader, day_starts(self.event.settings)
        edges = [*days]
        for row in store.sessions(db):
            edges += [row.opens_at, row.starts_at, row.ends_at, row.closes_at]
        if draw.random() < 0.8:
            return draw.choice(edges) + draw.choice((-1, 0, 1, 0, 61_000))
        return draw.randrange(days[0] - 6 * HOUR, days[-1] + 6 * HOUR)


@contextmanager
def random_world(path: Path, seed: int, people: int = 120) -> Iterator[World]:
    """Make the world of a seed; close it at the end."""
    draw = random.Random(seed)
    settings = EventSettings(
        name={"en": "Random Forum", "zh": "随机论坛"},
        time_zone=draw.choice(TIME_ZONES),
        # Includes the night of a clock change in some of the zones.
        first_day=draw.choice((date(2026, 5, 4), date(2026, 3, 27), date(2026, 10, 24))),
        days=draw.randint(2, 5),
        public_host="localhost",
        host="127.0.0.1",
        port=8443,
    )
    kept, users.HASHER = users.HASHER, argon2.PasswordHasher(time_cost=1, memory_cost=8,
                                                             parallelism=1)  # fmt: skip
    try:
        before = day_starts(settings)[0] - 24 * HOUR
        event, _ = init_event(path / "event", settings, now=before)
    finally:
        users.HASHER = kept
    with Database(event.database_path) as database:
        world = World(event, database, path, now=before)
        plan = read_venue(venue_text(draw, settings).encode(), "venue.toml", settings)
        database.write(lambda db: import_venue(db, plan, by="test", now=before))
        database.write(lambda db: _fill(db, world, draw, people))
        world.app = create_app(event, database, now=lambda: world.now)
        try:
            _kiosks(world, draw)
            yield world
        finally:
            for kiosk in world.kiosks:
                kiosk.close()
            close_app(world.app)


def venue_text(draw: random.Random, settings: EventSettings) -> str:
    parts = [f'[[zone]]\nbit = {bit}\ncode = "{code}"\n' for bit, code in enumerate(ZONES)]
    halls = [f"h{n}" for n in range(draw.randint(5, 9))]
    parents: dict[str, str] = {}
    for at, hall in enumerate(halls):
        if at and draw.random() < 0.4:
            parents[hall] = draw.choice(halls[:at])
        closed_to_some = draw.random() < 0.7
        parts.append(_hall(draw, hall, parents.get(hall), closed_to_some))
        for n in range(draw.randint(1, 2)):
            parts.append(_door(draw, f"{hall}-d{n}", hall, parents))
        for n in range(draw.choice((0, 2, 5, 12))):
            parts.append(_session(draw, f"{hall}-s{n}", hall, closed_to_some, settings))
    return "\n".join(parts)


def _some(draw: random.Random) -> str:
    keys = draw.sample(KEYS, draw.randint(1, 4))
    return f"[{', '.join(repr(key) for key in keys)}]".replace("'", '"')


def _hall(draw: random.Random, code: str, parent: str | None, closed_to_some: bool) -> str:
    lines = ["[[hall]]", f'code = "{code}"', f'name = "Hall {code}"', "capacity = 5000"]
    if draw.random() < 0.7:
        lines.append(f'name_zh = "{code}号厅"')
    if parent:
        lines.append(f'parent = "{parent}"')
    if closed_to_some:
        lines.append(draw.choice(("sessions_only = true", f"categories = {_some(draw)}",
                                  "categories = []")))  # fmt: skip
    if draw.random() < 0.4:
        lines.append(f'zones = ["{draw.choice(ZONES)}"]')
    lines.append(f'anti_passback = "{draw.choice(("off", "soft", "hard"))}"')
    if draw.random() < 0.3:
        lines.append("facts_age_max_min = 5")
    return "\n".join([*lines, ""])


def _door(draw: random.Random, code: str, hall: str, parents: dict[str, str]) -> str:
    around, above = ["outside"], parents.get(hall)
    while above is not None:
        around.append(above)
        above = parents.get(above)
    lines = ["[[door]]", f'code = "{code}"', f'hall = "{hall}"', f'name = "Door {code}"']
    if len(around) > 1 and draw.random() < 0.7:
        lines.append(f'from = "{draw.choice(around)}"')
    return "\n".join([*lines, ""])


def _session(
    draw: random.Random, code: str, hall: str, closed_to_some: bool, settings: EventSettings
) -> str:
    day = settings.first_day + timedelta(days=draw.randrange(settings.days))
    starts = datetime(day.year, day.month, day.day, tzinfo=UTC) + timedelta(
        hours=draw.randint(4, 23), minutes=draw.choice((0, 15, 30, 45))
    )
    ends = starts + timedelta(minutes=draw.choice((15, 45, 60, 90, 240)))
    lines = [
        "[[session]]", f'code = "{code}"', f'hall = "{hall}"', f'title = "Session {code}"',
        f'starts = "{starts:%Y-%m-%d %H:%M}"', f'ends = "{ends:%Y-%m-%d %H:%M}"',
        f"opens_before_min = {draw.choice((0, 10, 30, 120))}",
        f"closes_after_min = {draw.choice((0, 0, 5, 60))}",
    ]  # fmt: skip
    if draw.random() < 0.6:
        lines.append(f'title_zh = "会议{code}"')
    if closed_to_some and draw.random() < 0.7:
        lines.append(f"categories = {draw.choice(('[]', _some(draw), _some(draw)))}")
    return "\n".join([*lines, ""])


def _fill(db, world: World, draw: random.Random, people: int) -> None:
    """People with badges of every kind, and guests."""
    now, codes = world.now, [person.code for person in store.categories(db)]

    def values() -> dict[str, object]:
        days = draw.choice((*[0xFFFF] * 6, draw.randrange(32), 0b10))
        zones = draw.choice((*[0xFFFFFFFF] * 5, draw.randrange(8), 0))
        return {"category": draw.choice(codes), "valid_days": days, "zones": zones}

    for number in range(people):
        row = {"given_name": f"Given{number}", "family_name": "Family",
               "external_id": f"P{number}", "flags": draw.choice((0, 0, 0, 1, 2, 3))}  # fmt: skip
        person = attendees.add_attendee(
            db, row | values(), by="test", now=now, random=draw.randbytes
        )
        world.serials.append(person.serial)
        if number == people - 10:
            issuing.issue_missing(db, world.event, now=now, by="test")
    badged = world.serials[: people - 9]
    for serial in draw.sample(badged, people // 10):
        issuing.reissue(db, world.event, serial, reason="lost", now=now, by="test")
    for serial in draw.sample(badged, people // 8):
        attendees.change_attendee(db, serial, values(), by="test", now=now)
    _give_day_credentials(db, world, badged, random.Random(repr(draw.getstate())))
    for serial in draw.sample(badged, people // 12):
        issuing.revoke(db, serial, reason="conduct", now=now, by="test")
    for serial in draw.sample(badged, people // 12):
        row = (serial, draw.randint(1, 2), now, draw.choice((None, None, now)))
        db.execute(
            "INSERT INTO likely_copy (serial, issue, number, noticed_at, cleared_at)"
            " VALUES (?, ?, 0, ?, ?)",
            row,
        )
    for session in store.sessions(db):
        for serial in draw.sample(world.serials, draw.randint(0, people // 4)):
            invited = draw.random() < 0.7
            db.execute(
                "INSERT INTO session_guest VALUES (?, ?, ?)", (session.session_id, serial, invited)
            )


def _give_day_credentials(db, world: World, badged: list[int], draw: random.Random) -> None:
    """Give out one or two if allowed, and replace some of the badges afterwards."""
    now, days = world.now, range(world.event.settings.days)
    for serial in draw.sample(badged, len(badged) // 3):
        for day in draw.sample(days, draw.choice((1, 1, 2))):
            with contextlib.suppress(issuing.IssuingError):
                day_credentials.issue_day_credential(
                    db, world.event, serial, day=day, by="test", now=now
                )
    for serial in draw.sample(badged, len(badged) // 12):
        issuing.reissue(db, world.event, serial, reason="lost", now=now, by="test")


def _kiosks(world: World, draw: random.Random) -> None:
    """Put kiosks with places at some doors, close some halls, and update the kiosks."""
    db = world.database.reader
    halls = {row.hall_id: row.code for row in store.halls(db)}
    doors = store.doors(db)
    for door in draw.sample(doors, min(KIOSKS, len(doors))):
        name = f"k-{door.code}"
        world.doors[name] = (door.code, halls[door.hall_id])
        world.kiosks.append(Kiosk(world, name))
    for kiosk in world.kiosks:
        kiosk.hear()
    for kiosk in world.kiosks:
        assert all(account.free for key, account in kiosk.journal.accounts().items()
                   if key.kind is PlaceKind.ORDINARY), "every door has places"  # fmt: skip
    if draw.random() < 0.7:
        here = {code for code, _ in world.doors.values()}
        db = world.database.reader  # a request gives the earlier one back
        outer = [nesting.outer_of(db, door.door_id) for door in doors if door.code in here]
        around = sorted({hall for those in outer for hall in those})
        closed = draw.choice(around or list(halls))
        world.database.write(
            lambda db: hall_control.set_closed(db, closed, True, by="test", now=world.now)
        )
        for kiosk in world.kiosks:
            kiosk._feed._answered(kiosk._feed._snapshot())
