"""A time-stamping authority here (`openssl ts`), with certificates that the test makes."""

import contextlib
import subprocess
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

POLICY, OTHER_POLICY = "1.2.3.4.1", "1.2.3.4.50000"
NAME = "Harbour Time"
_CONFIG = """
[tsa]
default_tsa = this
[this]
serial = {0}/serial
signer_cert = {0}/signer.pem
signer_key = {0}/signer.key
signer_digest = sha256
default_policy = 1.2.3.4.1
other_policies = 1.2.3.4.50000
digests = sha256, sha512
ess_cert_id_alg = sha256
"""


def make_root(folder: Path, name: str) -> ec.EllipticCurvePrivateKey:
    """Write `ca.pem`, and return its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    now = datetime.now(UTC)
    root = _begun(name, name, key, now - timedelta(days=1000), now + timedelta(days=1000))
    root = root.add_extension(x509.BasicConstraints(True, None), critical=True)
    root = root.add_extension(_usage(ca=True), critical=True)
    pem = root.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)
    (folder / "ca.pem").write_bytes(pem)
    return key


def make_middle(folder: Path, root: ec.EllipticCurvePrivateKey) -> ec.EllipticCurvePrivateKey:
    """Write `middle.pem`, a certificate between the root and a signer, and return its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    now = datetime.now(UTC)
    begin, end = now - timedelta(days=900), now + timedelta(days=900)
    certificate = _begun("Harbour Middle", "Harbour Root", key, begin, end)
    certificate = certificate.add_extension(x509.BasicConstraints(True, None), critical=True)
    certificate = certificate.add_extension(_usage(ca=True), critical=True)
    certificate = certificate.add_extension(
        x509.AuthorityKeyIdentifier.from_issuer_public_key(root.public_key()), critical=False
    )
    pem = certificate.sign(root, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)
    (folder / "middle.pem").write_bytes(pem)
    return key


def make_signer(
    folder: Path, root: ec.EllipticCurvePrivateKey, root_name: str, *, ended: bool = False
) -> None:
    """Write the signer's certificate and key. With `ended` it expired a day ago."""
    key = ec.generate_private_key(ec.SECP256R1())
    now = datetime.now(UTC)
    end = now + timedelta(days=-1 if ended else 300)
    certificate = _begun(NAME, root_name, key, now - timedelta(days=300), end)
    purpose = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.TIME_STAMPING])
    certificate = certificate.add_extension(purpose, critical=True)
    certificate = certificate.add_extension(_usage(ca=False), critical=True)
    certificate = certificate.add_extension(
        x509.AuthorityKeyIdentifier.from_issuer_public_key(root.public_key()), critical=False
    )
    pem = certificate.sign(root, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)
    (folder / "signer.pem").write_bytes(pem)
    (folder / "signer.key").write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )


def _begun(
    name: str, issuer: str, key: ec.EllipticCurvePrivateKey, begin: datetime, end: datetime
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)]))
        .issuer_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, issuer)]))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(begin)
        .not_valid_after(end)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
    )


def _usage(*, ca: bool) -> x509.KeyUsage:
    return x509.KeyUsage(not ca, False, False, False, False, ca, ca, False, False)


@dataclass
class TimeAuthority:
    """Answers over HTTP. `answer` may be set to answer otherwise."""

    folder: Path
    root: ec.EllipticCurvePrivateKey
    answer: Callable[[bytes], tuple[int, bytes]] | None = None
    asked: list[bytes] = field(default_factory=list)
    answered: list[bytes] = field(default_factory=list)

    @classmethod
    def made(cls, folder: Path, *, ended: bool = False) -> "TimeAuthority":
        folder.mkdir()
        root = make_root(folder, "Harbour Root")
        make_signer(folder, root, "Harbour Root", ended=ended)
        (folder / "serial").write_text("01\n")
        (folder / "tsa.cnf").write_text(_CONFIG.format(folder))
        return cls(folder, root)

    @property
    def ca(self) -> Path:
        return self.folder / "ca.pem"

    def send_chain(self, chain: bytes) -> None:
        (self.folder / "chain.pem").write_bytes(chain)
        certs = f"certs = {self.folder}/chain.pem\n"
        (self.folder / "tsa.cnf").write_text(_CONFIG.format(self.folder) + certs)

    def stamped(self, query: bytes) -> bytes:
        """The output of `openssl ts -reply`."""
        asked = self.folder / "asked.tsq"
        asked.write_bytes(query)
        command = ["openssl", "ts", "-reply", "-config", self.folder / "tsa.cnf"]
        command += ["-queryfile", asked]
        done = subprocess.run(command, capture_output=True, check=True)
        return done.stdout

    def __enter__(self) -> "TimeAuthority":
        authority = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                query = self.rfile.read(int(self.headers["Content-Length"]))
                authority.asked.append(query)
                if authority.answer is None:
                    status, body = 200, authority.stamped(query)
                    authority.answered.append(body)
                else:
                    status, body = authority.answer(query)
                self.send_response(status)
                self.send_header("Content-Type", "application/timestamp-reply")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                with contextlib.suppress(OSError):
                    self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,))
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}/tsr"
