"""The log as JSON lines: events, without personal data."""

import io
import json
import logging
import re
from collections.abc import Iterator

import pytest

from badges.credential.badge_number import badge_number
from server.core.event.directory import Event
from server.features.integrations import signing
from server.storage.database import Database
from server.web import auth
from server.web.logs import write_json_lines, write_lines
from tests.server.support.integrations import integration
from tests.server.support.pages import PASSWORD, Pages

NAMES = (
    "Anna",
    "Keller",
    "anna@example.org",
    "小明",
    "海事大学",
    "Harbour%20Pilots",
    "Ida",
    "Berg",
)


@pytest.fixture
def written() -> io.StringIO:
    return io.StringIO()


@pytest.fixture
def pages(event: Event, site: Database, written: io.StringIO, own_app: None) -> Iterator[Pages]:
    with Pages(event, site) as opened:
        handler = write_json_lines(opened.app)
        assert isinstance(handler, logging.StreamHandler)
        handler.setStream(written)
        yield opened
        logging.getLogger().removeHandler(handler)


def lines(written: io.StringIO) -> list[dict]:
    return [json.loads(line) for line in written.getvalue().splitlines()]


def test_no_name_and_no_token_is_written(pages: Pages, written: io.StringIO) -> None:
    pages.issue()
    asker = integration(pages)
    number = badge_number(pages.serial("A1"))
    admin = pages.staff("admin")
    asker.ask("GET", "/api/v1/people?q=Anna Keller")
    asker.ask("GET", f"/api/v1/people/{number}")
    asker.ask("GET", "/api/v1/people/Anna")
    asker.ask("POST", "/api/v1/people", json={"given_name": "Ida", "family_name": "Berg"})
    asker.ask("POST", "/api/v1/people", data=b'{"given_name": "Ida', headers={
        "Content-Type": "application/json"})  # fmt: skip
    asker.ask("GET", "/Anna/Keller?email=anna@example.org")
    asker.ask("BERG", "/api/v1/people")
    admin.get("/admin/people/?q=anna@example.org")
    admin.get(f"/admin/people/{number}")
    admin.post("/admin/people/new", {"given_name": "Ida", "family_name": "Berg"})
    stranger = pages.stranger()
    stranger.post("/admin/sign-in", {"name": "Anna Keller", "password": PASSWORD})
    stranger.get("/b/Anna-Keller-secret")
    steward = pages.staff("steward")
    assert steward.get("/admin/users/?q=Keller").status_code == 403

    def fail() -> str:
        raise RuntimeError("Anna Keller, anna@example.org, 小明")

    pages.app._got_first_request = False
    pages.app.add_url_rule("/failing", "failing", auth.allow_everybody(fail))
    pages.app._got_first_request = True
    assert stranger.get("/failing?q=Anna").status_code == 500
    try:
        raise ValueError("Anna Keller")
    except ValueError:
        logging.getLogger("server").exception("it failed")

    records = lines(written)
    assert len(records) >= 15
    text = written.getvalue()
    cookies = [item.client.get_cookie(auth.COOKIE) for item in (admin, steward)]
    secrets = [asker.secret, PASSWORD, number, *(item.value for item in cookies if item)]
    secrets.append(signing.shown(pages.event.phone_secret))
    for word in (*NAMES, *secrets):
        assert word.casefold() not in text.casefold(), word


def test_a_line_says_what_happened(pages: Pages, written: io.StringIO) -> None:
    asker = integration(pages)
    asker.ask("GET", "/api/v1/halls")
    line = lines(written)[-1]
    assert line["at"].endswith("+00:00")
    assert line["ms"] >= 0
    fields = {key: value for key, value in line.items() if key not in ("at", "ms")}
    assert fields == {
        "level": "info", "from": "hallkeeper.requests", "message": "request", "method": "GET",
        "route": "/api/v1/halls", "status": 200,
    }  # fmt: skip
    asker.ask("GET", "/nothing/here")
    assert lines(written)[-1]["route"] == "unknown"


def test_plain_lines_have_the_time_until_json_ones_take_their_place(
    capsys: pytest.CaptureFixture[str], event: Event, site: Database, own_app: None
) -> None:
    root = logging.getLogger()
    before = list(root.handlers)
    try:
        write_lines()
        logging.getLogger("server").error("the disk is full")
        output = capsys.readouterr().err
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ the disk is full\n", output)
        with Pages(event, site) as opened:
            write_json_lines(opened.app)
            logging.getLogger("server").error("the disk is full")
        (line,) = [text for text in capsys.readouterr().err.splitlines() if "full" in text]
        assert json.loads(line)["message"] == "the disk is full"
    finally:
        root.handlers[:] = before
