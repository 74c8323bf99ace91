"""The page of the server's certificate: state, another by upload, the event's own again."""

import io
from dataclasses import replace
from threading import Event as Flag

from server.core.event.certificate import make_certificate
from server.core.event.directory import Event, load_event
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
