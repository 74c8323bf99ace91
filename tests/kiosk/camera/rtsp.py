"""An RTSP camera on loopback: JPEG over RTP, interleaved with RTSP over TCP (RFC 2326 and 2435).

It offers no other transport, may require a password, and can be told to die, hang and recover.
"""

import hashlib
import socket
import socketserver
import struct
import threading
import time
from collections.abc import Callable
from typing import Self

import cv2
import numpy as np

from tests.kiosk.camera.streams import FPS, noise

USER, PASSWORD = "door", "s3cret/pw"
REALM, NONCE = "camera", "0123456789abcdef"
CLOCK_HZ = 90_000
PART_BYTES = 1400
JPEG_TYPE = 26
SDP = (
    "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=door\r\nt=0 0\r\na=control:*\r\n"
    f"m=video 0 RTP/AVP {JPEG_TYPE}\r\nc=IN IP4 0.0.0.0\r\na=control:track1\r\n"
)


class RtspCamera:
    """`picture` makes each gray picture from its number, with sides that are multiples of 8."""

    def __init__(
        self, picture: Callable[[int], np.ndarray] | None = None, *, private: bool = False
    ) -> None:
        self.picture = picture or noise
        self.private = private
        self.flowing = threading.Event()
        self.flowing.set()
        self.asked: list[str] = []  # each request's method and requested transport
        self.port = 0
        self._stop = threading.Event()
        self._server: _Server | None = None
        self.live()

    def live(self) -> None:
        """Connect, at the same address as before."""
        self._stop = threading.Event()
        self._server = _Server(("127.0.0.1", self.port), self, self._stop)
        self.port = self._server.server_address[1]
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()

    def die(self) -> None:
        """Disconnect: connections end, new ones are refused."""
        self._stop.set()
        self.flowing.set()
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()
        self._server = None

    def url(self, path: str = "/door", user: str = "") -> str:
        return f"rtsp://{user}127.0.0.1:{self.port}{path}"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.die()


class _Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True

    def __init__(self, address: tuple[str, int], camera: RtspCamera, stop: threading.Event) -> None:
        self.camera, self.stop = camera, stop
        super().__init__(address, _Client)


class _Client(socketserver.StreamRequestHandler):
    server: _Server

    def handle(self) -> None:
        """Requests in order, with pictures beside them after PLAY."""
        self._sending = threading.Lock()
        try:
            while request := self._request():
                self._answer(*request)
        except (OSError, ValueError):
            pass  # the kiosk has gone, or this camera has

    def _request(self) -> tuple[str, str, dict[str, str]] | None:
        """Method, URL and headers. The kiosk's RTCP between requests is skipped."""
        while first := self.rfile.read(1):
            if first == b"$":
                _, size = struct.unpack(">BH", self.rfile.read(3))
                self.rfile.read(size)
                continue
            method, url, _ = (first + self.rfile.readline()).decode("ascii").split()
            headers = {}
            while line := self.rfile.readline().decode("ascii").strip():
                name, _, value = line.partition(":")
                headers[name.lower()] = value.strip()
            return method, url, headers
        return None

    def _answer(self, method: str, url: str, headers: dict[str, str]) -> None:
        camera, transport = self.server.camera, headers.get("transport", "")
        camera.asked.append(f"{method} {transport}".strip())
        extra, body, status = "Session: 7\r\n", "", "200 OK"
        if method == "OPTIONS":
            extra = "Public: OPTIONS, DESCRIBE, SETUP, PLAY, TEARDOWN\r\n"
        elif camera.private and not _admits(method, headers.get("authorization", "")):
            status = "401 Unauthorized"
            extra = f'WWW-Authenticate: Digest realm="{REALM}", nonce="{NONCE}"\r\n'
        elif "/door" not in url:
            status = "404 Not Found"
        elif method == "DESCRIBE":
            extra, body = f"Content-Base: {url}/\r\nContent-Type: application/sdp\r\n", SDP
        elif method == "SETUP" and "TCP" not in transport:
            status = "461 Unsupported Transport"
        elif method == "SETUP":
            extra += f"Transport: {transport}\r\n"
        head = f"RTSP/1.0 {status}\r\nCSeq: {headers['cseq']}\r\n{extra}"
        with self._sending:
            self.wfile.write(f"{head}Content-Length: {len(body)}\r\n\r\n{body}".encode())
        if method == "PLAY":
            threading.Thread(target=self._play, daemon=True).start()

    def _play(self) -> None:
        camera, stop = self.server.camera, self.server.stop
        number = sequence = 0
        began = time.monotonic()
        try:
            while not stop.wait(1 / FPS):
                camera.flowing.wait()
                number += 1
                stamp = int((time.monotonic() - began) * CLOCK_HZ)
                for packet in packets(camera.picture(number), sequence, stamp):
                    sequence += 1
                    with self._sending:
                        self.wfile.write(b"$\x00" + struct.pack(">H", len(packet)) + packet)
            self.connection.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass  # the kiosk has gone


def _admits(method: str, given: str) -> bool:
    """Digest as in RFC 2069, to which RTSP refers."""
    fields = dict(part.strip().split("=", 1) for part in given.partition(" ")[2].split(",") if part)
    url = fields.get("uri", "").strip('"')
    user, request = _md5(f"{USER}:{REALM}:{PASSWORD}"), _md5(f"{method}:{url}")
    return fields.get("response", "").strip('"') == _md5(f"{user}:{NONCE}:{request}")


def _md5(text: str) -> str:
    return hashlib.md5(text.encode()).hexdigest()


def packets(picture: np.ndarray, sequence: int, stamp: int) -> list[bytes]:
    """The RTP packets of one picture. The tables are included, so any encoder's work."""
    colour = picture if picture.ndim == 3 else cv2.cvtColor(picture, cv2.COLOR_GRAY2BGR)
    sampling = [cv2.IMWRITE_JPEG_SAMPLING_FACTOR, cv2.IMWRITE_JPEG_SAMPLING_FACTOR_420]
    tables, scan = _taken_apart(cv2.imencode(".jpg", colour, sampling)[1].tobytes())
    height, width = picture.shape[:2]
    sent = []
    for at in range(0, len(scan), PART_BYTES):
        part = scan[at : at + PART_BYTES]
        last = at + PART_BYTES >= len(scan)
        number = (sequence + len(sent)) & 0xFFFF
        head = struct.pack(">BBHII", 0x80, last << 7 | JPEG_TYPE, number, stamp & 0xFFFFFFFF, 7)
        # Type 1 is 4:2:0; quality 255 means that the first part has the tables.
        head += struct.pack(">IBBBB", at, 1, 255, width // 8, height // 8)
        head += struct.pack(">BBH", 0, 0, len(tables)) + tables if at == 0 else b""
        sent.append(head + part)
    return sent


def _taken_apart(jpeg: bytes) -> tuple[bytes, bytes]:
    """The quantization tables of a baseline JPEG, and its entropy-coded scan."""
    tables, at = b"", 2
    while True:
        marker, size = struct.unpack(">HH", jpeg[at : at + 4])
        segment = jpeg[at + 4 : at + 2 + size]
        at += 2 + size
        if marker == 0xFFDB:
            tables += b"".join(
                segment[start + 1 : start + 65] for start in range(0, len(segment), 65)
            )
        if marker == 0xFFDA:
            return tables, jpeg[at:].removesuffix(b"\xff\xd9")
