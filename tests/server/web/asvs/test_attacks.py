"""Attacks on the pages, as a stranger or a colleague would try them, and their results."""

import json
import re
from collections.abc import Iterator

import pytest
from werkzeug.test import TestResponse

from badges.credential.badge_number import badge_number
from server.core.event.directory import Event
from server.storage.connection import Connection
from server.storage.database import Database
from server.storage.tables import columns_of
from server.web import auth
from tests.server.conftest import NOW
from tests.server.features.imports.test_programme_import import PROGRAMME
from tests.server.features.imports.test_uploads import CHANGED, PEOPLE, preview
from tests.server.features.mail.conftest import write_settings
from tests.server.features.users.test_routes_by_role import address, routes
from tests.server.support.pages import PASSWORD, Pages, Staff
from tests.server.support.signing import sign_in
from tests.server.support.stores import dump, load_venue
from tests.server.web.language import lively
from tests.server.web.language.test_pseudo_language_pages import addresses

ELEMENT, ATTRIBUTE = "<img src=x onerror=alert(1)>", "\" onmouseover=alert(2) x='"
HOSTILE = f"Eve{ELEMENT}{ATTRIBUTE}{{{{7*7}}}}"
# Texts that people enter, which pages then show.
TEXTS = {
    "attendee": (
        "given_name",
        "family_name",
        "organisation",
        "phone",
        "order_number",
        "latin_name",
        "job_title",
    ),
    "organisation": (),
    "printer": ("name", "location"),
    "staff_user": ("name",),
    "muster": ("reason", "note"),
    "scan": ("note",),
    "api_token": ("name",),
    "saved_filter": ("name",),
    "roster_mapping": ("name",),
    "attention": ("note",),
    "taken_alert": ("note",),
}
NAMES = {
    "hall": "names", "door": "names", "session": "titles", "category": "names",
    "activity": "titles", "activity_kind": "names", "organisation": "names", "area": "names",
}  # fmt: skip


def unsafe_posts(pages: Pages) -> Iterator[str]:
    """Each address that changes data by a browser's session."""
    number = badge_number(pages.serial("A1"))
    for method, rule in routes(pages):
        if method == "POST" and not rule.rule.startswith(("/api/", "/pass/")):
            yield address(rule, number)


def everything_but_sessions(pages: Pages) -> list[str]:
    pages.database.give_back()
    return [line for line in dump(pages.database) if "web_session" not in line]


def test_no_form_of_another_site_does_anything(pages: Pages) -> None:
    """Neither without a token, nor with another session's token, nor from another site's page."""
    pages.issue()
    admin, other = pages.staff("admin"), pages.staff("admin")
    stolen, own = other.form_token(), admin.form_token()
    before = everything_but_sessions(pages)
    ours, theirs = {"Referer": "https://localhost/"}, {"Referer": "https://evil.example/"}
    tried = ((None, ours), (stolen, ours), (own, theirs), (own, {}))
    wrong = []
    for target in unsafe_posts(pages):
        for token, headers in tried:
            form = {} if token is None else {"csrf_token": token}
            answer = admin.client.post(
                target, data=form, base_url="https://localhost", headers=headers
            )
            if answer.status_code != 400:
                wrong.append(f"{target}: {answer.status}")
    assert wrong == []
    assert everything_but_sessions(pages) == before


def poison(db: Connection) -> None:
    """Give a hostile name to everything that has a name."""
    names = json.dumps({"en": HOSTILE, "zh": HOSTILE})
    for table, columns in TEXTS.items():
        there = set(columns_of(db, table))
        for column in there.intersection(columns):
            # Some names are unique.
            key = column if column == "name" else "''"
            db.execute(f"UPDATE {table} SET {column} = ? || {key}", (HOSTILE,))
    for table, column in NAMES.items():
        db.execute(f"UPDATE {table} SET {column} = ?", (names,))


# Reading may write a user's last visit, and a second factor that is offered to them.
WRITTEN = ("web_session", "leaf", "pending")


def kept(pages: Pages) -> list[str]:
    """The database without the tables that reading may write."""
    tables = tuple(f'INSERT INTO "{name}"' for name in WRITTEN)
    pages.database.give_back()
    return [line for line in dump(pages.database) if not line.startswith(tables)]


def first_part(answer: TestResponse) -> str:
    part = ""
    for piece in answer.response:
        part += piece.decode() if isinstance(piece, bytes) else piece
        if "data:" in part and part.endswith("\n\n"):
            break
    answer.close()
    return part


def test_no_name_is_markup_on_any_page_or_live_part(event: Event, site: Database) -> None:
    """Also, no cache keeps a page of staff, and no page runs foreign content."""
    write_settings(event, 2525)
    load_venue(event, site, PROGRAMME)
    with Pages(event, site) as pages:
        ids = lively.happen(pages)
        pages.database.write(poison)
        admin = pages.staff("admin")
        before = kept(pages)
        seen, shown = 0, 0
        for target in addresses(pages, ids):
            answer = admin.get(target)
            assert answer.status_code in (200, 303, 400), (target, answer.status)
            assert answer.headers["Cache-Control"] == "no-store", target
            assert "default-src 'none'" in answer.headers["Content-Security-Policy"], target
            if answer.mimetype != "text/html":
                continue
            seen += 1
            shown += "Eve&lt;img" in answer.text
            assert ELEMENT not in answer.text, target
            assert ATTRIBUTE not in answer.text, target
            assert "Eve49" not in answer.text.replace("&lt;", ""), target
        assert kept(pages) == before, "a page that was only read has changed something"
        assert seen > 80
        assert shown > 40
        for target in ("/admin/live", f"/admin/muster/{ids['muster_id']}/live"):
            part = first_part(admin.get(target, buffered=False))
            html = "".join(json.loads(part.partition("data: ")[2].strip()).values())
            assert "Eve&lt;img" in html, target
            assert ELEMENT not in html, target
            assert ATTRIBUTE not in html, target


def test_a_planted_session_ends_with_the_sign_in(pages: Pages, admin_password: str) -> None:
    someone = pages.stranger()
    for planted in ("0" * 43, sign_in(pages.database, "admin", admin_password, now=NOW)[1]):
        someone.client.set_cookie(
            auth.COOKIE, planted, domain="localhost", secure=True, httponly=True
        )
        answer = someone.post("/admin/sign-in", {"name": "admin", "password": admin_password})
        assert answer.status_code == 303
        cookie = someone.client.get_cookie(auth.COOKIE)
        assert cookie is not None
        assert cookie.value != planted
        thief = pages.stranger()
        thief.client.set_cookie(auth.COOKIE, planted, domain="localhost", secure=True)
        assert thief.get("/admin/").location.startswith("/admin/sign-in")


@pytest.mark.parametrize(
    "elsewhere",
    [
        "https://evil.example/", "//evil.example/", "/\\evil.example/", "\\\\evil.example",
        "https:evil.example", "/admin/\\..\\..//evil.example", "javascript:alert(1)",
        "/admin/\r\nSet-Cookie: stolen=1", "/admin/\x00", " https://evil.example/",
        "/%2f/evil.example", "/administrator",
    ],
)  # fmt: skip
def test_sign_in_leads_to_no_other_site(pages: Pages, admin_password: str, elsewhere: str) -> None:
    someone = pages.stranger()
    form = {
        "name": "admin", "password": admin_password, "csrf_token": someone.form_token(),
    }  # fmt: skip
    answer = someone.client.post(
        "/admin/sign-in", query_string={"next": elsewhere}, data=form,
        base_url="https://localhost", headers={"Referer": "https://localhost/"},
    )  # fmt: skip
    assert answer.status_code == 303
    assert answer.location in ("/", "/admin/", "/admin/account/")
    assert "stolen" not in str(answer.headers)


@pytest.mark.parametrize("target", ["/", "/admin/", "/admin/nothing", "/admin", "//evil.example/"])
def test_the_name_by_which_we_are_called_is_on_no_page(pages: Pages, target: str) -> None:
    """A kept or forwarded answer leads no reader to a host that only the requester named."""
    admin = pages.staff("admin")
    answer = admin.get(target, headers={"Host": "evil.example", "X-Forwarded-Host": "evil.example"})
    if not target.startswith("//"):
        assert "evil.example" not in answer.text
    assert not answer.headers.get("Location", "").startswith(("//", "https://evil", "http://evil"))


@pytest.mark.parametrize(
    "target",
    [
        "/static/../event.toml", "/static/%2e%2e/%2e%2e/event.toml", "/static/..%2f..%2fevent.toml",
        "/static//etc/passwd", "/static/%2fetc%2fpasswd", "/static/..%5c..%5cevent.toml",
        "/admin/imports/sample/..%2fevent.toml", "/admin/imports/sample/%2fetc%2fpasswd",
        "/admin/imports/people/..%2f..%2fevent.toml", "/b/..%2f..%2fkeys/receipts",
        "/admin/people/..%2fA1", "/static/style.css%00.toml",
    ],
)  # fmt: skip
def test_no_address_is_a_path_on_the_servers_disk(pages: Pages, target: str) -> None:
    answer = pages.staff("admin").get(target)
    assert answer.status_code in (303, 308, 404, 410), answer.status
    assert "first_day" not in answer.text
    assert "root:" not in answer.text


def test_nobody_reaches_what_is_a_colleagues_own(pages: Pages) -> None:
    """An admin's upload is theirs alone, and no one ends another's session by its mark."""
    admin, colleague = pages.staff("admin"), pages.staff("admin")
    location, _ = preview(admin, PEOPLE, CHANGED)
    before = everything_but_sessions(pages)
    for part in ("", "/answer", "/mapping", "/mapping/keep", "/mapping/remove", "/cancel"):
        answer = colleague.post(location + part) if part else colleague.get(location)
        assert answer.location == "/admin/imports/", part
    assert colleague.post(f"{location}/confirm", {"mark": "0" * 16}).location == "/admin/imports/"
    assert everything_but_sessions(pages) == before
    assert admin.get(location).status_code == 200
    (mark,) = set(re.findall(r"/admin/account/sessions/(\w+)/end", own_sessions(pages, admin)))
    colleague.post(f"/admin/account/sessions/{mark}/end")
    assert admin.get("/admin/").status_code == 200


def own_sessions(pages: Pages, someone: Staff) -> str:
    """The page with the user's sessions, among them a second one."""
    with pages.database.reading() as db:
        (name,) = db.execute(
            "SELECT name FROM staff_user WHERE name LIKE 'admin-%' ORDER BY user_id LIMIT 1"
        ).fetchone()
    sign_in(pages.database, name, PASSWORD, now=NOW)
    return someone.get("/admin/account/").text


def test_no_header_is_made_of_what_was_sent(pages: Pages) -> None:
    admin, evil = pages.staff("admin"), "x\r\nSet-Cookie: stolen=1\r\n\r\n<b>"
    tried = [
        admin.get("/admin/", query_string={"lang": evil, "view": evil, "sort": evil}),
        admin.get("/admin/people/", query_string={"q": evil}),
        admin.get("/admin/entries.csv", query_string={"person": evil}),
        admin.get("/admin/entries", query_string={"person": evil, "rows": evil}),
        admin.post("/admin/entries/save", {"filter_name": evil, "person": evil}),
        preview(admin, PEOPLE, CHANGED, name="list\r\nSet-Cookie: stolen=1.csv")[1],
    ]
    for answer in tried:
        assert not [cookie for cookie in answer.headers.getlist("Set-Cookie") if "stolen" in cookie]
        assert all("\r" not in value and "\n" not in value for _, value in answer.headers)
        answer.close()
