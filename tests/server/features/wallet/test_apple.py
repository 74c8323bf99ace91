"""Passes for Apple's wallet: signed, complete, void once replaced, refused without certificates."""

import hashlib
import io
import json
import subprocess
import time
import zipfile
from pathlib import Path

import pytest
from PIL import Image

from badges.credential.credential import open_credential
from server.core.event.directory import Event
from server.core.people import issuing, phone_links
from server.core.people.phone_token import phone_token
from server.features.wallet import apple, certificates
from server.storage import durable_files
from tests.server.conftest import NOW
from tests.server.support.certificates import PASS_TYPE, TEAM, Chain, make_chain
from tests.server.support.console import Console
from tests.server.support.pages import Pages

prepare = Pages.issue  # for every attendee

DAY = 24 * 3_600_000
BASE = "https://localhost"


@pytest.fixture(scope="module")
def chain(tmp_path_factory: pytest.TempPathFactory) -> Chain:
    """Files that no test changes."""
    return make_chain(tmp_path_factory.mktemp("chain") / "apple", NOW)


def install(event: Event, chain: Chain, now: int = NOW) -> certificates.AppleSigner:
    signer, files = certificates.read_apple(
        chain.certificate.read_bytes(),
        chain.key.read_bytes(),
        chain.intermediate.read_bytes(),
        None,
        now,
    )
    for name, data in files.items():
        durable_files.write_whole(event.path / "keys" / name, data)
    return signer


def link(pages: Pages, external_id: str) -> str:
    badge = issuing.current_badge(pages.database.reader, pages.serial(external_id))
    return f"/b/{phone_token(pages.event, badge.serial, badge.issue)}"


def unzipped(data: bytes) -> dict[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        assert archive.testzip() is None
        return {name: archive.read(name) for name in archive.namelist()}


def verified(files: dict[str, bytes], chain: Chain, tmp_path: Path) -> str:
    """The output of openssl on the manifest's signature, with the tests' root."""
    (tmp_path / "signature").write_bytes(files["signature"])
    (tmp_path / "manifest.json").write_bytes(files["manifest.json"])
    done = subprocess.run(
        [
            "openssl", "smime", "-verify", "-binary", "-inform", "DER", "-in", "signature",
            "-content", "manifest.json", "-CAfile", str(chain.root), "-purpose", "any",
            "-attime", str(NOW // 1000), "-out", "said",
        ],
        cwd=tmp_path, capture_output=True, text=True, check=False,
    )  # fmt: skip
    if done.returncode == 0:
        assert (tmp_path / "said").read_bytes() == files["manifest.json"]
    return done.stderr


@pytest.mark.system
@pytest.mark.parametrize("curve", [False, True])
def test_openssl_verifies_a_pass_and_its_hashes(pages: Pages, tmp_path: Path, curve: bool) -> None:
    chain = make_chain(tmp_path / "apple", NOW, curve=curve)
    install(pages.event, chain)
    answer = pages.stranger().get(link(pages, "A2") + "/pass.pkpass")
    assert answer.status_code == 200
    assert answer.mimetype == "application/vnd.apple.pkpass"
    files = unzipped(answer.data)
    assert "successful" in verified(files, chain, tmp_path).lower()
    manifest = json.loads(files["manifest.json"])
    hashes = {
        name: hashlib.sha1(data).hexdigest()
        for name, data in files.items()
        if name not in ("manifest.json", "signature")
    }
    assert manifest == hashes
    assert {"pass.json", "icon.png", "icon@2x.png", "icon@3x.png"} <= hashes.keys()


@pytest.mark.system
def test_openssl_refuses_a_changed_manifest(pages: Pages, chain: Chain, tmp_path: Path) -> None:
    install(pages.event, chain)
    files = unzipped(pages.stranger().get(link(pages, "A2") + "/pass.pkpass").data)
    other = make_chain(tmp_path / "other", NOW)
    assert "Verification failure" in verified(files, other, tmp_path)
    files["manifest.json"] = files["manifest.json"].replace(b"a", b"b", 1)
    assert "Verification failure" in verified(files, chain, tmp_path)


def test_a_pass_says_who_what_and_where(pages: Pages, chain: Chain) -> None:
    install(pages.event, chain)
    (pages.event.path / "wallet.toml").write_text(
        'latitude = 31.23\nlongitude = 121.47\nbackground = "#102030"\n'
    )
    files = unzipped(pages.stranger().get(link(pages, "A2") + "/pass.pkpass").data)
    fields = json.loads(files["pass.json"])
    assert (fields["passTypeIdentifier"], fields["teamIdentifier"]) == (PASS_TYPE, TEAM)
    assert fields["formatVersion"] == 1
    assert fields["locations"] == [{"latitude": 31.23, "longitude": 121.47}]
    assert fields["backgroundColor"] == "rgb(16, 32, 48)"
    assert fields["relevantDate"].startswith("2026-05-04T10:")  # its session's door opens
    assert fields["relevantDate"].endswith("+08:00")
    assert fields["expirationDate"] == "2026-05-07T00:00:00+08:00"
    (code,) = fields["barcodes"]
    credential = open_credential(pages.event.ring, code["message"])
    assert credential.serial == pages.serial("A2")
    assert fields["eventTicket"]["secondaryFields"][0]["value"] == "王小明"
    english = files["en.lproj/pass.strings"].decode()
    chinese = files["zh-Hans.lproj/pass.strings"].decode()
    assert '"event_name" = "Harbour Forum";' in english
    assert '"event_name" = "海港论坛";' in chinese
    assert '"category_name" = "演讲嘉宾";' in chinese
    assert english.count("\n") == chinese.count("\n")


def test_the_pictures_are_as_large_as_they_must_be(pages: Pages, chain: Chain) -> None:
    install(pages.event, chain)
    (pages.event.path / "cards").mkdir()
    Image.new("RGB", (400, 100), (200, 0, 0)).save(pages.event.path / "cards" / "logo.png")
    (pages.event.path / "cards" / "cards.toml").write_text('logo = "logo.png"\n')
    files = unzipped(pages.stranger().get(link(pages, "A1") + "/pass.pkpass").data)
    sizes = {
        name: Image.open(io.BytesIO(data)).size
        for name, data in files.items()
        if name.endswith(".png")
    }
    assert sizes == {
        "icon.png": (29, 29), "icon@2x.png": (58, 58), "icon@3x.png": (87, 87),
        "logo.png": (160, 50), "logo@2x.png": (320, 100), "logo@3x.png": (480, 150),
    }  # fmt: skip
    middle = Image.open(io.BytesIO(files["logo.png"])).convert("RGBA").getpixel((80, 25))
    assert middle == (200, 0, 0, 255)


def test_without_a_certificate_it_is_refused_in_plain_words(pages: Pages) -> None:
    answer = pages.stranger().get(link(pages, "A1") + "/pass.pkpass")
    assert answer.status_code == 404
    assert "makes no passes for this wallet" in answer.text
    assert "本活动不提供此钱包的电子证件" in answer.text


def test_with_an_expired_certificate_it_is_refused(pages: Pages, chain: Chain) -> None:
    install(pages.event, chain)
    pages.now = NOW + 366 * DAY
    assert pages.stranger().get(link(pages, "A1") + "/pass.pkpass").status_code == 404


def test_a_damaged_certificate_is_refused_and_told_to_staff(pages: Pages, chain: Chain) -> None:
    install(pages.event, chain)
    (pages.event.path / "keys" / "wallet-apple.pem").write_bytes(b"nothing")
    assert pages.stranger().get(link(pages, "A1") + "/pass.pkpass").status_code == 404
    assert "is damaged: install Apple" in pages.staff("auditor").get("/admin/").text
    chinese = pages.staff("auditor").get("/admin/?lang=zh").text
    assert "已损坏：请重新安装" in chinese
    assert "is damaged" not in chinese


@pytest.mark.parametrize(
    ("days", "words"),
    [
        (31, ""),
        (29, "expires in 29 days. Make a new one"),
        (1, "expires in 1 day."),
        (0, "expires today."),
        (-1, "has expired, and no pass is made."),
    ],
)
def test_staff_are_warned_before_expiry(pages: Pages, chain: Chain, days: int, words: str) -> None:
    install(pages.event, chain)
    pages.now = NOW + (365 - days) * DAY
    trouble = certificates.trouble(pages.event, pages.now)
    shown = pages.staff("auditor").get("/admin/").text
    if words:
        assert words in trouble
        assert "Apple Wallet" in shown
        assert ("Certificate has ended" if days < 0 else "Certificate ends in") in shown
    else:
        assert trouble == ""
        assert "Apple Wallet" not in shown


def test_a_replaced_badge_has_no_pass_any_more(pages: Pages, chain: Chain) -> None:
    install(pages.event, chain)
    before = link(pages, "A1")
    pages.reissue(pages.serial("A1"))
    assert pages.stranger().get(before + "/pass.pkpass").status_code == 410
    assert pages.stranger().get(link(pages, "A1") + "/pass.pkpass").status_code == 200


class Phone:
    """A phone's own requests for a pass, as Apple documents its web service."""

    def __init__(self, pages: Pages, data: bytes, device: str = "device-0001") -> None:
        fields = json.loads(unzipped(data)["pass.json"])
        assert fields["webServiceURL"] == f"{pages.event.settings.public_address}/pass"
        self.client = pages.stranger().client
        self.name, self.token = fields["serialNumber"], fields["authenticationToken"]
        self.device = device
        self.registration = f"/pass/v1/devices/{device}/registrations/{PASS_TYPE}"

    def head(self) -> dict[str, str]:
        return {"Authorization": f"ApplePass {self.token}"}

    def register(self, body: object = None):
        return self.client.post(
            f"{self.registration}/{self.name}", json=body or {"pushToken": "ab" * 16},
            headers=self.head(), base_url=BASE,
        )  # fmt: skip

    def unregister(self):
        return self.client.delete(
            f"{self.registration}/{self.name}", headers=self.head(), base_url=BASE
        )

    def changed(self, since: str = ""):
        query = {"passesUpdatedSince": since} if since else {}
        return self.client.get(self.registration, query_string=query, base_url=BASE)

    def latest(self, **more: str):
        target = f"/pass/v1/passes/{PASS_TYPE}/{self.name}"
        return self.client.get(target, headers={**self.head(), **more}, base_url=BASE)


@pytest.fixture
def phone(pages: Pages, chain: Chain) -> Phone:
    install(pages.event, chain)
    return Phone(pages, pages.stranger().get(link(pages, "A1") + "/pass.pkpass").data)


def test_a_phone_hears_that_its_pass_is_void(pages: Pages, phone: Phone) -> None:
    assert phone.register().status_code == 201
    assert phone.register().status_code == 200
    news = phone.changed().json
    assert news["serialNumbers"] == [phone.name]
    assert phone.changed(news["lastUpdated"]).status_code == 204
    same = phone.latest()
    assert same.status_code == 200
    modified = same.headers["Last-Modified"]
    assert phone.latest(**{"If-Modified-Since": modified}).status_code == 304

    pages.now += 60_000
    pages.reissue(pages.serial("A1"))
    again = phone.changed(news["lastUpdated"]).json
    assert again["serialNumbers"] == [phone.name]
    assert int(again["lastUpdated"]) > int(news["lastUpdated"])
    answer = phone.latest(**{"If-Modified-Since": modified})
    assert answer.status_code == 200
    void = json.loads(unzipped(answer.data)["pass.json"])
    assert void["voided"] is True
    assert "barcodes" not in void


def test_a_change_of_name_reaches_the_pass(pages: Pages, phone: Phone) -> None:
    phone.register()
    news = phone.changed().json
    change = (
        "UPDATE attendee SET organisation = 'New Pilots', job_title = 'Master'"
        " WHERE external_id = 'A1'"
    )
    pages.database.write(lambda db: db.execute(change) and None)
    pages.now += 60_000
    assert phone.changed(news["lastUpdated"]).json["serialNumbers"] == [phone.name]
    shown = json.loads(unzipped(phone.latest().data)["pass.json"])
    fields = shown["eventTicket"]["auxiliaryFields"]
    assert [field["value"] for field in fields] == ["New Pilots", "Master"]


def test_a_phone_may_take_its_word_back(pages: Pages, phone: Phone) -> None:
    phone.register()
    assert phone.unregister().status_code == 200
    assert phone.changed().status_code == 204


def test_nobody_else_registers_or_reads_a_pass(pages: Pages, phone: Phone) -> None:
    other = Phone(pages, pages.stranger().get(link(pages, "A2") + "/pass.pkpass").data)
    other.token = phone.token
    assert other.register().status_code == 401
    assert other.latest().status_code == 401
    assert other.unregister().status_code == 401
    phone.token = "x"
    assert phone.latest().status_code == 401
    assert phone.client.get(f"/pass/v1/passes/{PASS_TYPE}/x", base_url=BASE).status_code == 401
    target = f"/pass/v1/passes/pass.org.other/{phone.name}"
    assert phone.client.get(target, base_url=BASE).status_code == 404


@pytest.mark.parametrize("body", [[], {"pushToken": 3}, {"pushToken": "x" * 300}, {"other": "x"}])
def test_a_registration_that_makes_no_sense_is_refused(phone: Phone, body: object) -> None:
    assert phone.register(body or [1]).status_code == 400
    assert phone.changed().status_code == 204


def test_lists_in_lists_without_end_are_no_registration(phone: Phone) -> None:
    answer = phone.client.post(
        f"{phone.registration}/{phone.name}", data='{"x":' + "[" * 19_000, headers=phone.head(),
        content_type="application/json", base_url=BASE,
    )  # fmt: skip
    assert answer.status_code == 400


def test_a_phone_registers_only_so_many(
    pages: Pages, phone: Phone, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("server.features.wallet.devices.DEVICES_MAX", 1)
    assert phone.register().status_code == 201
    data = pages.stranger().get(link(pages, "A1") + "/pass.pkpass").data
    assert Phone(pages, data, "device-0002").register().status_code == 429


def test_complaints_are_taken(phone: Phone, caplog: pytest.LogCaptureFixture) -> None:
    sent = {"logs": [f"token {phone.token}"]}
    assert phone.client.post("/pass/v1/log", json=sent, base_url=BASE).status_code == 200
    assert phone.token not in caplog.text


def test_install_by_the_command(console: Console, tmp_path: Path) -> None:
    chain = make_chain(tmp_path / "apple", int(time.time() * 1000), days=20)
    output = console(
        "wallet", "install", "apple", "--certificate", str(chain.certificate), "--key",
        str(chain.key), "--intermediate", str(chain.intermediate),
    ).output  # fmt: skip
    assert "are signed from now on" in output
    key = console.event.path / "keys" / "wallet-apple.key"
    assert key.stat().st_mode & 0o077 == 0
    shown = console("wallet", "status", status=1).output
    assert PASS_TYPE in shown
    assert "expires in 20 days" in shown
    assert "Google: nothing is installed." in shown
    query = "SELECT COUNT(*) FROM leaf WHERE CAST(body AS TEXT) LIKE '%wallet_installed%'"
    assert console.rows(query) == [(1,)]


def test_install_takes_a_p12_with_its_password(console: Console, tmp_path: Path) -> None:
    chain = make_chain(tmp_path / "apple", int(time.time() * 1000))
    password = console.file("password", "s3cret\n")
    arguments = ("wallet", "install", "apple", "--certificate", str(chain.p12), "--intermediate",
            str(chain.intermediate), "--password-file")  # fmt: skip
    console(*arguments, password)
    assert certificates.apple_signer(console.event) is not None
    assert "another password" in console(*arguments, console.file("wrong", "x"), status=1).output


def test_install_refuses_a_mixed_set_of_files(event: Event, tmp_path: Path, chain: Chain) -> None:
    other = make_chain(tmp_path / "other", NOW)
    own, key, middle = (
        path.read_bytes() for path in (chain.certificate, chain.key, chain.intermediate)
    )
    install(event, chain)
    kept = {path.name: path.read_bytes() for path in (event.path / "keys").iterdir()}
    cases = [
        ((own, other.key.read_bytes(), middle), "The key is not the certificate's"),
        ((own, key, other.intermediate.read_bytes()), "has not signed"),
        ((b"nothing", key, middle), "not a certificate in PEM or DER"),
        ((own, b"nothing", middle), "not a private key"),
        ((own, b"", middle), "not a PKCS #12 file"),
        ((middle, key, own), "The key is not the certificate's"),
    ]
    for (certificate, private, intermediate), words in cases:
        with pytest.raises(certificates.WalletError, match=words):
            certificates.read_apple(certificate, private, intermediate, None, NOW)
    bad = make_chain(tmp_path / "bad", NOW, pass_type="no/pass type")
    with pytest.raises(certificates.WalletError, match="not a pass type certificate"):
        install(event, bad)
    with pytest.raises(certificates.WalletError, match="has expired"):
        install(event, chain, NOW + 400 * DAY)
    with pytest.raises(certificates.WalletError, match="not valid yet"):
        install(event, chain, NOW - 400 * DAY)
    assert kept == {path.name: path.read_bytes() for path in (event.path / "keys").iterdir()}


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("latitude = 31.0\n", "go together"),
        ("latitude = 100.0\nlongitude = 1.0\n", "latitude must be a number of degrees"),
        ('background = "blue"\n', "background must be a colour"),
        ('colour = "#000000"\n', "unknown key 'colour'"),
        ("=", "is not TOML"),
    ],
)
def test_bad_settings_are_named(
    pages: Pages, chain: Chain, text: str, words: str, caplog: pytest.LogCaptureFixture
) -> None:
    install(pages.event, chain)
    (pages.event.path / "wallet.toml").write_text(text)
    assert pages.stranger().get(link(pages, "A1") + "/pass.pkpass").status_code == 404
    assert words in caplog.text


def test_tokens_are_of_one_pass_alone(event: Event) -> None:
    token = apple.pass_token(event, 5, 1)
    assert apple.open_pass(event, apple.pass_name(5, 1), token) == (5, 1)
    for name in (
        apple.pass_name(5, 2),
        apple.pass_name(6, 1),
        "5",
        "00005.0",
        "00005.999",
        "O0005.1",
    ):
        with pytest.raises(apple.UnknownPassError):
            apple.open_pass(event, name, token)


def test_the_badges_page_offers_what_there_is(pages: Pages, chain: Chain) -> None:
    target = link(pages, "A1")
    page = pages.stranger().get(target).text
    assert f'href="{target}/programme.ics"' in page
    assert f'href="webcal://localhost:8443{target}/programme.ics"' in page
    assert "pass.pkpass" not in page
    assert "google-wallet" not in page
    install(pages.event, chain)
    assert f'href="{target}/pass.pkpass"' in pages.stranger().get(target).text
    pages.now = NOW + 366 * DAY
    assert "pass.pkpass" not in pages.stranger().get(target).text


def test_a_pass_holds_no_link(pages: Pages, chain: Chain) -> None:
    """A person with the pass by an old link must not learn the new link."""
    install(pages.event, chain)
    target = link(pages, "A1")
    files = unzipped(pages.stranger().get(target + "/pass.pkpass").data)
    assert target.removeprefix("/b/").encode() not in b"".join(files.values())
    serial = pages.serial("A1")
    pages.database.write(lambda db: phone_links.renew(db, serial, by="test", now=NOW))
    for path in ("/pass.pkpass", "/programme.ics", "/google-wallet"):
        assert pages.stranger().get(target + path).status_code == 410
