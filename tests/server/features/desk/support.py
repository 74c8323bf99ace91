"""A clerk at a desk, as the stores see them: each form has a nonce and its page's mark."""

import os
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import pytest

from server.core.event.directory import Event
from server.core.programme import speakers
from server.core.programme.guests import await_guests
from server.core.programme.speakers import Speaker, put_speakers
from server.features.desk import correction, hand_over, id_check, submissions, undo, walk_in
from server.features.desk.submissions import DeskError, Done, Form, Why
from server.features.desk.undo import UndoPlan
from server.features.printers import store
from server.features.printers.states import PrinterState, Status
from server.storage.database import Database
from tests.server.conftest import NOW, serial_of

DELEGATE = 1


@dataclass
class Clerk:
    event: Event
    database: Database
    desk: str = "North 2"
    by: str = "user:1"
    now: int = NOW
    opened: dict[int, str] = field(default_factory=dict)

    def open(self, serial: int) -> "Clerk":
        """Open a person's page. The next act on them has the mark of now."""
        self.opened[serial] = submissions.mark(self.database.reader, serial)
        return self

    def form(self, serial: int | None = None, nonce: str = "") -> Form:
        """A form of a page made now, unless the person's page was opened before."""
        self.now += 1_000
        seen = ""
        if serial is not None:
            opened = self.opened.pop(serial, "")
            seen = opened or submissions.mark(self.database.reader, serial)
        begun_at = self.now - 20_000
        return Form(
            nonce or secrets.token_urlsafe(16), seen, self.desk, self.by, begun_at, self.now
        )

    def serial(self, external_id: str) -> int:
        return serial_of(self.database, external_id)

    def print(self, serial: int, form: Form | None = None) -> Done:
        asked = form or self.form(serial)
        return self.database.write(lambda db: hand_over.print_badge(db, self.event, asked, serial))

    def reissue(self, serial: int, reason: str = "lost", form: Form | None = None) -> Done:
        asked = form or self.form(serial)
        return self.database.write(
            lambda db: hand_over.reissue(db, self.event, asked, serial, reason)
        )

    def phone(self, serial: int) -> Done:
        asked = self.form(serial)
        return self.database.write(lambda db: hand_over.show_phone_link(db, asked, serial))

    def walk_in(self, form: Form | None = None, seen: tuple[int, ...] = (), **values: Any) -> Done:
        asked = form or self.form()
        given: Mapping[str, Any] = {"given_name": "Noa", "family_name": "Bodin",
                                    "category": DELEGATE, **values}  # fmt: skip
        return self.database.write(
            lambda db: walk_in.register(db, self.event, asked, given, seen=seen, random=os.urandom)
        )

    def correct(self, serial: int, form: Form | None = None, **values: Any) -> Done | None:
        asked = form or self.form(serial)
        return self.database.write(
            lambda db: correction.correct(db, self.event, asked, serial, values)
        )

    def check_id(self, serial: int, form: Form | None = None) -> Done:
        asked = form or self.form(serial)
        return self.database.write(lambda db: id_check.note(db, asked, serial))

    def undo(self, submission_id: int | None = None, form: Form | None = None) -> Done:
        asked = form or self.form()
        if submission_id is None:
            plan = self.plan()
            assert plan is not None
            submission_id = plan.submission.submission_id
        chosen = submission_id
        return self.database.write(lambda db: undo.undo(db, self.event, asked, chosen))

    def plan(self) -> UndoPlan | None:
        return undo.undo_plan(self.database.reader, self.by, self.now)


def await_noa(database: Database) -> None:
    """Name noa@example.org, who is not on the roster yet, in each session of the venue."""

    def step(db) -> None:
        await_guests(db, "opening", ["noa@example.org"], invited=False)
        await_guests(db, "press", ["noa@example.org"], invited=True)
        (session_id,) = db.execute("SELECT session_id FROM session WHERE code = 'press'").fetchone()
        put_speakers(
            db, session_id, [Speaker(None, "noa@example.org", "Noa Bodin", "panellist", None)]
        )

    database.write(step)


def named(database: Database, serial: int) -> dict[str, bool | str]:
    """The sessions that name a person, with invited (True) or refused (False), or the role."""
    rows = database.reader.execute(
        "SELECT code, invited FROM session_guest JOIN session USING (session_id) WHERE serial = ?",
        (serial,),
    )
    talks = {talk.titles["en"]: talk.role for talk in speakers.talks(database.reader, serial)}
    return {row["code"]: bool(row["invited"]) for row in rows} | talks


NAMED = {"opening": False, "press": True, "Press hour": "panellist"}


def add_printer(database: Database, name: str = "North", desks: tuple[str, ...] = ()) -> int:
    """A printer that reports ready. No worker drives it."""
    plan = store.PrinterPlan(
        name=name, address="127.0.0.1:9100", kind="zpl", format="62mm", desks=desks
    )

    def step(db) -> int:
        number = store.add(db, plan, by="test", now=NOW)
        store.note_status(db, number, Status(PrinterState.READY), NOW)
        return number

    return database.write(step)


def refused(why: Why) -> Any:
    """Expect a refusal with this reason."""
    return pytest.raises(DeskError, check=lambda error: error.why is why)
