"""Views with a limit are counted; other requests are not checked for limits."""

from collections.abc import Iterator

import pytest
from flask import Flask, session

from server.core.event.directory import Event
from server.storage.database import Database
from server.web import security
from server.web.auth import allow_everybody
from tests.server.support.pages import Pages

TWICE = security.limiter.limit("2 per hour", key_func=lambda: "anybody")


@pytest.fixture
def pages(event: Event, site: Database, own_app: None) -> Iterator[Pages]:
    with Pages(event, site) as opened:
        opened.app.add_url_rule("/few", "few", allow_everybody(TWICE(lambda: "few")))
        opened.app.add_url_rule("/many", "many", allow_everybody(lambda: "many"))
        yield opened


def test_a_view_with_a_limit_is_counted(pages: Pages) -> None:
    stranger = pages.stranger()
    assert [stranger.get("/few").status_code for _ in range(3)] == [200, 200, 429]
    assert {stranger.get("/many").status_code for _ in range(3)} == {200}


def test_all_limits_are_of_views() -> None:
    """Other requests would not be checked."""
    manager = security.limiter.limit_manager
    assert not manager.application_limits
    assert not manager.default_limits
    assert not manager._blueprint_limits


def test_cookies_are_signed_with_the_key_of_now() -> None:
    app = Flask(__name__)
    app.session_interface = security._FormCookies()
    app.add_url_rule("/", "put", lambda: str(session.setdefault("put", "1")))
    app.add_url_rule("/get", "get", lambda: session.get("put", ""))
    client = app.test_client()
    app.secret_key = "first"
    assert (client.get("/").text, client.get("/get").text) == ("1", "1")
    app.secret_key = "second"
    assert client.get("/get").text == ""
    app.secret_key = "first"
    assert client.get("/get").text == "1"
