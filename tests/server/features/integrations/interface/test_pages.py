"""The page on which admins make tokens and add webhooks."""

import re

import pytest

from server.features.integrations import endpoints, outbox, tokens
from tests.server.support.integrations import Integration
from tests.server.support.pages import PASSWORD, Pages, Staff, acts

TARGET = "/admin/integrations/"


@pytest.fixture
def admin(pages: Pages) -> Staff:
    someone = pages.staff("admin")
    someone.post("/admin/account/confirm", {"password": PASSWORD})
    return someone


def secret_in(text: str) -> str:
    match = re.search(r'<p class="code">([^<]+)</p>', text)
    assert match, text
    return match[1]


def test_changes_need_the_password_again(pages: Pages) -> None:
    someone = pages.staff("admin")
    pages.now += 16 * 60_000
    answer = someone.post(f"{TARGET}tokens", {"name": "x", "days": "9", "scope": ["read:halls"]})
    assert answer.status_code == 303
    assert "confirm" in answer.location
    assert tokens.tokens(pages.database.reader) == []


def test_a_token_is_made_shown_once_used_and_revoked(pages: Pages, admin: Staff) -> None:
    fields = {"name": "Signage", "days": "9", "scope": ["read:halls", "read:programme"]}
    secret = secret_in(admin.post(f"{TARGET}tokens", fields).text)
    page = admin.get(TARGET).text
    assert secret not in page
    assert "Signage" in page
    (token,) = tokens.tokens(pages.database.reader)
    asker = Integration(pages, token, secret)
    assert asker.ask("GET", "/api/v1/halls").status_code == 200
    assert asker.ask("GET", "/api/v1/people").status_code == 403
    admin.post(f"{TARGET}tokens/{token.token_id}/revoke")
    assert asker.ask("GET", "/api/v1/halls").status_code == 401
    assert "Revoked" in admin.get(TARGET).text
    assert [act for act in acts(pages) if "token" in act] == [
        "api_token_made", "api_token_revoked"
    ]  # fmt: skip
    log = pages.staff("auditor").get("/admin/acts").text
    assert "Made a token for an integration" in log
    assert "Signage" in log


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"name": "", "days": "9", "scope": ["read:halls"]}, "needs a name"),
        ({"name": "x", "days": "0", "scope": ["read:halls"]}, "1 to 400 days"),
        ({"name": "x", "days": "many", "scope": ["read:halls"]}, "1 to 400 days"),
        ({"name": "x", "days": "9"}, "needs scopes"),
        ({"name": "x", "days": "9", "scope": ["write:all"]}, "needs scopes"),
    ],
)
def test_a_refused_token(pages: Pages, admin: Staff, fields: dict[str, object], words: str) -> None:
    assert words in admin.post(f"{TARGET}tokens", fields).text
    assert tokens.tokens(pages.database.reader) == []


def test_two_tokens_have_two_names(pages: Pages, admin: Staff) -> None:
    fields = {"name": "Signage", "days": "9", "scope": ["read:halls"]}
    admin.post(f"{TARGET}tokens", fields)
    assert "of this name already" in admin.post(f"{TARGET}tokens", fields).text
    assert len(tokens.tokens(pages.database.reader)) == 1


def test_a_webhook_is_added_paused_tried_and_removed(pages: Pages, admin: Staff) -> None:
    fields = {"url": "https://example.org/hooks", "topic": ["entries", "halls"]}
    secret = secret_in(admin.post(f"{TARGET}webhooks", fields).text)
    assert secret.startswith("whsec_")
    (endpoint,) = endpoints.endpoints(pages.database.reader)
    assert secret not in admin.get(TARGET).text
    door = pages.kiosk("k1", "main")
    door.scan(pages.now, pages.serial("A1"))
    pages.send(door)
    pages.database.write(lambda db: outbox.make_next(db, endpoint, pages.now))
    shown = admin.get(f"{TARGET}webhooks/{endpoint.endpoint_id}").text
    assert "entries.recorded" in shown
    assert "Waits" in shown
    for act, state in (("pause", "Sends nothing since"), ("try", "Delivers")):
        admin.post(f"{TARGET}webhooks/{endpoint.endpoint_id}/{act}")
        assert state in admin.get(TARGET).text
    admin.post(f"{TARGET}webhooks/{endpoint.endpoint_id}/remove")
    assert "example.org" not in admin.get(TARGET).text
    assert admin.get(f"{TARGET}webhooks/{endpoint.endpoint_id}").status_code == 404
    assert [name for name in acts(pages) if name.startswith("webhook")] == [
        "webhook_added", "webhook_disabled", "webhook_enabled", "webhook_removed",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"url": "http://example.org/", "topic": ["entries"]}, "begins with https"),
        ({"url": "nothing", "topic": ["entries"]}, "such as https"),
        ({"url": "https://example.org/"}, "Choose the events"),
    ],
)
def test_a_bad_webhook(pages: Pages, admin: Staff, fields: dict[str, object], words: str) -> None:
    assert words in admin.post(f"{TARGET}webhooks", fields).text
    assert endpoints.endpoints(pages.database.reader) == []


def test_the_page_speaks_chinese(admin: Staff) -> None:
    assert "外部系统" in admin.get(f"{TARGET}?lang=zh").text
