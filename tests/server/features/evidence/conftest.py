"""An event's entry log with scans of three doors, cosignatures, and its export."""

import copy
import functools
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from badges.transparency.checkpoint import cosign, witness_name
from badges.wire import wire
from server.core.entry_log import cosignatures, entry_log
from server.core.entry_log.act_names import Act
from server.core.event.directory import Event
from server.features.evidence import verify
from server.features.evidence.export import export
from server.features.evidence.selection import Selection
from server.features.evidence.verify import check
from server.storage.database import Database
from tests.server.conftest import MINUTE, NOW
from tests.server.support.fake_door import FakeDoor
from tests.server.support.site import Site, open_site
from tests.server.support.templates import STARTS, Templates

NOTE = "left the badge in the hotel"


@pytest.fixture(scope="module", autouse=True)
def _each_signature_is_verified_once() -> Iterator[None]:
    """Cache verifications, which depend only on key, message and signature: an export is verified
    hundreds of times with few changes.
    """
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(verify.Key, "signed", functools.cache(verify.Key.signed))
        yield


@dataclass
class Evidence:
    """A log, its files and exports."""

    event: Event
    site: Site
    folder: Path

    @property
    def database(self) -> Database:
        return self.site.database

    @property
    def log(self) -> entry_log.Log:
        return entry_log.Log(self.database, self.event.log_name, self.event.log_key)

    def scan(self, door: FakeDoor, serial: int, at: int, *, salted: bool = True, **changes) -> None:
        if salted:
            changes |= {"v": 2, "salt": random.randbytes(16).hex()}
        door.scan(at, serial, **changes)

    def send(self, door: FakeDoor, now: int) -> None:
        self.site.send(door, now)

    def cosign(self, door: FakeDoor, now: int) -> None:
        """As the door does after verifying the newest checkpoint."""
        log = self.log
        size = log.size()
        name = witness_name(self.event.log_name, door.kiosk, 1)
        line = cosign(door.key, name, log.note(size), now // 1000)
        kiosk = (door.kiosk, 1)
        self.database.write(
            lambda db: cosignatures.keep(
                db, log, kiosk, door.key.public.raw, wire.Cosigned(size, line), now
            )
        )

    def act(self, act: Act, now: int, **subject: str | int) -> None:
        self.database.write(lambda db: entry_log.act(db, "user:1", act, subject, now))

    def export(self, selection: Selection | None = None, name: str = "export") -> Path:
        out = self.folder / name
        with self.database.reading() as db:
            export(
                db, self.event, out, selection or Selection(), now=NOW, progress=lambda at, of: None
            )
        return out

    def rows(self, sql: str) -> list[tuple]:
        return self.site.rows(sql)

    def alter(self, statement: str, *values: object) -> None:
        self.database.write(lambda db: db.execute(statement, values))


def forty_minutes(event: Event, database: Database) -> tuple[FakeDoor, ...]:
    """Write scans at three doors, acts between them, and cosignatures. Return all four doors."""
    evidence = Evidence(event, open_site(database), event.path)
    doors = (evidence.site.west, evidence.site.east, evidence.site.other)
    for minute in range(40):
        now = NOW + minute * MINUTE
        for number, door in enumerate(doors):
            serial = (minute * 3 + number) % 20 + 1
            evidence.scan(door, serial, now, decision="denied", reason="not_entitled")
            if minute % 4 == number:
                evidence.scan(door, serial, now, decision="denied", reason="revoked")
            evidence.send(door, now)
            if minute % 8 == number:
                evidence.cosign(door, now)
        if minute % 10 == 0:
            evidence.act(Act.HALL_CLOSED, now, hall=1)
            evidence.act(Act.BADGE_REVOKED, now, serial=7)
    for door in doors:
        evidence.cosign(door, NOW + 40 * MINUTE)
    return (*doors, evidence.site.room)


STARTS["evidence"] = forty_minutes


@pytest.fixture
def evidence(event: Event, database: Database, templates: Templates, tmp_path: Path) -> Evidence:
    doors = copy.deepcopy(templates.get(forty_minutes).returned)
    return Evidence(event, Site(database, *doors), tmp_path)


@pytest.fixture
def verified() -> Callable[..., list[str]]:
    def findings(path: Path, *checkpoints: bytes, key: str | None = None, **options) -> list[str]:
        return check(path, checkpoints=list(checkpoints), key=key, **options)[0]

    return findings
