"""Every route of the app, requested by every role and by a signed-out visitor.

Rights are docs/security.md's table. A route without a line there fails.
"""

import os
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from werkzeug.routing import Rule
from werkzeug.test import TestResponse

from badges.credential.badge_number import badge_number
from server.core.event.directory import Event
from server.storage.database import Database
from server.web import auth
from tests.server.support.pages import ROLES, Pages, Staff
from tests.sqlite.locks import keeps_locks

TEXT = (Path(__file__).parents[4] / "docs/security.md").read_text(encoding="utf-8")
SIGNED_OUT = "signed out"
# Kiosks and machines authenticate by other means than a session.
OWN_PROOF = "/api/"
# Kiosks check this answer's signature, before they can authenticate.
OPEN = {"GET /api/server-key"}
# A route's parameters other than numbers. A refusal does not need the object to exist.
VALUES: dict[str, str] = {
    "filename": "style.css",
    "kiosk": "k1",
    "code": "c1",
    "name": "people.csv",
    "token": "0" * 27,
    "mark": "0" * 16,
    "kind": "",
    "key": "disk",
    "badge": "00000",
    "pass_type": "pass.org.example",
    "device": "d1",
    "version": "0" * 16,
    "path": "door.mjs",
}


def lines() -> dict[str, set[str]]:
    """Permitted roles of each route, by the table."""
    table: dict[str, set[str]] = {}
    for routes_cell, roles_cell in re.findall(r"^\| (`[A-Z]+ /[^|]*) \| ([^|]+) \|$", TEXT, re.M):
        roles = set() if roles_cell == "admin alone" else set(roles_cell.split(", "))
        for route in re.findall(r"`([^`]+)`", routes_cell):
            table[route] = roles | {"admin"}
    return table


def routes(pages: Pages) -> Iterator[tuple[str, Rule]]:
    for rule in sorted(pages.app.url_map.iter_rules(), key=lambda rule: rule.rule):
        for method in sorted((rule.methods or set()) - {"HEAD", "OPTIONS"}):
            yield method, rule


def address(rule: Rule, number: str) -> str:
    values: dict[str, object] = {}
    for name in rule.arguments:
        kinds = re.search(rf"<any\(([^)]+)\):{name}>", rule.rule)
        if kinds:
            values[name] = kinds[1].split(",")[0]
        elif f"<int:{name}>" in rule.rule:
            values[name] = 1
        else:
            values[name] = number if name == "number" else VALUES[name]
    built = rule.build(values)
    assert built is not None, rule
    return built[1]


def ask(someone: Staff, method: str, target: str) -> TestResponse:
    """Send a browser's request with an empty form. The answer's body is not read."""
    if method == "GET":
        answer = someone.get(target, buffered=False)
    elif method == "POST":
        answer = someone.post(target, buffered=False)
    else:
        answer = someone.client.open(target, method=method, base_url="https://localhost")
    answer.close()
    return answer


def verdict(answer: TestResponse) -> str:
    """Whether the caller was let in, even if the view refused the empty form."""
    assert answer.status_code < 500 or answer.status_code == 503, answer.status
    assert answer.status_code != 429, "one who asks too often is not looked at"
    asked = "/admin/sign-in?next=" in answer.headers.get("Location", "")
    if answer.status_code == 401 or asked:
        return "asked to sign in"
    return "refused" if answer.status_code == 403 else "allowed"


@pytest.fixture
def pages(event: Event, site: Database) -> Iterator[Pages]:
    with Pages(event, site) as opened:
        opened.issue()
        yield opened
        if site.path.exists():  # It is SQLite's.
            assert keeps_locks(os.getpid(), site.path), "a view has dropped SQLite's locks"


def standing(pages: Pages) -> set[tuple[object, ...]]:
    """The database's rows of staff and sessions."""
    with pages.database.reading() as db:
        tables = ("staff_user", "web_session")
        return {(table, *row) for table in tables for row in db.execute(f"SELECT * FROM {table}")}


def without_a_line(pages: Pages) -> set[str]:
    """Routes missing from the table, and lines without a route."""
    real = {f"{method} {rule.rule}" for method, rule in routes(pages)}
    return lines().keys() ^ {route for route in real if f" {OWN_PROOF}" not in route}


def test_each_route_has_a_line_and_each_line_a_route(pages: Pages) -> None:
    assert without_a_line(pages) == set()


def test_a_route_that_nobody_wrote_down_is_found(own_app: None, pages: Pages) -> None:
    pages.app.add_url_rule("/admin/not-written-down", "forgotten", lambda: "", methods=["POST"])
    assert without_a_line(pages) == {"POST /admin/not-written-down"}


@pytest.mark.system
@pytest.mark.parametrize("role", [*ROLES, SIGNED_OUT])
def test_each_route_lets_in_whom_its_line_names(pages: Pages, role: str) -> None:
    table, number = lines(), badge_number(pages.serial("A1"))
    wrong, someone, before = [], None, set()
    for method, rule in routes(pages):
        if rule.rule.startswith(OWN_PROOF):
            continue
        route = f"{method} {rule.rule}"
        if someone is None or role == SIGNED_OUT or standing(pages) != before:
            # The previous request has ended the session, or changed the account.
            someone = pages.stranger() if role == SIGNED_OUT else pages.staff(role)
            before = standing(pages)
        came = verdict(ask(someone, method, address(rule, number)))
        if auth.EVERYBODY in table[route]:
            # The sign-in refuses an empty form in its own words.
            allowed = {"allowed", "asked to sign in"} if "sign-in" in route else {"allowed"}
        elif role == SIGNED_OUT:
            allowed = {"asked to sign in"}
        else:
            allowed = {"allowed"} if role in table[route] else {"refused"}
        if came not in allowed:
            wrong.append(f"{route}: {came}")
    assert wrong == []


@pytest.mark.parametrize("role", [*ROLES, SIGNED_OUT])
def test_no_session_opens_what_is_for_kiosks(pages: Pages, role: str) -> None:
    someone = pages.stranger() if role == SIGNED_OUT else pages.staff(role)
    statuses = {}
    for method, rule in routes(pages):
        if rule.rule.startswith(OWN_PROOF):
            answer = ask(someone, method, address(rule, "1"))
            statuses[f"{method} {rule.rule}"] = answer.status_code
    assert len(statuses) > 5
    assert {route for route, code in statuses.items() if code not in (400, 401, 403)} == OPEN


@pytest.mark.parametrize("role", [SIGNED_OUT, "steward"])
def test_head_opens_nothing_that_get_does_not(pages: Pages, role: str) -> None:
    """Flask answers HEAD by each view for GET. Its headers alone would reveal sizes and names."""
    table, number = lines(), badge_number(pages.serial("A1"))
    someone = pages.stranger() if role == SIGNED_OUT else pages.staff(role)
    expected = "asked to sign in" if role == SIGNED_OUT else "refused"
    wrong, asked = [], 0
    for method, rule in routes(pages):
        allowed_roles = table.get(f"{method} {rule.rule}", set())
        if (
            method != "GET"
            or rule.rule.startswith(OWN_PROOF)
            or allowed_roles & {auth.EVERYBODY, role}
        ):
            continue
        asked += 1
        came = verdict(ask(someone, "HEAD", address(rule, number)))
        if came != expected:
            wrong.append(f"{rule.rule}: {came}")
    assert wrong == []
    assert asked > 20


def test_head_without_a_signature_or_a_token_opens_nothing(pages: Pages) -> None:
    number, statuses = badge_number(pages.serial("A1")), {}
    for method, rule in routes(pages):
        if method == "GET" and rule.rule.startswith(OWN_PROOF):
            answer = ask(pages.stranger(), "HEAD", address(rule, number))
            statuses[f"GET {rule.rule}"] = answer.status_code
    assert {route for route, code in statuses.items() if code not in (400, 401, 403)} == OPEN
