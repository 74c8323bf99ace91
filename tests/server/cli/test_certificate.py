"""`hallkeeper certificate`: an authority's certificate is checked, installed whole and removed."""

import ssl
import stat
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import load_pem_x509_certificates
from cryptography.x509.oid import ExtendedKeyUsageOID

from badges.wire.server_key import open_server_key
from server.core.event import served
from server.core.event.certificate import spki_sha256
from server.core.event.directory import Event, load_event
from server.core.event.served import CertificateError
from server.core.event.settings import EventError
from server.features.certificate import installing
from server.storage.database import Database
from server.storage.disk import DiskError
from tests.server.app.test_serve import announcement
from tests.server.support.authority import DAY, Authority, key_pem, pem
from tests.server.support.console import Console
from tests.system.support.site import now_ms
from tests.tools import need

HOST = "localhost"  # the event's public_host


@pytest.fixture(scope="module")
def authority() -> Authority:
    return Authority(now_ms())


def test_it_works(console: Console, authority: Authority, event: Event) -> None:
    files = authority.files(console.path, "badges.example.org", HOST)
    output = console("certificate", "install", *files).output
    assert "CN=Test Issuer" in output
    assert "badges.example.org, localhost" in output
    assert "Warning" not in output

    after = load_event(event.path)
    chain = load_pem_x509_certificates(after.certificate_path.read_bytes())
    assert [pem(certificate) for certificate in chain] == [
        Path(files[0]).read_bytes(),
        pem(authority.between),
    ]
    assert after.certificate_path == after.certificate_key_path
    assert stat.S_IMODE(after.certificate_path.stat().st_mode) == 0o600
    assert after.spki_sha256 == spki_sha256(Path(files[0]).read_bytes()) != event.spki_sha256
    assert "installed, good until" in "\n".join(announcement(after, "127.0.0.1", 8443))
    assert "installed" in console("certificate", "show").output
    assert console.rows("SELECT body FROM leaf WHERE CAST(body AS TEXT) LIKE '%certificate_set%'")


def test_the_served_key_is_signed(console: Console, authority: Authority, event: Event) -> None:
    files = authority.files(console.path, HOST)
    words = [served.signed_word(event)]
    for arguments in (files, files, ["--self-signed"]):
        console("certificate", "install", *arguments)
        words.append(served.signed_word(load_event(event.path)))
    keys = [open_server_key(event.root_key.public, word) for word in words]
    assert [key.number for key in keys] == [0, 1, 2, 3]
    assert keys[1].spki_sha256 == keys[2].spki_sha256 != event.spki_sha256
    assert keys[3].spki_sha256 == keys[0].spki_sha256 == event.spki_sha256


def test_the_events_own_comes_back(console: Console, authority: Authority, event: Event) -> None:
    own = console("certificate", "show").output
    assert "the event's own" in own
    console("certificate", "install", *authority.files(console.path, HOST))
    console("certificate", "install", "--self-signed")
    assert console("certificate", "show").output == own
    assert load_event(event.path).spki_sha256 == event.spki_sha256
    output = console("certificate", "install", "--self-signed", status=2).output
    assert "is served already" in output


def test_files_are_served_in_order(console: Console, authority: Authority, event: Event) -> None:
    leaf, key = authority.certificate(HOST)
    mixed = console.file("all.pem", pem(authority.root, authority.between, leaf) + key_pem(key))
    console("certificate", "install", mixed, mixed)
    chain = load_pem_x509_certificates(load_event(event.path).certificate_path.read_bytes())
    assert chain == [leaf, authority.between, authority.root]


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST", "127.0.0.1"])
def test_names_are_compared_as_browsers_do(authority: Authority, host: str) -> None:
    certificate, _ = authority.certificate("localhost", "127.0.0.1", "*.forum.example")
    assert served.is_for(certificate, host)
    assert served.is_for(certificate, "badges.forum.example")
    for other in ("a.b.forum.example", "forum.example", "127.0.0.2", "::1", "example"):
        assert not served.is_for(certificate, other)


Make = Callable[[Authority], tuple[bytes, bytes, bytes]]


def pems(authority: Authority, *names: str, **more) -> tuple[bytes, bytes, bytes]:
    certificate, key = authority.certificate(*(names or (HOST,)), **more)
    return pem(certificate), key_pem(key), pem(authority.between)


def openssl(*words: str | Path) -> None:
    """Run openssl. Skips the test if it is missing or can't do this."""
    need("openssl")
    done = subprocess.run(["openssl", *words], capture_output=True, text=True)
    if done.returncode:
        pytest.skip(f"this openssl can't: {done.stderr[-300:]}")


POLICIES = x509.CertificatePolicies(
    [x509.PolicyInformation(x509.ObjectIdentifier("1.2.3.4"), policy_qualifiers=None)]
)
WRONG: dict[str, tuple[Make, str]] = {
    "another's key": (
        lambda ca: (pems(ca)[0], pems(ca)[1], pems(ca)[2]),
        "is not the key of a certificate in",
    ),
    "for another name": (
        lambda ca: pems(ca, "other.example"),
        "is for other.example, and phones open localhost",
    ),
    "expired": (lambda ca: pems(ca, since=-9 * DAY, until=-DAY), "expired on 20"),
    "not yet good": (lambda ca: pems(ca, since=DAY), "set this computer's clock"),
    "not for servers": (
        lambda ca: pems(ca, usage=ExtendedKeyUsageOID.CLIENT_AUTH),
        "is not meant for servers",
    ),
    "no certificate": (lambda ca: (b"hello", pems(ca)[1], b""), "has no certificate in PEM"),
    "no key": (lambda ca: (pems(ca)[0], b"hello", b""), "is no private key in PEM"),
    "weak key": (
        lambda ca: pems(ca, key=rsa.generate_private_key(65537, 1024)),
        "Use ECDSA P-256 or P-384, or RSA of 2048, 3072, 4096 bits",
    ),
    "key of a size that the server's TLS does not take": (
        lambda ca: pems(ca, key=rsa.generate_private_key(65537, 2560)),
        "Use ECDSA P-256 or P-384, or RSA of 2048, 3072, 4096 bits",
    ),
    "key of an exponent that the server's TLS does not take": (
        lambda ca: pems(ca, key=rsa.generate_private_key(3, 2048)),
        "Use ECDSA",
    ),
    "critical extension that the server's TLS does not know": (
        lambda ca: pems(ca, critical=[POLICIES]),
        "has a critical extension that this server does not know (2.5.29.32)",
    ),
    "key that phones do not take": (
        lambda ca: pems(ca, key=ed25519.Ed25519PrivateKey.generate()),
        "Use ECDSA",
    ),
    "key behind a password": (
        lambda ca: (pems(ca)[0], key_pem(ec.generate_private_key(ec.SECP256R1()), b"secret"), b""),
        "openssl pkey -in",
    ),
    "another's chain": (
        lambda ca: (*pems(ca)[:2], pem(Authority(now_ms()).between)),
        "does not belong to the chain",
    ),
    "too large": (lambda ca: (b"#" * 1_000_001, pems(ca)[1], b""), "too large"),
}  # fmt: skip


@pytest.mark.parametrize("case", WRONG)
def test_what_cannot_be_served_is_refused_and_changes_nothing(
    console: Console, authority: Authority, event: Event, case: str
) -> None:
    make, message = WRONG[case]
    before = sorted((path.name, path.read_bytes()) for path in (event.path / "keys").iterdir())
    names = ("cert.pem", "key.pem", "chain.pem")
    files = [
        console.file(name, data) for name, data in zip(names, make(authority), strict=True) if data
    ]
    output = console("certificate", "install", *files, status=1).output
    assert message in output
    assert "Traceback" not in output
    assert before == sorted(
        (path.name, path.read_bytes()) for path in (event.path / "keys").iterdir()
    )


@pytest.mark.system
def test_a_certificate_for_rsa_pss_is_refused(console: Console, event: Event) -> None:
    """The server could not load it at its next start."""
    certificate, key = console.path / "cert.pem", console.path / "key.pem"
    openssl(
        "req", "-x509", "-newkey", "rsa-pss", "-pkeyopt", "rsa_keygen_bits:2048", "-nodes",
        "-subj", f"/CN={HOST}", "-addext", f"subjectAltName=DNS:{HOST}", "-days", "90",
        "-keyout", key, "-out", certificate,
    )  # fmt: skip
    output = console("certificate", "install", str(certificate), str(key), status=1).output
    assert "The server can't use the certificate in" in output
    assert not load_event(event.path).has_installed_certificate


@pytest.mark.system
def test_an_sm2_certificate_is_refused(console: Console, authority: Authority) -> None:
    certificate, key = console.path / "cert.pem", console.path / "key.pem"
    openssl("genpkey", "-algorithm", "SM2", "-out", key)
    openssl(
        "req", "-x509", "-new", "-key", key, "-subj", f"/CN={HOST}",
        "-addext", f"subjectAltName=DNS:{HOST}", "-days", "90", "-out", certificate,
    )  # fmt: skip
    output = console("certificate", "install", str(certificate), str(key), status=1).output
    assert "do not take a key as in" in output
    # An organiser may also take another certificate's key.
    other = console.file("other.pem", pems(authority)[1])
    output = console("certificate", "install", str(certificate), other, status=1).output
    assert "of a kind that this server and phones do not know, such as SM2" in output


def test_a_damaged_certificate_is_refused(console: Console, authority: Authority) -> None:
    certificate, key, chain = pems(authority)
    der = x509.load_pem_x509_certificate(certificate).public_bytes(Encoding.DER)
    name = HOST.encode()
    at = der.rindex(name) - 2  # the tag of the alternative name
    damaged = der[:at] + b"\xff" + der[at + 1 :]
    files = [
        console.file("cert.pem", ssl.DER_cert_to_PEM_cert(damaged)),
        console.file("key.pem", key),
        console.file("chain.pem", chain),
    ]
    output = console("certificate", "install", *files, status=1).output
    assert "or its chain is damaged" in output


# cryptography warns of a serial number that became negative.
@pytest.mark.filterwarnings("ignore::cryptography.utils.CryptographyDeprecationWarning")
def test_no_damaged_byte_ends_in_an_error(
    console: Console, authority: Authority, event: Event
) -> None:
    """Each byte is changed in turn. Some changes, as in the serial number, do no harm."""
    certificate, key, chain = map(Path, authority.files(console.path, HOST))
    der = x509.load_pem_x509_certificate(certificate.read_bytes()).public_bytes(Encoding.DER)
    refused = 0
    for at in range(len(der)):
        damaged = der[:at] + bytes([der[at] ^ 0x81]) + der[at + 1 :]
        certificate.write_text(ssl.DER_cert_to_PEM_cert(damaged))
        try:
            served.read_certificate(certificate, key, chain, event.settings, now_ms())
        except CertificateError:
            refused += 1
    assert refused > len(der) / 2


def test_a_missing_file_and_half_a_command_are_said(console: Console) -> None:
    output = console("certificate", "install", "nowhere.pem", "nowhere.key", status=1).output
    assert "can't be read: No such file" in output
    for arguments in ([], ["cert.pem"], ["cert.pem", "key.pem", "--self-signed"]):
        output = console("certificate", "install", *arguments, status=2).output
        assert "name CERT and KEY, or --self-signed alone" in output


def test_what_phones_may_not_like_is_said(console: Console, authority: Authority) -> None:
    certificate, key = authority.certificate(HOST, until=5 * DAY)
    files = [console.file("cert.pem", pem(certificate)), console.file("key.pem", key_pem(key))]
    output = console("certificate", "install", *files).output
    assert "No certificate of its issuer came along (CN=Test Issuer)" in output
    assert "It expires on" in output
    assert "It expires on" in console("certificate", "show").output


def test_a_write_that_fails_leaves_the_one_before(
    console: Console, authority: Authority, event: Event, monkeypatch: pytest.MonkeyPatch
) -> None:
    console("certificate", "install", *authority.files(console.path, HOST))
    before = load_event(event.path)
    acts_before = console.rows("SELECT COUNT(*) FROM leaf")[0][0]
    certificate, key, chain = map(Path, authority.files(console.path, HOST))
    checked = served.read_certificate(certificate, key, chain, event.settings, now_ms())
    write = served.durable_files.write_new

    def fail(path: Path, data: bytes) -> None:
        if path.name.startswith(".served.pem"):
            raise OSError(28, "No space left on device", str(path))
        write(path, data)

    monkeypatch.setattr(served.durable_files, "write_new", fail)
    with Database(event.database_path) as database:
        with pytest.raises(DiskError):
            installing.install(before, database, checked, by="admin", now=now_ms())
    assert console.rows("SELECT COUNT(*) FROM leaf")[0][0] == acts_before
    after = load_event(event.path)
    assert after.spki_sha256 == before.spki_sha256
    assert after.server_key_number == before.server_key_number
    assert not list((event.path / "keys").glob("*.new*"))


def test_spoilt_files_of_it_are_said_at_the_start(console: Console, event: Event) -> None:
    number = event.path / "keys" / "served.number"
    number.write_text("many")
    with pytest.raises(EventError, match="served.number is damaged"):
        load_event(event.path)
    number.unlink()
    pair = event.path / "keys" / "served.pem"
    pair.write_text("nonsense")
    pair.chmod(0o644)
    with pytest.raises(EventError, match="chmod 600"):
        load_event(event.path)
    pair.chmod(0o600)
    with pytest.raises(EventError, match="served.pem is missing or damaged"):
        load_event(event.path)
