"""Shared by tests of mails: an event with badges, and a real SMTP server."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from threading import Event as Flag

import pytest

from server.core.event.directory import Event
from server.core.people import issuing
from server.features.mail import outbox, sending
from server.features.mail.outbox import Choice, State
from server.features.mail.sending import Run, Tally
from server.features.mail.settings import read_mail_settings
from server.storage.database import Database
from tests.server.conftest import NOW, serial_of
from tests.server.support.postbox import Office, Postbox

PEOPLE = 12


def write_settings(event: Event, port: int, more: str = "") -> None:
    """`mail.toml` for the test's server."""
    folder = event.path / "mail"
    folder.mkdir(exist_ok=True)
    text = f'host = "127.0.0.1"\nport = {port}\nsender = "forum@example.org"\n'
    security = "" if "security" in more else 'security = "none"\n'
    (folder / "mail.toml").write_text(f"{text}rate_per_min = 6000\n{security}{more}")


@dataclass
class Mailing:
    """An event whose mails go to the test's server."""

    event: Event
    database: Database
    box: Postbox
    port: int
    now: int = NOW
    stop: Flag = field(default_factory=Flag)

    def send(self, *, rate: int = 6000, limit: int | None = None, **choice) -> Tally:
        settings = read_mail_settings(self.event.path)
        return sending.send(
            Run(
                self.event, self.database, settings, Choice("invite", **choice), by="test",
                now=lambda: self.now, rate_per_min=rate, limit=limit, stop=self.stop,
            )
        )  # fmt: skip

    def states(self) -> dict[str, str]:
        rows = self.database.reader.execute(
            "SELECT email, state FROM mail JOIN attendee USING (serial) ORDER BY email, issue"
        )
        return {row["email"]: row["state"] for row in rows.fetchall()}

    def answers(self) -> dict[str, str]:
        rows = self.database.reader.execute(
            "SELECT email, answer FROM mail JOIN attendee USING (serial)"
        )
        return {row["email"]: row["answer"] for row in rows.fetchall()}

    def count(self, state: State) -> int:
        return outbox.counts(self.database.reader, "invite")[state]

    def change(self, external_id: str, **columns: object) -> None:
        sets = ", ".join(f"{column} = ?" for column in columns)
        statement = f"UPDATE attendee SET {sets} WHERE external_id = ?"
        values = (*columns.values(), external_id)
        self.database.write(lambda db: db.execute(statement, values) and None)

    def reissue(self, external_id: str) -> None:
        serial = serial_of(self.database, external_id)
        self.database.write(
            lambda db: issuing.reissue(
                db, self.event, serial, reason="lost", now=self.now, by="test"
            )
        )


@pytest.fixture
def box() -> Postbox:
    return Postbox()


@pytest.fixture
def office(box: Postbox) -> Iterator[Office]:
    office = Office(box)
    office.start()
    yield office
    office.stop()


@pytest.fixture
def mailing(event: Event, site: Database, box: Postbox, office: Office) -> Mailing:
    """The four people of the roster, all with badges."""
    site.write(lambda db: issuing.issue_missing(db, event, now=NOW, by="test"))
    write_settings(event, office.port)
    return Mailing(event, site, box, office.port)
