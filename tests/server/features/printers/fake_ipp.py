"""A printer that speaks IPP on loopback, and misbehaves on request."""

import struct
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

CANCELLED, ABORTED, COMPLETED = 7, 8, 9


class FakeIpp:
    """Keeps jobs. Each is printed after about `polls` questions about it, with paper."""

    def __init__(self) -> None:
        self.formats = ["application/pdf"]
        self.operations = [2, 5, 6, 8, 9, 11]
        self.reasons = ["none"]
        self.state = 3
        self.accepting = True
        self.polls = 2
        self.counts = True  # Whether jobs report how many sheets they printed.
        self.refuses: dict[int, tuple[int, int]] = {}  # Operation: status, and how often.
        self.drops: set[int] = set()  # Operations on which the connection is closed, once.
        self.ends_as = COMPLETED
        self.hangs = threading.Event()
        self.garbage: bytes | None = None
        self.http_status = 200
        self.jobs: dict[int, dict[str, Any]] = {}
        self.names: list[str] = []
        self.asked: list[int] = []
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self.port: int = self._server.server_address[1]
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,))
        self._thread.start()

    @property
    def address(self) -> str:
        return f"ipp://127.0.0.1:{self.port}/ipp/print"

    @property
    def printed(self) -> list[bytes]:
        return [job["document"] for job in self.jobs.values() if job["sheets"]]

    def close(self) -> None:
        self.hangs.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def paper_out(self) -> None:
        self.state, self.reasons = 5, ["media-empty-error", "media-needed-error"]

    def answer(self, body: bytes) -> bytes | None:
        operation, number = struct.unpack(">HI", body[2:8])
        attributes, document = _read(body)
        self.asked.append(operation)
        if operation in self.drops:
            self.drops.discard(operation)
            return None
        status, left = self.refuses.get(operation, (0, 0))
        if left:
            self.refuses[operation] = (status, left - 1)
            return _answer(status, number)
        if operation == 11:
            return _answer(0, number, printer=self._printer())
        if operation in (2, 5):
            job = len(self.jobs) + 1
            self.names.append(attributes["job-name"][0].decode())
            self.jobs[job] = {"document": document, "state": 3, "asked": 0, "sheets": 0}
            self.jobs[job]["incoming"] = operation == 5
            return _answer(0, number, job=[(0x21, "job-id", [job]), (0x23, "job-state", [3])])
        (job,) = struct.unpack(">i", attributes["job-id"][0])
        if job not in self.jobs:
            return _answer(0x0406, number)
        record = self.jobs[job]
        if operation == 6:
            record["document"], record["incoming"] = document, False
        elif operation == 8:
            record["state"] = CANCELLED
        else:
            self._go_on(record)
        return _answer(0, number, job=self._job(record))

    def _go_on(self, job: dict[str, Any]) -> None:
        if job["incoming"] or job["state"] in (CANCELLED, ABORTED, COMPLETED):
            return
        if self.state == 5:
            job["state"] = 6
            return
        job["asked"] += 1
        job["state"] = 5
        if job["asked"] >= self.polls:
            job["state"] = self.ends_as
            job["sheets"] = int(self.ends_as == COMPLETED)

    def _job(self, job: dict[str, Any]) -> list[tuple[int, str, list[Any]]]:
        reasons = "job-incoming" if job["incoming"] else "none"
        reasons = "aborted-by-system" if job["state"] == ABORTED else reasons
        attributes = [(0x23, "job-state", [job["state"]]), (0x44, "job-state-reasons", [reasons])]
        if self.counts:
            attributes.append((0x21, "job-impressions-completed", [job["sheets"]]))
        return attributes

    def _printer(self) -> list[tuple[int, str, list[Any]]]:
        return [
            (0x23, "printer-state", [self.state]),
            (0x44, "printer-state-reasons", self.reasons),
            (0x22, "printer-is-accepting-jobs", [self.accepting]),
            (0x49, "document-format-supported", self.formats),
            (0x23, "operations-supported", self.operations),
            (0x44, "media-supported", ["iso_a6_105x148mm"]),
            (0x44, "print-scaling-supported", ["auto", "none"]),
            (0x44, "pwg-raster-document-type-supported", ["sgray_8"]),
        ]


def _answer(
    status: int,
    number: int,
    printer: list[tuple[int, str, list[Any]]] | None = None,
    job: list[tuple[int, str, list[Any]]] | None = None,
) -> bytes:
    body = struct.pack(">BBHI", 2, 0, status, number) + b"\x01"
    body += _attributes([(0x47, "attributes-charset", ["utf-8"])])
    body += _attributes([(0x48, "attributes-natural-language", ["en"])])
    # A collection, as printers report their media. The driver needs nothing in it.
    body += b"\x34" + _named("media-col-default", b"") + b"\x4a" + _named("", b"media-size")
    body += b"\x21" + _named("", struct.pack(">i", 10500)) + b"\x37" + _named("", b"")
    if printer:
        body += b"\x04" + _attributes(printer)
    if job:
        body += b"\x02" + _attributes(job)
    return body + b"\x03"


def _attributes(attributes: list[tuple[int, str, list[Any]]]) -> bytes:
    body = b""
    for tag, name, values in attributes:
        for at, value in enumerate(values):
            if tag == 0x22:
                encoded = bytes([value])
            elif isinstance(value, int):
                encoded = struct.pack(">i", value)
            else:
                encoded = value.encode()
            body += bytes([tag]) + _named("" if at else name, encoded)
    return body


def _named(name: str, value: bytes) -> bytes:
    return struct.pack(">H", len(name)) + name.encode() + struct.pack(">H", len(value)) + value


def _read(body: bytes) -> tuple[dict[str, list[bytes]], bytes]:
    values: dict[str, list[bytes]] = {}
    at, name = 8, ""
    while body[at] != 3:
        if body[at] < 0x10:
            at += 1
            continue
        (length,) = struct.unpack(">H", body[at + 1 : at + 3])
        name = body[at + 3 : at + 3 + length].decode() or name
        at += 3 + length
        (length,) = struct.unpack(">H", body[at : at + 2])
        values.setdefault(name, []).append(body[at + 2 : at + 2 + length])
        at += 2 + length
    return values, body[at + 1 :]


def _handler(printer: FakeIpp) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            if printer.garbage is not None:
                answer: bytes | None = printer.garbage
            else:
                answer = printer.answer(body)
            if answer is None:
                self.close_connection = True
                return
            self.send_response(printer.http_status)
            self.send_header("Content-Type", "application/ipp")
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, format: str, *args: object) -> None:
            pass

    return Handler
