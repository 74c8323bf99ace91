"""Serves the phone's page with a fake door, which the test controls."""

import hashlib
import json
import mimetypes
import threading
from collections.abc import Mapping
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import kiosk.browser.page
import kiosk.screen
from kiosk.browser.page import ANSWER_MS, FILES, SILENCE_MS, door_page, manifest

HERE = Path(__file__).parent
OWN = Path(kiosk.browser.page.__file__).parent
SCREEN = Path(kiosk.screen.__file__).parent / "static"
POLICY = (
    "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; style-src 'self'; img-src 'self';"
    " connect-src 'self'; worker-src 'self'; manifest-src 'self'; media-src 'self' blob:;"
    " base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
# Where the libraries were not built, nothing is read.
NO_READER = b"export const prepareZXingModule = () => {}; export const readBarcodes = () => [];"
READY = [{"type": "ready", "meta": {}}]


def files(answer_ms: int = ANSWER_MS, silence_ms: int = SILENCE_MS) -> dict[str, bytes]:
    """The files of the page by path, with the fake door as its worker. An answer stays for
    `answer_ms`, and a worker that is silent for `silence_ms` is ended.
    """
    found = {path.name: path.read_bytes() for path in (OWN / "static").iterdir()}
    found["worker.mjs"] = (HERE / "fake_door.mjs").read_bytes()
    page = door_page()
    for name, before, after in (
        ("answer", ANSWER_MS, answer_ms), ("silence", SILENCE_MS, silence_ms)
    ):  # fmt: skip
        assert f'{name}-ms" content="{before}"' in page
        page = page.replace(f'{name}-ms" content="{before}"', f'{name}-ms" content="{after}"')
    found["door.html"] = page.encode()
    found["vendor/zxing/reader.mjs"] = NO_READER
    for root, folder in ((SCREEN, "screen"), (OWN / "vendor/files/zxing", "vendor/zxing")):
        for path in root.rglob("*.*"):
            found[f"{folder}/{path.relative_to(root).as_posix()}"] = path.read_bytes()
    return found


class Site:
    """Close it, or use it in a `with`. `sent` are the page's messages to its door."""

    def __init__(self) -> None:
        self.sent: list[dict[str, Any]] = []
        self.asked: list[str] = []  # the paths that were requested
        self.on_start: list[dict[str, Any]] = READY  # the door's answer to a start
        self.replies: dict[str, tuple[int, Any]] = {}  # by path; others are answered with 204
        self.broken: set[str] = set()  # files that are served with other bytes
        self.away = False  # as without a network
        self.held: set[str] = set()  # files that do not come before `release`
        self._released = threading.Event()
        self.publish(files())
        site = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                site.get(self)

            def do_POST(self) -> None:
                site.post(self)

            def log_message(self, *_: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever)
        self._thread.start()

    def publish(self, content: Mapping[str, bytes]) -> str:
        """Serve these files as the newest version, and return its name."""
        self.files = dict(content)
        hashes = {path: hashlib.sha256(data).hexdigest() for path, data in self.files.items()}
        self.version = hashlib.sha256(json.dumps(hashes, sort_keys=True).encode()).hexdigest()[:16]
        self.index = {
            "version": self.version,
            "product": "1.0.0",
            "files": {p: {"sha256": h, "bytes": len(self.files[p])} for p, h in hashes.items()},
        }
        return self.version

    @property
    def url(self) -> str:
        # Browsers trust this name as they trust https.
        return f"http://localhost:{self._server.server_port}/door/"

    @property
    def folder(self) -> str:
        return f"/door/files/{self.version}/"

    def get(self, request: BaseHTTPRequestHandler) -> None:
        path = urlsplit(request.path).path
        self.asked.append(path)
        name = path.removeprefix(self.folder)
        if name in self.held:
            self._released.wait()
        if self.away:
            request.close_connection = True
            return
        if path == "/door/":
            page = self.files["door.html"].decode().replace(FILES, self.folder)
            _answer(request, page.encode(), "text/html", "no-cache")
        elif path == "/door/manifest.webmanifest":
            text = manifest().decode().replace(FILES, self.folder)
            _answer(request, text.encode(), "application/manifest+json", "no-cache")
        elif path == "/door/service_worker.mjs":
            _answer(request, self.files["service_worker.mjs"], "text/javascript", "no-cache")
        elif path == "/door/files.json":
            _answer(request, json.dumps(self.index).encode(), "application/json", "no-cache")
        elif path.startswith(self.folder) and name in self.files:
            data = self.files[name] + (b"\n" if name in self.broken else b"")
            kind = "text/javascript" if name.endswith(".mjs") else mimetypes.guess_type(name)[0]
            _answer(request, data, kind or "application/octet-stream", "max-age=31536000")
        else:
            request.send_error(HTTPStatus.NOT_FOUND)

    def post(self, request: BaseHTTPRequestHandler) -> None:
        body = request.rfile.read(int(request.headers["Content-Length"]))
        message = json.loads(body)
        self.sent.append(message)
        answers: list[dict[str, Any]] = []
        if message["type"] == "start":
            answers = self.on_start
        elif message["type"] == "post":
            status, reply = self.replies.get(message["path"], (204, None))
            answers = [{"type": "reply", "id": message["id"], "status": status, "body": reply}]
        _answer(request, json.dumps(answers).encode(), "application/json", "no-store")

    def release(self) -> None:
        """End the requests of held files, which then come at once."""
        self.held.clear()
        self._released.set()

    def of(self, kind: str) -> list[dict[str, Any]]:
        """The page's messages of one kind."""
        return [message for message in list(self.sent) if message["type"] == kind]

    def close(self) -> None:
        self.release()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def __enter__(self) -> "Site":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _answer(request: BaseHTTPRequestHandler, data: bytes, kind: str, cache: str) -> None:
    request.send_response(HTTPStatus.OK)
    request.send_header("Content-Type", kind)
    request.send_header("Content-Length", str(len(data)))
    request.send_header("Cache-Control", cache)
    request.send_header("Content-Security-Policy", POLICY)
    request.send_header("X-Content-Type-Options", "nosniff")
    request.end_headers()
    request.wfile.write(data)
