"""Refused access: other sites in the same browser, other computers, malformed requests."""

import pytest
from flask.testing import FlaskClient

from kiosk.screen.actions import TEXT_MAX
from kiosk.screen.pages import TOKEN_HEADER
from tests.kiosk.screen.screen_fixture import CODE, OWN, Face, opened, post

STRANGERS = [
    ("no token", {"Origin": OWN}),
    ("wrong token", {TOKEN_HEADER: "guess", "Origin": OWN}),
    ("token not ASCII", {TOKEN_HEADER: "é", "Origin": OWN}),
    ("no origin", {TOKEN_HEADER: "own"}),
    ("another site", {TOKEN_HEADER: "own", "Origin": "https://evil.example"}),
    ("another port", {TOKEN_HEADER: "own", "Origin": "http://localhost:9"}),
    ("opaque origin", {TOKEN_HEADER: "own", "Origin": "null"}),
    ("cross-site", {TOKEN_HEADER: "own", "Origin": OWN, "Sec-Fetch-Site": "cross-site"}),
    ("same-site", {TOKEN_HEADER: "own", "Origin": OWN, "Sec-Fetch-Site": "same-site"}),
    ("rebound name", {TOKEN_HEADER: "own", "Origin": OWN, "Host": "evil.example"}),
]


@pytest.mark.parametrize("headers", [h for _, h in STRANGERS], ids=[name for name, _ in STRANGERS])
@pytest.mark.parametrize("path", ["/text", "/direction"])
def test_strangers_are_refused(
    client: FlaskClient, face: Face, path: str, headers: dict[str, str]
) -> None:
    body = {"text": CODE} if path == "/text" else {"direction": "exit"}
    sent = {name: face.token if value == "own" else value for name, value in headers.items()}

    refused = post(client, path, body, sent)

    assert refused.status_code == 403
    assert refused.get_json()["error"]["message"]
    assert face.typed == []
    assert face.turned == []


@pytest.mark.parametrize("path", ["/", "/feed", "/picture.jpg", "/static/steward/screen.js"])
@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1.evil.example:80", "[::1", ""])
def test_nothing_is_read_under_another_name(client: FlaskClient, path: str, host: str) -> None:
    assert client.get(path, headers={"Host": host}).status_code in (400, 403)


@pytest.mark.parametrize("host", ["127.0.0.1:8421", "localhost:1", "[::1]:8421"])
def test_loopback_names_are_known(face: Face, host: str) -> None:
    client = opened(face.app, host)
    assert client.get("/", headers={"Host": host}).status_code == 200


@pytest.mark.parametrize("path", ["/", "/feed", "/picture.jpg"])
def test_another_site_can_not_embed(client: FlaskClient, path: str) -> None:
    assert client.get(path, headers={"Sec-Fetch-Site": "cross-site"}).status_code == 403


@pytest.mark.parametrize("address", ["192.0.2.7", "::ffff:192.0.2.7", ""])
def test_another_machine_is_refused(client: FlaskClient, address: str) -> None:
    there = client.get("/", environ_overrides={"REMOTE_ADDR": address})

    assert there.status_code == 403


BAD_BODIES = [
    b"",
    b"null",
    b"[]",
    b"{}",
    b"{",
    b"\xff",
    b'{"text": ""}',
    b'{"text": 7}',
    b'{"text": "HK", "more": 1}',
    b'{"text": "' + b"A" * (TEXT_MAX + 1) + b'"}',
]


@pytest.mark.parametrize("body", BAD_BODIES)
def test_malformed_text_is_a_clear_error(client: FlaskClient, face: Face, body: bytes) -> None:
    refused = client.post("/text", data=body, content_type="application/json", headers=face.own())

    assert refused.status_code == 400
    assert refused.get_json() == {"error": {"code": "bad_request", "message": "Malformed request."}}
    assert face.typed == []


def test_form_and_huge_body_are_refused(client: FlaskClient, face: Face) -> None:
    form = client.post("/text", data={"text": CODE}, headers=face.own())
    huge = post(client, "/text", {"text": "A" * 10_000}, face.own())

    assert (form.status_code, huge.status_code) == (415, 413)
    assert huge.get_json()["error"]["code"] == "request_entity_too_large"
    assert face.typed == []


def test_an_unknown_page_is_a_clear_error(client: FlaskClient) -> None:
    missing = client.get("/admin")

    assert missing.status_code == 404
    assert missing.get_json()["error"]["code"] == "not_found"


@pytest.mark.parametrize(
    "path", ["/", "/feed", "/picture.jpg", "/camera", "/camera/facts", "/camera/picture.jpg"]
)
def test_another_user_of_the_machine_sees_nothing(face: Face, path: str) -> None:
    stranger = face.app.test_client()
    answer = stranger.get(path)
    assert answer.status_code == 403
    assert face.token not in answer.text
    assert face.pictures == 0
    stranger.set_cookie("hallkeeper-screen-80", "guess")
    assert stranger.get(path).status_code == 403


def test_another_user_of_the_machine_does_nothing(face: Face) -> None:
    refused = post(face.app.test_client(), "/text", {"text": CODE}, face.own())
    assert refused.status_code == 403
    assert face.typed == []


@pytest.mark.parametrize("path", ["/", "/camera"])
def test_a_browser_without_a_link_gets_the_remedy_in_both_languages(face: Face, path: str) -> None:
    page = face.app.test_client().get(path).text
    assert "hallkeeper-kiosk link" in page
    assert "专用链接" in page


def test_a_link_opens_once(face: Face) -> None:
    link = face.app.extensions["screen"].entrance.link
    first, second = face.app.test_client(), face.app.test_client()
    answer = first.get(link)
    assert (answer.status_code, answer.headers["Location"]) == (303, "/")
    cookie = answer.headers["Set-Cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=Strict" in cookie
    assert first.get("/").status_code == 200
    assert second.get(link).status_code == 403
    assert second.get("/").status_code == 403
    assert second.get(face.app.extensions["screen"].entrance.link).status_code == 303
