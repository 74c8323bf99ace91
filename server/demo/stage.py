"""Runs server and kiosks as processes, and cuts a kiosk's network. The kiosks run as at a real
event.
"""

import http.client
import json
import os
import shutil
import socket
import ssl
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from badges.wire.servers import ServerAddress, preferred
from server.console import BY, wall_clock
from server.core.event.directory import Event
from server.core.kiosks import addresses, registry
from server.core.ledger import entries
from server.core.ledger.finding import Filter
from server.core.venue import store
from server.demo.forum.forum import PHONE_DOOR
from server.demo.judge import Answer, LedgerRow, Outage
from server.demo.network_link import Link
from server.demo.phone import NAME as PHONE
from server.demo.phone import Phone
from server.demo.processes import Child, Children, wait_until
from server.storage.database import Database

# On a busy machine.
START_S = 240.0
ENROL_S = 240.0
PHONE_S = 300.0  # to fetch and start its Python
LEDGER_S = 120.0


@dataclass
class Kiosk:
    door: str
    directory: Path
    link: Link
    answers: list[Answer] = field(default_factory=list)
    child: Child | None = None
    cut_at: int | None = None
    trouble: str = ""
    goes_on: bool = False  # whether it continues after its film

    @property
    def name(self) -> str:
        return self.door.lower()

    def cut(self) -> None:
        self.link.cut()
        self.cut_at = wall_clock()

    def mend(self) -> Outage:
        assert self.cut_at is not None
        outage = Outage(self.door, self.cut_at, wall_clock())
        self.link.mend()
        self.cut_at = None
        return outage


class Stage:
    """Starts the server and kiosks of one event. `children` stops them."""

    def __init__(self, event: Event, database: Database, children: Children) -> None:
        self._event = event
        self._database = database
        self._children = children
        self._host = event.settings.public_host
        # Servers by port. Each but the first has a copy of the event's directory, as on another
        # machine.
        self._servers: dict[int, Child] = {}

    def serve(self, *more: int) -> None:
        """Start the server, and one at each of `more` ports on the same database. Raises
        StageError.
        """
        ports = [self._event.settings.port, *more]
        if more:
            listed = [ServerAddress(self._host, port) for port in ports]
            self._database.write(
                lambda db: addresses.set_servers(db, self._event, listed, by=BY, now=wall_clock())
            )
        for port in more:
            shutil.copytree(self._event.path, self._directory(port))
        for port in ports:
            self.start_server(port)

    def start_server(self, port: int) -> None:
        """Raises StageError if the server does not answer."""
        words = ["serve", "--event", str(self._directory(port)), "--port", str(port)]
        name = "server" if port == self._event.settings.port else f"server-{port}"
        server = self._children.start(name, [sys.executable, "-m", "server.cli.main", *words])
        answered = wait_until(lambda: self._answers(port) or not server.running, START_S)
        if not answered or not server.running:
            raise server.failed("did not start")
        self._servers[port] = server

    def kill_server_of(self, door: str) -> int:
        """Kill the server that the door's kiosks prefer, and return its port."""
        db = self._database.reader
        hall = next(item.hall_id for item in store.doors(db) if item.code == door)
        listed = addresses.servers_of(db)
        assert listed is not None
        port = preferred(listed.servers, hall)[0].port
        self._children.kill(self._servers.pop(port))
        return port

    def _directory(self, port: int) -> Path:
        path = self._event.path
        return path if port == self._event.settings.port else path.with_name(f"event-{port}")

    def enrol(self, kiosk: Kiosk) -> str:
        """Compares the six words. Raises StageError."""
        code = self._database.write(
            lambda db: registry.add_kiosk(
                db,
                self._event,
                kiosk.name,
                kiosk.door,
                address=kiosk.link.address,
                by=BY,
                now=wall_clock(),
                random=os.urandom,
            )
        )
        command = self._kiosk("enrol", kiosk, "--code", code.text())
        child = self._children.start(kiosk.name, command)
        words = self._words(kiosk.name, child)
        shown = wait_until(lambda: words in child.log() or not child.running, ENROL_S)
        if not shown or words not in child.log():
            raise child.failed("does not show the six words that the server shows")
        self._database.write(
            lambda db: registry.confirm(db, self._event, kiosk.name, by=BY, now=wall_clock())
        )
        if child.wait(ENROL_S) != 0:
            raise child.failed("could not enrol")
        return words

    def enrol_phone(self, phone: Phone) -> tuple[Child, str]:
        """Open the page with a code, confirm, and wait for its first report. Return its browser
        and the six words. Raises StageError.
        """
        settings = self._event.settings
        code = self._database.write(
            lambda db: registry.add_kiosk(
                db,
                self._event,
                PHONE,
                PHONE_DOOR,
                address=(settings.public_host, settings.port),
                by=BY,
                now=wall_clock(),
                random=os.urandom,
            )
        )
        child = phone.open(self._children, code.text())
        words = self._words(PHONE, child, PHONE_S)
        self._database.write(
            lambda db: registry.confirm(db, self._event, PHONE, by=BY, now=wall_clock())
        )
        if not wait_until(lambda: self._is_at_work(PHONE) or not child.running, PHONE_S):
            raise child.failed("opened its page, and reports nothing")
        return child, words

    def _is_at_work(self, kiosk: str) -> bool:
        rows = registry.kiosks(self._database.reader)
        return any(row.kiosk == kiosk and row.health is not None for row in rows)

    def hear(self, phone: Phone) -> Iterator[Answer]:
        return phone.hear(self._database.reader)

    def run(
        self, kiosk: Kiosk, camera: str, on_answer: Callable[[Answer], None], *options: str
    ) -> None:
        """Start a kiosk whose camera is a film, a webcam's number or a stream."""

        def hear(line: str) -> None:
            try:
                answer = parse_answer(kiosk, line)
            except ValueError as error:
                kiosk.trouble = f"{kiosk.name} printed a line that can't be read: {error}"
                return
            if answer is not None:
                on_answer(answer)

        kiosk.goes_on = "--until-end" not in options
        command = self._kiosk("run", kiosk, "--camera", camera, "--json", *options)
        kiosk.child = self._children.start(kiosk.name, command, hear)

    def wait_for_page(self, kiosk: Kiosk, port: int) -> None:
        """Raises StageError if the page does not answer."""
        child = kiosk.child
        assert child is not None
        wait_until(lambda: _is_open(port) or not child.running, START_S)
        if not child.running or not _is_open(port):
            raise child.failed("does not show its page")

    def ledger(self, answers: list[Answer]) -> list[LedgerRow]:
        """Return the scans once they include these answers, or at the timeout."""
        wanted = {(answer.kiosk, answer.seq) for answer in answers}
        rows: list[LedgerRow] = []

        def arrived() -> bool:
            rows[:] = self._scans()
            return wanted <= {(row.kiosk, row.seq) for row in rows}

        wait_until(arrived, LEDGER_S, pause_s=0.3)
        return rows

    def discrepancies(self) -> int:
        return entries.discrepancy_count(self._database.reader)

    def after_moves(self) -> list[str]:
        """List the halls that people left without a scanned exit, with their places."""
        halls = store.halls(self._database.reader)
        return [
            f"{hall.code} ({hall.leaving}) kept {hall.moved_on}, freed {hall.unconfirmed_moves}"
            for hall in halls
            if hall.moved_on or hall.unconfirmed_moves
        ]

    def _scans(self) -> list[LedgerRow]:
        rows: list[LedgerRow] = []
        before: int | None = None
        while True:
            page = entries.page(self._database.reader, Filter(), before=before, rows=500)
            rows += [LedgerRow(e.kiosk, e.seq, e.decision, e.serial) for e in page.entries]
            if page.older is None:
                return rows
            before = page.older

    def _words(self, kiosk: str, child: Child, timeout_s: float = ENROL_S) -> str:
        """Return the server's six words once the kiosk has shown its code."""
        words: list[str] = []

        def proven() -> bool:
            rows = registry.kiosks(self._database.reader)
            words[:] = [row.words for row in rows if row.kiosk == kiosk and row.words]
            return bool(words) or not child.running

        if not wait_until(proven, timeout_s) or not words:
            raise child.failed("did not show its code to the server")
        return words[0]

    def _kiosk(self, command: str, kiosk: Kiosk, *options: str) -> list[str]:
        return [sys.executable, "-m", "kiosk", command, "--dir", str(kiosk.directory), *options]

    def _answers(self, port: int) -> bool:
        context = ssl.create_default_context(cafile=str(self._event.certificate_path))
        connection = http.client.HTTPSConnection(self._host, port, timeout=2, context=context)
        try:
            connection.request("GET", "/")
            connection.getresponse().read()
        except (OSError, http.client.HTTPException):
            return False
        finally:
            connection.close()
        return True


def _is_open(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=2).close()
    except OSError:
        return False
    return True


def parse_answer(kiosk: Kiosk, line: str) -> Answer | None:
    """Returns None for any other line. Raises ValueError."""
    if not line.startswith("{"):
        return None
    values = json.loads(line)
    try:
        return Answer(
            door=kiosk.door,
            kiosk=kiosk.name,
            at=values["at"],
            seq=values["seq"],
            decision=values["decision"],
            reason=values["reason"],
            serial=values["serial"],
            frame_to_answer_ms=values["frame_to_answer_ms"],
        )
    except KeyError as error:
        raise ValueError(f"no {error}") from None
