"""Serves a witness over HTTP with the standard library only."""

import threading
import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from badges.transparency.witnessing import BYTES_MAX
from server.features.evidence.witnesses.witness import Answer, Witness

TIMEOUT_S = 10.0  # For each step of a request
AT_ONCE_MAX = 50


class WitnessServer(ThreadingHTTPServer):
    """Serves `POST /add-checkpoint`. `GET /` returns the witness's key and logs."""

    daemon_threads = True

    def __init__(
        self,
        address: tuple[str, int],
        witness: Witness,
        tell: Callable[[str], None],
        now_s: Callable[[], int] = lambda: int(time.time()),
    ) -> None:
        self.witness, self.tell, self.now_s = witness, tell, now_s
        self._turns = threading.BoundedSemaphore(AT_ONCE_MAX)
        super().__init__(address, _Handler)

    def process_request(self, request: Any, client_address: Any) -> None:
        if not self._turns.acquire(blocking=False):
            self.shutdown_request(request)
            return
        super().process_request(request, client_address)

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        try:
            super().process_request_thread(request, client_address)
        finally:
            self._turns.release()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Ignore clients that disconnect."""


class _Handler(BaseHTTPRequestHandler):
    server: WitnessServer
    protocol_version = "HTTP/1.1"
    timeout = TIMEOUT_S

    def do_POST(self) -> None:
        if self.path.split("?")[0].rstrip("/") != "/add-checkpoint":
            self._answer(Answer(404, "There is POST /add-checkpoint alone.\n"))
            return
        length = self.headers.get("Content-Length", "")
        if not (length.isascii() and length.isdigit() and int(length) <= BYTES_MAX):
            self.close_connection = True
            self._answer(Answer(413, "The request states no length, or one that is too large.\n"))
            return
        raw = self.rfile.read(int(length))
        try:
            self._answer(self.server.witness.add_checkpoint(raw, self.server.now_s()))
        except OSError as error:
            # It is not on disk, so nothing was cosigned.
            self.server.tell(f"nothing is cosigned: {error.strerror}")
            self._answer(Answer(503, "This witness can't write. Try again later.\n"))

    def do_GET(self) -> None:
        witness = self.server.witness
        lines = [witness.key, *(f"{origin} {witness.size(origin)}" for origin in witness.origins)]
        self._answer(Answer(200, "".join(f"{line}\n" for line in lines)))

    def _answer(self, answer: Answer) -> None:
        if answer.alert:
            self.server.tell(answer.alert)
        body = answer.body.encode()
        self.send_response(answer.status)
        self.send_header("Content-Type", answer.content_type)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Log no requests, to record no client."""

    def version_string(self) -> str:
        return "hallkeeper-witness"
