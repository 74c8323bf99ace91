"""The page on which admins install the wallets' keys, and set the passes' look."""

import io
import tomllib
from contextlib import suppress
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from server.core.event.directory import Event
from server.features.wallet import certificates
from server.features.wallet.certificates import WalletError
from tests.server.conftest import MINUTE, NOW
from tests.server.features.wallet.test_google import ACCOUNT, ISSUER, service_account
from tests.server.features.wallet.test_google import key as key
from tests.server.support.certificates import PASS_TYPE, Chain, make_chain
from tests.server.support.disks.full_commit import full_at_commit
from tests.server.support.pages import Pages, Staff, acts, assert_only, words

PAGE = "/admin/wallet"
DAY_MS = 24 * 60 * MINUTE


@pytest.fixture(scope="module")
def chain(tmp_path_factory: pytest.TempPathFactory) -> Chain:
    return make_chain(tmp_path_factory.mktemp("chain") / "apple", NOW)


def install(admin: Staff, wallet: str, files: dict[str, bytes], **fields: str) -> str:
    uploaded = {name: (io.BytesIO(data), name) for name, data in files.items()}
    answer = admin.post(
        f"{PAGE}/{wallet}", {**uploaded, **fields}, content_type="multipart/form-data"
    )
    assert answer.status_code == 303
    return words(admin.get(PAGE).text)


def of_apple(chain: Chain) -> dict[str, bytes]:
    return {
        name: getattr(chain, name).read_bytes() for name in ("certificate", "key", "intermediate")
    }


def test_apple_with_a_key_as_a_file(pages: Pages, event: Event, chain: Chain) -> None:
    admin = pages.known("admin")
    assert words(admin.get(PAGE).text).count("Nothing is installed.") == 2
    text = install(admin, "apple", of_apple(chain))
    assert "Badges&#39; pages offer Apple Wallet now" in text
    assert PASS_TYPE in text
    assert chain.key.read_text().splitlines()[1] not in admin.get(PAGE).text
    assert certificates.apple_signer(event) is not None
    assert (event.path / "keys/wallet-apple.key").stat().st_mode & 0o077 == 0
    assert acts(pages).count("wallet_installed") == 1
    pages.now += 364 * DAY_MS
    assert "expire" in words(pages.staff("admin").get(PAGE).text)


def test_apple_with_a_p12(
    pages: Pages, event: Event, chain: Chain, caplog: pytest.LogCaptureFixture
) -> None:
    admin = pages.known("admin")
    files = {"certificate": chain.p12.read_bytes(), "intermediate": of_apple(chain)["intermediate"]}
    assert "has another password" in install(admin, "apple", files, password="calm-water")
    install(admin, "apple", files, password="s3cret")
    assert certificates.apple_signer(event) is not None
    assert "s3cret" not in caplog.text + admin.get(PAGE).text
    assert "calm-water" not in caplog.text + admin.get(PAGE).text


def test_wrong_files_change_nothing(
    pages: Pages, event: Event, chain: Chain, tmp_path: Path
) -> None:
    admin, good = pages.known("admin"), of_apple(chain)
    other = of_apple(make_chain(tmp_path / "other", NOW))
    install(admin, "apple", good)
    kept = {path.name: path.read_bytes() for path in (event.path / "keys").iterdir()}
    for files, message in (
        ({"certificate": good["certificate"]}, "choose your certificate and Apple&#39;s"),
        ({**good, "key": other["key"]}, "they are from two requests"),
        ({**good, "intermediate": other["intermediate"]}, "has not signed"),
        ({**good, "certificate": b"no"}, "is not a certificate in PEM or DER"),
    ):
        assert message in install(admin, "apple", files)
    for account, issuer, message in (
        (b"no", ISSUER, "is not a JSON file from Google"),
        (b"", ISSUER, "choose the service account&#39;s key"),
        (b"{}", "me", "The issuer is a number"),
    ):
        assert message in install(admin, "google", {"account": account}, issuer=issuer)
    assert {path.name: path.read_bytes() for path in (event.path / "keys").iterdir()} == kept
    assert str(event.path) not in admin.get(PAGE).text


def test_a_damaged_certificate_is_refused(pages: Pages, event: Event, chain: Chain) -> None:
    """Also one whose key is of an unknown kind: a byte of an OID is enough."""
    admin, good = pages.known("admin"), of_apple(chain)
    oids = {"certificate": "2a864886f70d0101", "intermediate": "2a8648ce3d02"}  # RSA, ECDSA
    for name, oid in oids.items():
        whole = x509.load_pem_x509_certificate(good[name]).public_bytes(Encoding.DER)
        known = bytes.fromhex(oid + "01")
        unknown = whole.replace(known, known[:-1] + b"\x7f")
        assert "damaged, or of a kind" in install(admin, "apple", {**good, name: unknown})
        for at in range(0, len(whole), 3):
            files = {**good, name: whole[:at] + bytes([whole[at] ^ 0x11]) + whole[at + 1 :]}
            with suppress(WalletError):
                certificates.read_apple(
                    files["certificate"], files["key"], files["intermediate"], None, NOW
                )
    assert acts(pages).count("wallet_installed") == 0


def test_google(pages: Pages, event: Event, key) -> None:
    text = install(pages.known("admin"), "google", {"account": service_account(key)}, issuer=ISSUER)
    assert ACCOUNT in text
    assert ISSUER in text
    assert certificates.google_signer(event) is not None


@pytest.mark.sqlite_alone
def test_a_commit_that_fails_leaves_the_keys_and_the_look(pages: Pages, event: Event, key) -> None:
    admin = pages.known("admin")
    install(admin, "google", {"account": service_account(key)}, issuer=ISSUER)
    file = event.path / "wallet.toml"
    file.write_text('foreground = "#000000"\n')
    before = {path.name: path.read_bytes() for path in (event.path / "keys").iterdir()}
    with full_at_commit(pages.database):
        files = {"account": (io.BytesIO(service_account(key)), "account")}
        answer = admin.post(f"{PAGE}/google", {**files, "issuer": "3388000000022999999"})
        look = admin.post(f"{PAGE}/look", {"foreground": "#ffffff"})
    for page in (answer, look):
        assert page.status_code in (503, 507)
        assert "Nothing was changed" in page.text
    assert {path.name: path.read_bytes() for path in (event.path / "keys").iterdir()} == before
    assert file.read_text() == 'foreground = "#000000"\n'


def test_the_look(pages: Pages, event: Event) -> None:
    admin, file = pages.known("admin"), event.path / "wallet.toml"
    file.write_text('# ours\nforeground = "#000000"\n')
    look = {"organisation": "Harbour Authority", "background": "#10243e", "foreground": "",
            "latitude": "31.2304", "longitude": "121.4737"}  # fmt: skip
    assert admin.post(f"{PAGE}/look", look).status_code == 303
    assert file.read_text().startswith("# ours\n")
    assert tomllib.loads(file.read_text()) == {
        "organisation": "Harbour Authority", "background": "#10243e",
        "latitude": 31.2304, "longitude": 121.4737,
    }  # fmt: skip
    assert 'value="31.2304"' in admin.get(PAGE).text
    before = file.read_text()
    for wrong, message in (
        ({"latitude": "north"}, "degrees such as 31.2304"),
        ({"latitude": "91"}, "degrees from -90.0 to 90.0"),
        ({"longitude": ""}, "go together"),
        ({"background": "blue"}, "a colour such as"),
    ):
        answer = admin.post(f"{PAGE}/look", {**look, **wrong})
        assert answer.status_code == 400
        assert message in answer.text
        assert "Harbour Authority" in answer.text
    assert file.read_text() == before
    assert acts(pages).count("wallet_set") == 1


def test_admins_alone_with_their_password(pages: Pages) -> None:
    assert_only(pages, PAGE)
    for path in ("apple", "google", "look"):
        assert_only(pages, f"{PAGE}/{path}", method="POST")
    admin = pages.known("admin")
    pages.now += 16 * MINUTE
    assert "/admin/account/confirm" in admin.post(f"{PAGE}/google").location
