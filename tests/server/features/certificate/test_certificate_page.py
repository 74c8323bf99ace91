"""The page of the server's certificate: state, another by upload, the event's own again."""

import io
from collections import defaultdict
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from threading import Event as Flag

import pytest

from server.core.event import served
from server.core.event.certificate import make_certificate, spki_sha256
from server.core.event.directory import Event, load_event, read_event
from server.core.event.served import Checked
from server.features.certificate import installing
from server.storage.database import Database
from server.web.services import keep_services, services_of
from tests.server.conftest import MINUTE
from tests.server.support.pages import Pages, Staff, acts, assert_only
from tests.waiting import LONGEST_S

PAGE = "/admin/certificate"


def upload(admin: Staff, certificate: bytes, key: bytes) -> str:
    fields = {"certificate": (io.BytesIO(certificate), "c.pem"), "key": (io.BytesIO(key), "k.pem")}
    answer = admin.post(f"{PAGE}/install", fields, content_type="multipart/form-data")
    assert answer.status_code == 303
    return admin.get(PAGE).text


def test_another_one_then_the_own_again(pages: Pages, event: Event) -> None:
    restarted = Flag()
    keep_services(pages.app, replace(services_of(pages.app), restart=restarted.set))
    admin = pages.known("admin")
    assert "browsers warn once" in admin.get(PAGE).text
    certificate, key = make_certificate(event.settings.public_host, pages.now)
    text = upload(admin, certificate, key)
    assert "The server starts again now" in text
    assert restarted.wait(LONGEST_S)
    assert load_event(event.path).has_installed_certificate
    served = event.path / "keys/served.pem"
    assert served.stat().st_mode & 0o077 == 0
    assert key.decode().splitlines()[1] not in text
    assert {path.is_file() for path in (event.path / "keys").iterdir()} == {True}
    admin.post(f"{PAGE}/own")
    assert "tick the box" in admin.get(PAGE).text
    admin.post(f"{PAGE}/own", {"confirm": "yes"})
    assert not load_event(event.path).has_installed_certificate
    assert acts(pages).count("certificate_set") == 2


def test_wrong_files_change_nothing(pages: Pages, event: Event) -> None:
    admin = pages.known("admin")
    certificate, key = make_certificate(event.settings.public_host, pages.now)
    _, other_key = make_certificate(event.settings.public_host, pages.now)
    for one, its, words in (
        (certificate, other_key, "is not the key of a certificate in certificate.pem"),
        (b"no", key, "certificate.pem has no certificate in PEM"),
        (certificate, b"no", "private.key is no private key in PEM"),
        (certificate, b"", "choose the certificate and its key"),
    ):
        text = upload(admin, one, its)
        assert words in text
        assert str(event.path) not in text
    assert not load_event(event.path).has_installed_certificate
    assert "certificate_set" not in acts(pages)


def test_admins_alone_with_their_password(pages: Pages) -> None:
    assert_only(pages, PAGE)
    admin = pages.known("admin")
    pages.now += 16 * MINUTE
    assert "/admin/account/confirm" in admin.post(f"{PAGE}/own", {"confirm": "yes"}).location


def made(event: Event, folder: Path, now: int) -> Checked:
    folder.mkdir()
    certificate, key = make_certificate(event.settings.public_host, now)
    (folder / "c.pem").write_bytes(certificate)
    (folder / "k.pem").write_bytes(key)
    return served.read_certificate(folder / "c.pem", folder / "k.pem", None, event.settings, now)


def test_two_admins_at_once_get_two_numbers(pages: Pages, event: Event, tmp_path: Path) -> None:
    """A kiosk refuses two keys of one number, whenever a server that starts reads them."""
    several = [made(event, tmp_path / str(number), pages.now) for number in range(12)]
    database = services_of(pages.app).database
    keys: dict[int, set[bytes]] = defaultdict(set)
    over = Flag()

    def starting_server() -> None:
        while not over.is_set():
            read = read_event(event.path)
            keys[read.server_key_number].add(read.spki_sha256)

    def install(checked: Checked) -> None:
        loaded = installing.install(event, database, checked, by="admin", now=pages.now)
        keys[loaded.server_key_number].add(loaded.spki_sha256)

    with ThreadPoolExecutor(5) as pool:
        reading = pool.submit(starting_server)
        try:
            list(pool.map(install, several))
        finally:
            over.set()
        reading.result()
    assert {
        number: len(of_number) for number, of_number in keys.items() if len(of_number) > 1
    } == {}
    after = load_event(event.path)
    assert after.server_key_number == len(several)
    assert after.spki_sha256 in {spki_sha256(checked.pem) for checked in several}


def test_what_cannot_be_logged_is_not_served(
    pages: Pages, event: Event, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    checked = made(event, tmp_path / "new", pages.now)
    database = services_of(pages.app).database
    kept = {path.name: path.read_bytes() for path in (event.path / "keys").iterdir()}

    def full(self: Database, step: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Database, "write", full)
    with pytest.raises(OSError, match="No space"):
        installing.install(event, database, checked, by="admin", now=pages.now)
    assert {path.name: path.read_bytes() for path in (event.path / "keys").iterdir()} == kept
