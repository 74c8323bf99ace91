"""Rules of every page: deny by default, headers, sizes, and errors that reveal nothing."""

import errno
import io
import logging
import re
import threading

import pytest
from flask import Flask, session
from flask.sessions import NullSession

from badges.wire import wire
from badges.wire.wire import ErrorCode
from server.web import auth, lanes
from tests.server.support.pages import ROLES, Pages

OPEN = {
    "wallet.programme",
    "wallet.apple_pass",
    "wallet.google_link",
    "passkit.register",
    "passkit.unregister",
    "passkit.changed",
    "passkit.latest",
    "passkit.complaints",
    "static",
    "hall_screen.show",
    "hall_screen.now",
    "phone.badge",
    "phone.halls",
    "phone.manifest",
    "phone.worker",
    "phone_door_files.page",
    "phone_door_files.service_worker",
    "phone_door_files.manifest",
    "phone_door_files.index",
    "phone_door_files.file",
    "receipts.show",
    "receipts.receipt",
    "receipts.about",
    "receipts.verifier",
    "receipts.receipt_verifier",
    "admin.home",
    "admin.sign_in.form",
    "admin.sign_in.enter",
    "admin.sign_in.leave",
    "probes.healthz",
    "probes.readyz",
    "probes.metrics",
    "openapi.show",
    "admin.invitations.show",
    "admin.invitations.accept",
    "admin.sign_on.go",
    "admin.sign_on.back",
}


def test_it_works(pages: Pages) -> None:
    headers = pages.staff("admin").get("/admin/").headers
    policy = headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "object-src 'none'" in policy
    assert "frame-ancestors 'none'" in policy
    assert "unsafe" not in policy
    assert headers["Strict-Transport-Security"] == "max-age=31536000; includeSubDomains"
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Referrer-Policy"] == "same-origin"
    assert headers["Cache-Control"] == "no-store"


def test_nothing_inline_that_the_policy_would_block(pages: Pages) -> None:
    admin = pages.staff("admin")
    serial = pages.serial("A1")
    pages.issue()
    from badges.credential.badge_number import badge_number

    for target in ("", "people/", f"people/{badge_number(serial)}", "entries", "kiosks/", "venue/"):
        text = admin.get(f"/admin/{target}").text
        assert "<style" not in text
        assert " style=" not in text
        assert " on" not in {word[:3] for word in text.split("<") if word.startswith(" on")}
        assert text.count("<script") == text.count('<script src="/static/')


def test_every_page_is_for_named_roles(pages: Pages) -> None:
    with pages.app.test_request_context():
        for rule in pages.app.url_map.iter_rules():
            roles = auth.allowed_roles(rule.endpoint)
            if rule.endpoint.startswith(("api.", "interface.")):
                assert not roles
            elif rule.endpoint in OPEN:
                assert roles == {auth.EVERYBODY}
            else:
                assert roles <= set(ROLES), rule.endpoint
                assert "admin" in roles, rule.endpoint


def test_everything_that_changes_is_a_post(pages: Pages) -> None:
    changing = {"add", "confirm", "retire", "fence", "reissue", "revoke", "reinstate", "leave"}
    for rule in pages.app.url_map.iter_rules():
        if rule.endpoint.rpartition(".")[2] in changing:
            assert rule.methods == {"POST", "OPTIONS"}, rule.endpoint


def test_a_view_that_names_no_role_is_refused_to_admins_too(own_app: None, pages: Pages) -> None:
    _add_view(pages.app, "/forgotten", lambda: "secret")
    answer = pages.staff("admin").get("/forgotten")
    assert answer.status_code == 403
    assert "secret" not in answer.text


def test_roles_are_spelt_as_accounts_spells_them() -> None:
    with pytest.raises(ValueError, match="no such role: stewart"):
        auth.allow("stewart")
    for role in ROLES:
        auth.allow(role)


def test_who_is_refused_is_in_the_error_log(pages: Pages, caplog: pytest.LogCaptureFixture) -> None:
    steward = pages.staff("steward")
    assert steward.get("/admin/users/").status_code == 403
    assert steward.post("/admin/users/add", {"csrf_token": "made up"}).status_code == 400
    messages = [record.getMessage() for record in caplog.records if record.name == "server.web"]
    assert re.fullmatch(r"user:\d+ may not open admin.users.show", messages[0])
    assert messages[1] == "a form without a token that stands reached admin.users.add"


def test_a_failure_shows_and_logs_nothing_personal(
    own_app: None, pages: Pages, caplog: pytest.LogCaptureFixture
) -> None:
    def fail() -> str:
        raise RuntimeError("Anna Keller, anna@example.org")

    _add_view(pages.app, "/failing", auth.allow_everybody(fail))
    with caplog.at_level(logging.INFO):
        answer = pages.stranger().get("/failing?q=Anna")
    assert answer.status_code == 500
    assert "Something went wrong on our side" in answer.text
    assert "Anna" not in answer.text + caplog.text
    assert "RuntimeError while answering view" in caplog.text
    assert "test_security.py:" in caplog.text


@pytest.mark.parametrize(
    ("error", "status"), [(RuntimeError(), 500), (OSError(errno.ENOSPC, "No space left"), 507)]
)
def test_a_failure_says_whether_anything_was_changed(
    own_app: None, pages: Pages, error: Exception, status: int
) -> None:
    def fail(writes: bool) -> str:
        if writes:
            pages.database.write(lambda db: db.execute("DELETE FROM mail"))
        raise error

    _add_view(pages.app, "/nothing", auth.allow("admin")(lambda: fail(False)), "nothing")
    _add_view(pages.app, "/part", auth.allow("admin")(lambda: fail(True)), "part")
    admin = pages.staff("admin")
    for _ in range(2):  # The first request of a session has a commit before the view.
        answer = admin.get("/nothing")
        assert answer.status_code == status
        assert "Nothing was changed" in answer.text
        answer = admin.get("/part")
        assert answer.status_code == status
        assert "Part of your request was carried out." in answer.text
        assert "Nothing was changed" not in answer.text


def test_a_failure_of_the_interface_is_json(pages: Pages) -> None:
    for target, status, code in (
        ("/api/nothing", 404, "not_found"),
        ("/api/scans", 405, "not_allowed"),
    ):
        answer = pages.stranger().get(target)
        assert answer.status_code == status
        assert answer.mimetype == "application/json"
        assert wire.decode(answer.data, wire.ErrorAnswer).error.code == code


def test_an_unknown_address_is_a_plain_page(pages: Pages) -> None:
    answer = pages.stranger().get("/wp-admin.php?user=anna")
    assert answer.status_code == 404
    assert "Nothing here" in answer.text
    assert "anna" not in answer.text


def test_large_requests_are_refused(pages: Pages) -> None:
    stranger = pages.stranger()
    form = {"name": "x" * 70_000, "csrf_token": stranger.form_token()}
    answer = stranger.client.post("/admin/sign-in", data=form, base_url="https://localhost")
    assert answer.status_code == 413
    assert "Too large" in answer.text
    body = b"x" * (wire.BODY_BYTES_MAX + 1)
    answer = stranger.client.post("/api/enrol", data=body, base_url="https://localhost")
    assert answer.status_code == 413
    assert wire.decode(answer.data, wire.ErrorAnswer).error.code == ErrorCode.TOO_LARGE


def test_a_post_without_a_form_token_changes_nothing(pages: Pages) -> None:
    admin = pages.staff("admin")
    answer = admin.client.post(
        "/admin/kiosks/add",
        data={"kiosk": "west-1", "door": "main"},
        base_url="https://localhost",
        headers={"Referer": "https://localhost/"},
    )
    assert answer.status_code == 400
    assert not pages.database.reader.execute("SELECT * FROM kiosk").fetchall()


def test_the_kiosks_interface_needs_no_form_token(pages: Pages) -> None:
    answer = pages.stranger().client.post("/api/enrol", data=b"{}", base_url="https://localhost")
    assert wire.decode(answer.data, wire.ErrorAnswer).error.code == ErrorCode.MALFORMED


def test_a_kiosk_gets_no_cookie_and_a_form_does(pages: Pages) -> None:
    """Nor is its request searched for a cookie: there are hundreds a second."""
    client = pages.app.test_client()
    with client:
        client.post("/api/scans", data=b"{}")
        assert isinstance(session, NullSession)
        client.get("/admin/sign-in")
        assert not isinstance(session, NullSession)


def test_links_shown_can_be_opened(pages: Pages) -> None:
    """No user is shown a link in the bar that refuses them."""
    import re

    for role in ROLES:
        someone = pages.staff(role)
        start = someone.get("/", follow_redirects=True)
        assert start.status_code == 200, role
        links = re.findall(r'<li><a href="([^"]+)"', start.text)
        assert links, role
        for link in links:
            assert someone.get(link).status_code == 200, (role, link)


def test_links_begin_where_the_app_is(pages: Pages) -> None:
    """Addresses of the menu are cached between pages, for each place of the app."""
    admin = pages.staff("admin")
    for _ in range(2):
        for place in ("", "/below"):
            page = admin.client.get("/admin/venue/", base_url=f"https://localhost{place}")
            links = re.findall(r'<li><a href="([^"]+)"', page.text)
            assert len(links) > 10
            assert {link.startswith("/below/") for link in links} == {bool(place)}, place


def _add_view(app: Flask, rule: str, view, endpoint: str = "view") -> None:
    """Flask refuses new views after its first answer, which these tests have not had."""
    app.add_url_rule(rule, endpoint=endpoint, view_func=view)


class Slow(io.RawIOBase):
    """A body that never arrives."""

    def __init__(self) -> None:
        self.waits, self.go_on = threading.Event(), threading.Event()

    def readable(self) -> bool:
        return True

    def readinto(self, _: object) -> int:
        self.waits.set()
        self.go_on.wait(240)
        return 0


@pytest.mark.parametrize("target", ["/api/scans", "/api/enrol", "/admin/sign-in"])
def test_bodies_that_do_not_come_hold_few_threads(
    pages: Pages, monkeypatch: pytest.MonkeyPatch, target: str
) -> None:
    monkeypatch.setattr(lanes, "STRANGER_ADDRESS_MAX", 1)
    slow = Slow()

    def send(address: str, **environ: object) -> int:
        environ |= {"REMOTE_ADDR": address}
        client, base = pages.app.test_client(), "https://localhost"
        return client.post(target, base_url=base, data=b"{}", environ_overrides=environ).status_code

    body = {"wsgi.input": slow, "CONTENT_LENGTH": "1000"}
    thread = threading.Thread(target=send, args=("10.0.0.1",), kwargs=body)
    thread.start()
    assert slow.waits.wait(240)
    assert send("10.0.0.1") == 503
    assert send("10.0.0.2") in (400, 401)
    slow.go_on.set()
    thread.join(240)
    assert send("10.0.0.1") in (400, 401)


@pytest.mark.parametrize("number", [2**63, 2**64, 10**40])
def test_a_number_that_no_row_can_have_is_not_found(pages: Pages, number: int) -> None:
    admin = pages.staff("admin")
    assert admin.get(f"/admin/halls/{number}").status_code == 404
    assert admin.post(f"/admin/users/{number}/disable").status_code == 404
    assert admin.get(f"/admin/halls/{2**63 - 1}").status_code == 404
