"""The mailer is killed repeatedly: no attendee gets a mail twice, and none is left out."""

import os
import subprocess
import sys
from collections.abc import Callable

import pytest

from server.core.event.directory import Event
from server.core.people import issuing
from server.features.imports.roster_import import import_roster
from server.features.mail import outbox
from server.features.mail.outbox import State
from server.storage.database import Database
from tests.server.conftest import NOW, roster_of
from tests.server.features.mail.conftest import Mailing, write_settings
from tests.server.support.postbox import Office, Postbox
from tests.system.support.nursery import Child, Nursery
from tests.system.support.nursery import forks as forks

pytestmark = pytest.mark.system

PEOPLE = 12
BUSY_S = 240.0  # on a busy machine
ROSTER = "id,given name,family name,email,category\n" + "".join(
    f"P{n},Given{n},Family{n:02},p{n}@example.org,delegate\n" for n in range(PEOPLE)
)
EVERYBODY = {f"p{n}@example.org" for n in range(PEOPLE)}


class Mailer:
    """`hallkeeper mail invite` in its own process, which can be killed."""

    def __init__(self, event: Event, forks: Nursery) -> None:
        self.event = event
        self.forks = forks
        self.process: Child | subprocess.Popen[bytes] | None = None

    def run(self, *more: str) -> tuple[int, str]:
        words = ["mail", "invite", "--event", str(self.event.path), *more]
        process = self.process = self.forks.start([sys.executable, "-m", "server", *words])
        assert process.stdout is not None
        with process.stdout as output:
            text = output.read().decode()
        return process.wait(BUSY_S), text

    def kill(self) -> None:
        """kill -9, and wait until it is gone.

        The mail server's thread calls this; meanwhile the test may begin the next mailer. So this
        reads the process once.
        """
        process = self.process
        assert process is not None
        process.kill()
        process.wait(BUSY_S)


@pytest.fixture
def many(event: Event, database: Database, box: Postbox, office: Office) -> Mailing:
    take = {"skip_bad": False, "by": "test", "now": NOW, "random": os.urandom}
    database.write(lambda db: import_roster(db, roster=roster_of(ROSTER), **take))
    database.write(lambda db: issuing.issue_missing(db, event, now=NOW, by="test"))
    write_settings(event, office.port)
    return Mailing(event, database, box, office.port)


def at_recipient(box: Postbox, act: Callable[[str], None]) -> None:
    box.on_recipient = act


def before_text(box: Postbox, act: Callable[[str], None]) -> None:
    def drops(to: str) -> bool:
        return act(to) is not None

    box.drops = drops


def after_text(box: Postbox, act: Callable[[str], None]) -> None:
    box.on_text = act


@pytest.mark.parametrize(
    ("place", "perhaps"),
    [(at_recipient, False), (before_text, True), (after_text, True)],
    ids=["before it is said to go", "before its text", "after its text"],
)
def test_killed_and_resumed(many: Mailing, forks: Nursery, place: Callable, perhaps: bool) -> None:
    mailer = Mailer(many.event, forks)
    killed: list[str] = []

    def kill(to: str) -> str | None:
        if len(killed) < 2 and to not in killed and to in victims:
            killed.append(to)
            mailer.kill()
            return "killed" if place is before_text else None
        return None

    victims = {"p2@example.org", "p11@example.org"}
    place(many.box, kill)
    for n in range(2):
        status, _ = mailer.run()
        assert status == -9
        assert len(killed) == n + 1
    status, output = mailer.run()
    assert status == 0, output

    times = many.box.times()
    assert max(times.values()) == 1, "somebody got it twice"
    uncertain = {to for to, state in many.states().items() if state == "sending"}
    assert uncertain == (set(killed) if perhaps else set())
    assert set(times) | uncertain == EVERYBODY, "somebody was lost"
    if not perhaps:
        assert many.count(State.SENT) == PEOPLE
        return
    assert "To 2 people a mail was perhaps sent" in output

    status, output = mailer.run("--resend-uncertain")
    assert (status, set(many.states().values())) == (0, {"sent"})
    again = many.box.times()
    assert set(again) == EVERYBODY
    twice = {to for to, count in again.items() if count > 1}
    assert twice == (set(killed) if place is after_text else set())
    for to in twice:
        own = {mail.message["Message-ID"] for mail in many.box.taken if mail.to == to}
        assert len(own) == 1, "the repeated mail is not known as the same"


def test_ctrl_c_ends_it_after_the_mail_on_its_way(many: Mailing, forks: Nursery) -> None:
    mailer = Mailer(many.event, forks)

    def interrupt(to: str) -> None:
        if len(many.box.taken) == 4:
            assert mailer.process is not None
            mailer.process.terminate()

    many.box.on_text = interrupt
    status, output = mailer.run()
    assert status == 0
    assert "are still to send: run it again." in output
    assert many.count(State.SENT) == len(many.box.taken) < PEOPLE
    assert many.count(State.SENDING) == 0
    many.box.on_text = lambda to: None
    assert mailer.run()[0] == 0
    assert many.box.times() == dict.fromkeys(EVERYBODY, 1)


def test_two_at_once_send_nothing_twice(many: Mailing, forks: Nursery) -> None:
    """The second is refused with the reason."""
    second: list[tuple[int, str]] = []

    def start(to: str) -> None:
        if not second:
            second.append(Mailer(many.event, forks).run())

    many.box.on_text = start
    status, output = Mailer(many.event, forks).run()
    assert status == 0, output
    assert second[0][0] == 1
    assert "being sent already" in second[0][1]
    assert many.box.times() == dict.fromkeys(EVERYBODY, 1)


def test_what_is_on_disk_is_what_the_server_took(many: Mailing, forks: Nursery) -> None:
    """Killed at the very next mail, all mails answered before count as sent."""
    mailer = Mailer(many.event, forks)

    def kill(to: str) -> None:
        if len(many.box.taken) == 6:
            mailer.kill()

    many.box.on_recipient = kill
    assert mailer.run()[0] == -9
    sent = outbox.counts(many.database.reader, "invite")
    assert (sent[State.SENT], sent[State.SENDING]) == (6, 0)
