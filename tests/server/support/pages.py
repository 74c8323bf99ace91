"""Shared by the tests of pages: the app at a fixed time, staff of every role, kiosks."""

import html
import os
import re
import sys
from dataclasses import dataclass, field
from typing import Any

from flask import Flask, session
from flask.testing import FlaskClient
from flask_wtf.csrf import generate_csrf
from werkzeug.test import TestResponse, create_environ

from badges.admission.facts import Calendar
from badges.wire import wire
from badges.wire.enrolment import proof
from server.app.app import close_app, create_app
from server.core.entry_log import entry_log
from server.core.entry_log.act_names import Act
from server.core.event.calendar import day_starts
from server.core.event.clock import ServerClock
from server.core.event.directory import Event
from server.core.event.settings import ROLES
from server.core.kiosks import contact, registry
from server.core.ledger import ingest
from server.core.people import attendees, issuing
from server.core.staff import users
from server.storage import dialect
from server.storage.database import Database
from server.web import auth
from tests.server.conftest import HOUR, MINUTE, NOW, serial_of
from tests.server.support.fake_door import FakeDoor

PASSWORD = "correct-horse-42"
FORM_COOKIE = "__Host-hallkeeper-form"
A_PAGE = create_environ("/admin/", "https://localhost")  # made once, in a server's form


@dataclass
class Staff:
    """A staff member's browser: keeps cookies, and sends form tokens and origins."""

    client: FlaskClient
    _tokens: dict[tuple[str, str], str] = field(default_factory=dict)

    def get(self, target: str, **more) -> TestResponse:
        return self.client.get(target, base_url="https://localhost", **more)

    def post(self, target: str, fields: dict[str, object] | None = None, **more) -> TestResponse:
        values = {"csrf_token": self.form_token(), **(fields or {})}
        return self.client.post(
            target,
            data=values,
            base_url="https://localhost",
            headers={"Referer": "https://localhost/"},
            **more,
        )

    def fields_shown(self, page: str, action: str) -> dict[str, list[str]]:
        """Open a page, and return the hidden fields of its form that is sent to `action`."""
        text = self.get(page).text
        forms = re.findall(rf'<form[^>]* action="{re.escape(action)}".*?</form>', text, re.DOTALL)
        assert len(forms) == 1, f"{page} has {len(forms)} forms to {action}"
        fields: dict[str, list[str]] = {}
        for name, value in re.findall(r'type="hidden" name="(\w+)" value="([^"]*)"', forms[0]):
            if name != "csrf_token":
                fields.setdefault(name, []).append(html.unescape(value))
        return fields

    def form_token(self) -> str:
        """Make a form token as every page with a form does, or reuse that of the current cookies.
        Loading the page itself takes ten times as long.
        """
        if (token := self._tokens.get(self._cookies())) is not None:
            return token
        app = self.client.application
        environ = {**A_PAGE, "wsgi.errors": sys.stderr}
        self.client._add_cookies_to_wsgi(environ)
        with app.request_context(environ):
            auth.check_forms()
            token = generate_csrf()
            answer = auth.keep_forms(app.response_class())
            app.session_interface.save_session(app, session, answer)
        cookies = answer.headers.getlist("Set-Cookie")
        self.client._update_cookies_from_response("localhost", "/", cookies)
        self._tokens[self._cookies()] = token
        return token

    def _cookies(self) -> tuple[str, str]:
        """The owner of a form token: a session, and the cookie of its forms."""
        kept = [self.client.get_cookie(name) for name in (auth.COOKIE, FORM_COOKIE)]
        session, forms = (cookie.value if cookie else "" for cookie in kept)
        return session, forms


@dataclass
class Pages:
    """The app of one event. `now` may be moved."""

    event: Event
    database: Database
    now: int = NOW
    clock: ServerClock | None = None
    app: Flask = field(init=False)
    _known: dict[str, Staff] = field(default_factory=dict)

    def __enter__(self) -> "Pages":
        self.app = create_app(self.event, self.database, now=lambda: self.now, clock=self.clock)
        self.app.testing = True
        return self

    def __exit__(self, *_: object) -> None:
        close_app(self.app)

    def stranger(self) -> Staff:
        return Staff(self.app.test_client())

    def staff(self, role: str) -> Staff:
        """Signed in as a new user of that role, as if by the page."""
        name, token = f"{role}-{os.urandom(3).hex()}", os.urandom(users.TOKEN_BYTES).hex()
        hashed = users.hash_password(PASSWORD)

        def step(db) -> None:
            user = users.add_user(db, name, role, hashed, by="test", now=self.now)
            users.open_session(db, users.Stored(user, hashed), hashed, token, self.now)
            entry_log.act(db, user.by, Act.SIGNED_IN, {"user": user.user_id}, self.now)

        self.database.write(step)
        someone = self.stranger()
        someone.client.set_cookie(
            auth.COOKIE, token, domain="localhost", secure=True, httponly=True
        )
        return someone

    def known(self, role: str) -> Staff:
        """The user of that role, the same at each call."""
        if role not in self._known:
            self._known[role] = self.staff(role)
        return self._known[role]

    def execute(self, sql: str, *values: object) -> None:
        self.database.write(lambda db: db.execute(sql, values) and None)

    def issue(self) -> None:
        """Issue a badge to every attendee."""
        self.database.write(
            lambda db: issuing.issue_missing(db, self.event, now=self.now, by="test")
        )

    def reissue(self, serial: int) -> None:
        self.database.write(
            lambda db: issuing.reissue(
                db, self.event, serial, reason="lost", now=self.now, by="test"
            )
        )

    def revoke(self, serial: int) -> None:
        self.database.write(
            lambda db: issuing.revoke(db, serial, reason="conduct", now=self.now, by="test")
        )

    def change_attendee(self, serial: int, **values: object) -> None:
        self.database.write(
            lambda db: attendees.change_attendee(db, serial, values, by="test", now=self.now)
        )

    def value(self, query: str, *values: object) -> Any:
        """The first column of the first row."""
        return self.database.reader.execute(query, values).fetchone()[0]

    def serial(self, external_id: str) -> int:
        return serial_of(self.database, external_id)

    def kiosk(self, name: str, door_code: str) -> FakeDoor:
        """A working kiosk, as a door that keeps a journal."""
        door_id, hall_id = self.database.reader.execute(
            "SELECT door_id, hall_id FROM door WHERE code = ?", (door_code,)
        ).fetchone()
        door = FakeDoor(name, door_id, hall_id)
        self.shown(door, door_code)
        self.database.write(
            lambda db: registry.confirm(db, self.event, name, by="test", now=self.now)
        )
        return door

    def connected_kiosk(self, name: str, door_code: str) -> FakeDoor:
        """A working kiosk that has sent its first batch, and so has places."""
        door = self.kiosk(name, door_code)
        self.send(door)
        return door

    def shown(self, door: FakeDoor, door_code: str) -> str:
        """The kiosk has shown its code; return its six words."""

        def step(db) -> str:
            code = registry.add_kiosk(
                db, self.event, door.kiosk, door_code, address=("localhost", 8443), by="test",
                now=self.now, random=os.urandom,
            )  # fmt: skip
            signature = proof(door.key, code.token)
            asked = wire.EnrolRequest(code.token, door.key.public.raw, signature)
            registry.enrol(db, self.event, asked, self.now)
            return next(row.words for row in registry.kiosks(db) if row.kiosk == door.kiosk)

        return self.database.write(step)

    def send(self, door: FakeDoor, **changes) -> None:
        """Send the door's new scans to the ledger; up to record `last`, if given."""
        batch = door.batch(self.now, **changes)
        calendar = Calendar(day_starts(self.event.settings))

        def step(db) -> int:
            sender, _ = contact.sender(db, door.kiosk, door.generation)
            contact.count_request(db, sender.key, door.counter + 1, self.now)
            contact.keep_health(db, sender.key, batch, self.now)
            return ingest.ingest(db, sender, batch, calendar=calendar, now=self.now).acked_seq

        door.acked = self.database.write(step)
        door.counter += 1
        door.granted = self.value(
            "SELECT granted FROM place_account WHERE hall_id = ? AND kiosk = ? AND generation = ?",
            door.hall, door.kiosk, door.generation,
        )  # fmt: skip


def four_scans(pages: Pages) -> None:
    """Four scans: three at the main entrance, one an hour later and denied at hall 1."""
    pages.issue()
    main, west = pages.connected_kiosk("main-1", "main"), pages.kiosk("west-1", "h1-west")
    for name in ("A1", "A2", "A3"):
        main.scan(pages.now, pages.serial(name), category=1)
    west.scan(pages.now + HOUR, pages.serial("A1"), decision="denied", reason="hall_closed")
    pages.now += HOUR + MINUTE
    pages.send(main)
    pages.send(west)


def words(page: str) -> str:
    """The text of a page's content, or of a part of a page, with single spaces."""
    content = re.search(r"<main\b[^>]*>(.*)</main>", page, re.S)
    return " ".join(re.sub(r"<[^>]+>", " ", content[1] if content else page).split())


def assert_only(pages: Pages, target: str, *roles: str, method: str = "GET") -> None:
    """Only `roles` and admins get in; strangers are asked to sign in."""
    allowed = {*roles, "admin"}
    for role in ROLES:
        someone = pages.known(role)
        answer = someone.get(target) if method == "GET" else someone.post(target)
        assert (answer.status_code == 403) == (role not in allowed), f"{role}: {answer.status}"
    stranger = pages.stranger()
    if method == "GET":
        answer = stranger.get(target)
        assert answer.status_code == 303
        assert answer.location.startswith("/admin/sign-in?next=")
    else:
        assert stranger.post(target).status_code == 401


def acts(pages: Pages) -> list[str]:
    """The acts in the entry log, oldest first."""
    act = dialect.in_json("body", "act")
    query = f"SELECT {act} FROM leaf WHERE kind = 'act' ORDER BY number"
    return [row[0] for row in pages.database.reader.execute(query)]
