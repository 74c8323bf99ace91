"""Links for Google's wallet: signed, with all data in them, and refused without a key."""

import base64
import json
import re
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa

from badges.credential.credential import open_credential
from server.core.event.directory import Event
from server.core.people import issuing
from server.core.people.phone_token import phone_token
from server.features.wallet import certificates, google
from server.storage import durable_files
from tests.server.conftest import NOW
from tests.server.support.certificates import ACCOUNT, ISSUER, service_account
from tests.server.support.console import Console
from tests.server.support.pages import Pages

prepare = Pages.issue  # for every attendee


@pytest.fixture(scope="module")
def key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


def link(pages: Pages, external_id: str) -> str:
    badge = issuing.current_badge(pages.database.reader, pages.serial(external_id))
    return f"/b/{phone_token(pages.event, badge.serial, badge.issue)}/google-wallet"


def decoded(part: str) -> bytes:
    assert re.fullmatch(r"[A-Za-z0-9_-]+", part)
    return base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))


def install(event: Event, account: bytes) -> None:
    _signer, files = certificates.read_google(account, ISSUER)
    for name, data in files.items():
        durable_files.write_whole(event.path / "keys" / name, data)


def opened(location: str, key: rsa.RSAPrivateKey) -> dict:
    """The claims of the token in a link, verified with the service account's key."""
    assert location.startswith("https://pay.google.com/gp/v/save/")
    head, body, signature = location.removeprefix(google.ADDRESS).split(".")
    assert json.loads(decoded(head)) == {"alg": "RS256", "typ": "JWT"}
    key.public_key().verify(
        decoded(signature), f"{head}.{body}".encode(), padding.PKCS1v15(), hashes.SHA256()
    )
    return json.loads(decoded(body))


def test_it_works(pages: Pages, key: rsa.RSAPrivateKey) -> None:
    install(pages.event, service_account(key))
    answer = pages.stranger().get(link(pages, "A2"))
    assert answer.status_code == 303
    assert answer.headers["Referrer-Policy"] == "no-referrer"
    assert answer.headers["Cache-Control"] == "no-store"
    claims = opened(answer.location, key)
    assert claims.keys() == {"iss", "aud", "typ", "iat", "origins", "payload"}
    assert (claims["iss"], claims["aud"], claims["typ"]) == (ACCOUNT, "google", "savetowallet")
    assert claims["iat"] == NOW // 1000
    (ticket_class,) = claims["payload"]["eventTicketClasses"]
    (ticket,) = claims["payload"]["eventTicketObjects"]
    assert ticket["classId"] == ticket_class["id"]
    for object_id in (ticket["id"], ticket_class["id"]):
        assert re.fullmatch(rf"{ISSUER}\.[A-Za-z0-9._-]+", object_id)
    assert ticket_class["eventName"]["defaultValue"]["value"] == "Harbour Forum"
    assert ticket_class["eventName"]["translatedValues"][0]["value"] == "海港论坛"
    assert ticket["ticketHolderName"] == "王小明"
    assert ticket["barcode"]["type"] == "QR_CODE"
    credential = open_credential(pages.event.ring, ticket["barcode"]["value"])
    assert credential.serial == pages.serial("A2")


def test_a_link_is_short_enough_for_browsers(pages: Pages, key: rsa.RSAPrivateKey) -> None:
    install(pages.event, service_account(key))
    location = pages.stranger().get(link(pages, "A2")).location
    assert len(location.removeprefix(google.ADDRESS)) < google.TOKEN_CHARS_SAFE


def test_each_issue_is_another_ticket(pages: Pages, key: rsa.RSAPrivateKey) -> None:
    install(pages.event, service_account(key))
    before = link(pages, "A1")
    first = opened(pages.stranger().get(before).location, key)
    serial = pages.serial("A1")
    pages.reissue(serial)
    assert pages.stranger().get(before).status_code == 410
    second = opened(pages.stranger().get(link(pages, "A1")).location, key)
    ids = {ticket["payload"]["eventTicketObjects"][0]["id"] for ticket in (first, second)}
    assert len(ids) == 2


def test_without_a_key_it_is_refused_in_plain_words(pages: Pages) -> None:
    answer = pages.stranger().get(link(pages, "A1"))
    assert answer.status_code == 404
    assert "makes no passes for this wallet" in answer.text


def test_install_by_the_command(console: Console, key: rsa.RSAPrivateKey) -> None:
    file = console.file("key.json", service_account(key))
    output = console("wallet", "install", "google", "--key", file, "--issuer", ISSUER).output
    assert ACCOUNT in output
    kept = console.event.path / "keys" / "wallet-google.json"
    assert kept.stat().st_mode & 0o077 == 0
    assert f"issuer {ISSUER}" in console("wallet", "status").output


@pytest.mark.parametrize(
    ("change", "issuer", "words"),
    [
        ({}, "me", "The issuer is a number"),
        ({"client_email": ""}, ISSUER, "lacks client_email"),
        ({"private_key": "x"}, ISSUER, "not a private key in PEM"),
        ({"private_key": 5}, ISSUER, "lacks client_email or private_key"),
    ],
)
def test_a_bad_key_is_refused(
    event: Event, key: rsa.RSAPrivateKey, change: dict, issuer: str, words: str
) -> None:
    text = json.dumps(json.loads(service_account(key)) | change).encode()
    with pytest.raises(certificates.WalletError, match=words):
        certificates.read_google(text, issuer)
    assert certificates.google_signer(event) is None


def test_other_files_are_refused(event: Event, tmp_path: Path) -> None:
    for text in (b"", b"[]", b"\xff", b"[" * 100_000):
        with pytest.raises(certificates.WalletError):
            certificates.read_google(text, ISSUER)
    curve = service_account(ec.generate_private_key(ec.SECP256R1()))  # type: ignore[arg-type]
    with pytest.raises(certificates.WalletError, match="not an RSA key"):
        certificates.read_google(curve, ISSUER)


def test_a_damaged_key_is_told_to_staff(pages: Pages) -> None:
    (pages.event.path / "keys" / "wallet-google.json").write_text("{}")
    assert "is damaged: install Google" in certificates.trouble(pages.event, NOW)
    assert pages.stranger().get(link(pages, "A1")).status_code == 404
