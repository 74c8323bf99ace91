"""The real server: granian over TLS 1.3 on loopback, in separate processes.

Two start directly and end as a server does, by Ctrl-C and by SIGTERM. The others are forks of a
process with the code loaded (tests/system/support/nursery.py).
"""

import contextlib
import hashlib
import http.client
import json
import os
import re
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import threading
import time
import urllib.parse
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from server.app import wsgi
from server.app.app import close_app
from server.app.serve import announcement, serve
from server.core.event.directory import Event
from server.core.event.lock import AlreadyServingError, only_server
from server.core.event.processes import all_processes
from server.core.event.settings import EventError
from server.core.staff import users
from server.storage.database import Database
from server.web.live import USER_FEEDS_MAX
from server.web.services import services_of
from tests.processes import await_ended, children
from tests.server.support.signing import sign_in
from tests.server.support.templates import Templates, nothing
from tests.system.support.nursery import Child, Nursery
from tests.system.support.nursery import forks as forks
from tests.system.support.site import Process, free_port
from tests.waiting import until

pytestmark = pytest.mark.system
BUSY_S = 240.0  # timeout for a busy machine
SCRIPT = """
import sys
from pathlib import Path
from server.app.serve import serve
from server.core.event.settings import EventError
try:
    serve(Path(sys.argv[1]), "127.0.0.1", int(sys.argv[2]))
except EventError as error:
    sys.exit(f"Error: {error}")
"""


@dataclass
class Server:
    process: "Child | subprocess.Popen[bytes]"
    event: Event
    port: int

    def connect(self, timeout_s: float = BUSY_S) -> http.client.HTTPSConnection:
        """A TLS 1.3 connection that trusts the event's own certificate only."""
        context = ssl.create_default_context(cafile=str(self.event.certificate_path))
        context.minimum_version = ssl.TLSVersion.TLSv1_3
        return http.client.HTTPSConnection(
            "localhost", self.port, timeout=timeout_s, context=context
        )

    def get(
        self, target: str, *, timeout_s: float = BUSY_S, **headers: str
    ) -> http.client.HTTPResponse:
        connection = self.connect(timeout_s)
        try:
            connection.request("GET", target, headers=headers)
            answer = connection.getresponse()
            answer.read()
            return answer
        finally:
            connection.close()


def start(
    event: Event, port: int, forks: Nursery | None = None
) -> "Child | subprocess.Popen[bytes]":
    command = [sys.executable, "-c", SCRIPT, str(event.path), str(port)]
    if forks is not None:
        return forks.start(command)
    return Process.popen(command, subprocess.STDOUT)


@contextlib.contextmanager
def running(event: Event, forks: Nursery | None = None) -> Iterator[Server]:
    server = Server(start(event, port := free_port(), forks), event, port)
    try:
        _await_answer(server)
        yield server
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(server.process.pid, signal.SIGKILL)
        server.process.wait(BUSY_S)
        assert server.process.stdout is not None
        server.process.stdout.close()


def all_said(process: "Child | subprocess.Popen[bytes]") -> str:
    """Its output until it ends."""
    assert process.stdout is not None
    with process.stdout as stream:
        output = stream.read().decode()
    process.wait(BUSY_S)
    return output


def _await_answer(server: Server) -> None:
    deadline = time.monotonic() + BUSY_S
    while True:
        try:
            server.get("/")
            return
        except OSError:
            assert server.process.poll() is None, all_said(server.process)
            assert time.monotonic() < deadline, "the server did not come up"
            time.sleep(0.05)


@pytest.fixture(scope="module")
def shared(
    templates: Templates, tmp_path_factory: pytest.TempPathFactory, forks: Nursery
) -> Iterator[Server]:
    """A server for the tests that do not change it."""
    event = templates.copy(nothing, tmp_path_factory.mktemp("shared") / "event")
    with running(event, forks) as server:
        yield server


def signed_in(event: Event, password: str) -> str:
    """A cookie of the first admin."""
    with Database(event.database_path) as database:
        now = time.time_ns() // 1_000_000
        _, token = sign_in(database, "admin", password, now=now)
    return f"__Host-hallkeeper={token}"


def test_it_works(event: Event, admin_password: str) -> None:
    cookie = signed_in(event, admin_password)
    with running(event) as server:
        answer = server.get("/admin/", Cookie=cookie)
        assert answer.status == 200
        assert answer.headers["Strict-Transport-Security"] == "max-age=31536000; includeSubDomains"
        process = server.process
        assert process.stdout is not None
        output = ""
        while "Stop with Ctrl-C." not in output:
            line = process.stdout.readline().decode()
            assert line, output
            output += line
        os.killpg(process.pid, signal.SIGINT)  # as Ctrl-C does: to supervisor and worker
        assert process.wait(BUSY_S) == 0
        output += process.stdout.read().decode()
    assert f"https://localhost:{server.port}/" in output
    assert "Harbour Forum / 海港论坛" in output
    assert output.endswith("Stop with Ctrl-C.\nStopped.\n"), output


def test_somebody_signs_in_through_the_form(shared: Server, admin_password: str) -> None:
    """As a browser does: with the form's cookie and token, over one connection."""
    connection = shared.connect()
    connection.request("GET", "/admin/sign-in")
    answer = connection.getresponse()
    token = re.search(r'name="csrf_token" value="([^"]+)"', answer.read().decode())
    assert token
    cookie = answer.headers["Set-Cookie"].partition(";")[0]
    fields = {"csrf_token": token[1], "name": "admin", "password": admin_password}
    headers = {
        "Cookie": cookie,
        "Content-Type": "application/x-www-form-urlencoded",
        "Referer": f"https://localhost:{shared.port}/admin/sign-in",
    }
    body = urllib.parse.urlencode(fields)
    connection.request("POST", "/admin/sign-in", body, headers)
    answer = connection.getresponse()
    answer.read()
    assert answer.status == 303
    cookies = answer.headers.get_all("Set-Cookie") or []
    named = {header.partition("=")[0]: header.partition(";")[0] for header in cookies}
    assert named.keys() >= {"__Host-hallkeeper", "__Host-hallkeeper-device"}
    assert shared.get("/admin/", Cookie="; ".join(named.values())).status == 200
    connection.request("POST", "/admin/sign-in", body, {**headers, "Referer": "https://x.org/"})
    assert connection.getresponse().status == 400, "a form of another site"
    connection.close()
    with Database(shared.event.database_path) as database:
        (body,) = database.reader.execute(
            "SELECT body FROM leaf WHERE kind = 'act' ORDER BY number DESC LIMIT 1"
        ).fetchone()
    assert json.loads(body)["act"] == "signed_in"
    assert "127.0.0.1" not in bytes(body).decode()


def test_fingerprints_are_those_of_the_certificate(event: Event) -> None:
    certificate = x509.load_pem_x509_certificate(event.certificate_path.read_bytes())
    spki = certificate.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    whole = certificate.public_bytes(Encoding.DER)
    text = "\n".join(announcement(event, "127.0.0.1", 8443)).replace(":", "").lower()
    assert hashlib.sha256(spki).hexdigest() in text
    assert hashlib.sha256(whole).hexdigest() in text


def test_older_tls_is_refused(shared: Server) -> None:
    context = ssl.create_default_context(cafile=str(shared.event.certificate_path))
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    with socket.create_connection(("127.0.0.1", shared.port)) as plain:
        with pytest.raises(OSError, match="ALERT|alert|EOF"):
            context.wrap_socket(plain, server_hostname="localhost")


def test_stops_with_feeds_held_open(event: Event, admin_password: str) -> None:
    """They end as answers do, so that nobody waits for the server's end."""
    cookie = signed_in(event, admin_password)
    with running(event) as server, contextlib.ExitStack() as held:
        answers = []
        for _ in range(5):
            connection = server.connect()
            held.callback(connection.close)
            connection.request("GET", "/admin/live", headers={"Cookie": cookie})
            answer = connection.getresponse()
            assert answer.status == 200
            assert answer.readline() == b"retry: 1000\n"
            answers.append(answer)
        workers = children(server.process.pid)
        server.process.send_signal(signal.SIGTERM)
        assert server.process.wait(BUSY_S) == 0
        await_ended(workers, BUSY_S)
        for answer in answers:
            answer.read()  # raises IncompleteRead of a feed that was cut
    assert not event.database_path.with_name("hallkeeper.db-wal").exists()  # one file to copy


@pytest.mark.parametrize("by_keyboard", [False, True])
def test_what_a_stop_leaves(
    event: Event, admin_password: str, by_keyboard: bool, forks: Nursery
) -> None:
    """Another server sees the stop at once, and no staff file remains."""
    cookie = signed_in(event, admin_password)
    with running(event, forks) as server:
        connection = server.connect()
        connection.request("GET", "/admin/live", headers={"Cookie": cookie})
        assert connection.getresponse().status == 200
        sent = event.path / "uploads" / "roster of a user"
        sent.parent.mkdir()
        sent.write_text("Anna Keller")
        with Database(event.database_path) as database:
            (here,) = all_processes(database.reader)
            assert here.stopped_at is None
        if by_keyboard:
            os.killpg(server.process.pid, signal.SIGINT)
        else:
            server.process.send_signal(signal.SIGTERM)
        assert server.process.wait(BUSY_S) == 0
        connection.close()
        assert not sent.parent.exists()
    with Database(event.database_path) as database:
        (here,) = all_processes(database.reader)
    assert here.stopped_at is not None


def is_gone(group: int) -> bool:
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return True
    return False


def test_a_killed_group_leaves_no_orphan_and_no_damage(event: Event, forks: Nursery) -> None:
    with running(event, forks) as server:
        processes = [server.process.pid, *children(server.process.pid)]
        assert len(processes) > 1
        os.killpg(server.process.pid, signal.SIGKILL)
        server.process.wait(BUSY_S)
        await_ended(processes, BUSY_S)
        until(lambda: is_gone(server.process.pid))  # also a process begun since they were listed
    with running(event, forks) as again:
        assert again.get("/").status == 302


def test_a_killed_supervisor_takes_its_worker_along(event: Event, forks: Nursery) -> None:
    with running(event, forks) as server:
        workers = children(server.process.pid)
        server.process.kill()
        server.process.wait(BUSY_S)
        await_ended(workers, BUSY_S)


def test_a_second_server_is_refused(shared: Server, forks: Nursery) -> None:
    second = start(shared.event, free_port(), forks)
    output = all_said(second)
    assert second.returncode == 1
    assert f"already being served by process {shared.process.pid}" in output
    assert "Traceback" not in output
    assert shared.get("/").status == 302


def test_a_second_server_on_the_same_port_hears_the_true_reason(shared: Server) -> None:
    with pytest.raises(AlreadyServingError, match=f"by process {shared.process.pid}"):
        serve(shared.event.path, "127.0.0.1", shared.port)


def test_of_two_events_that_begin_at_once_on_one_port_one_is_served(
    event: Event, tmp_path: Path, forks: Nursery
) -> None:
    shutil.copytree(event.path, tmp_path / "other")
    other, port = replace(event, path=tmp_path / "other"), free_port()
    processes = [start(served_event, port, forks) for served_event in (event, other)]
    try:
        until(lambda: any(process.poll() is not None for process in processes))
        (refused,) = [process for process in processes if process.poll() is not None]
        (served,) = [process for process in processes if process is not refused]
        output = all_said(refused)
        assert f"can't listen on 127.0.0.1 port {port}: Address already in use" in output
        assert "Traceback" not in output
        _await_answer(Server(served, event, port))
    finally:
        for process in processes:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait(BUSY_S)
            assert process.stdout is not None
            process.stdout.close()


def test_a_port_that_is_taken_leaves_the_event_free(event: Event) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        with pytest.raises(EventError, match="can't listen"):
            serve(event.path, "127.0.0.1", taken.getsockname()[1])
    with only_server(event.path):
        pass


def test_the_lock_goes_with_its_holder(event: Event) -> None:
    with only_server(event.path), pytest.raises(AlreadyServingError):
        with only_server(event.path):
            pass
    with only_server(event.path):
        pass


def test_a_taken_port_is_said_plainly(event: Event) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(EventError, match=f"can't listen on 127.0.0.1 port {port}"):
            serve(event.path, "127.0.0.1", port)


@pytest.mark.parametrize("host", ["localhost", "127.1", "0"])
def test_a_name_to_listen_on_is_refused(event: Event, host: str) -> None:
    with pytest.raises(EventError, match=f"^{host} is not an address to listen on, such as"):
        serve(event.path, host, free_port())


@pytest.mark.parametrize("port", [0, -1, 65536])
def test_an_impossible_port_is_refused(event: Event, port: int) -> None:
    with pytest.raises(EventError, match="not between 1 and 65535"):
        serve(event.path, "127.0.0.1", port)


def test_a_missing_key_is_said_plainly(event: Event) -> None:
    key = event.path / "keys/certificate.key"
    key.unlink()
    with pytest.raises(EventError, match=f"^{key} is missing, damaged, or not the key of"):
        serve(event.path, "127.0.0.1", free_port())


def test_a_missing_event_is_refused(tmp_path: Path) -> None:
    with pytest.raises(EventError):
        serve(tmp_path / "nowhere")


def test_a_spoilt_catalogue_is_said_plainly(event: Event, forks: Nursery) -> None:
    path = event.path / "translations/fr/LC_MESSAGES/server.po"
    path.parent.mkdir(parents=True)
    path.write_text("nonsense", "utf-8")
    server = start(event, free_port(), forks)
    output = all_said(server)
    assert server.returncode == 1
    assert "server.po, line 1: this is not a line of a .po file" in output
    assert "Traceback" not in output


def test_many_requests_at_once(shared: Server) -> None:
    statuses = []

    def ask() -> None:
        statuses.append(shared.get("/admin/sign-in").status)

    threads = [threading.Thread(target=ask) for _ in range(100)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert statuses == [200] * 100


def stewards(event: Event, count: int) -> list[str]:
    """Cookies of this many new users."""
    password = "a long enough passphrase"
    stored = users.hash_password(password)
    now = time.time_ns() // 1_000_000
    with Database(event.database_path) as database:
        for n in range(count):
            add = partial(users.add_user, role="steward", password_hash=stored, by="test", now=now)
            database.write(partial(add, name=f"Steward {n}"))
        tokens = [sign_in(database, f"Steward {n}", password, now=now)[1] for n in range(count)]
    return [f"__Host-hallkeeper={token}" for token in tokens]


def test_more_feeds_than_a_default_pool_has_threads(shared: Server) -> None:
    """Each open feed takes a thread; pages must still be answered beside 160 feeds."""
    with contextlib.ExitStack() as held:
        for cookie in stewards(shared.event, 8) * USER_FEEDS_MAX:
            connection = shared.connect()
            held.callback(connection.close)
            connection.request("GET", "/admin/live", headers={"Cookie": cookie})
            assert connection.getresponse().status == 200
        assert shared.get("/admin/sign-in").status == 200


def test_another_server_loads_the_event_that_the_environment_names(
    event: Event, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(wsgi.VARIABLE, str(event.path))
    app = wsgi.load()
    try:
        assert app.test_client().get("/admin/sign-in").status_code == 200
    finally:
        close_app(app)
        services_of(app).database.close()


def test_without_that_name_it_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(wsgi.VARIABLE, raising=False)
    with pytest.raises(EventError, match="HALLKEEPER_EVENT is not set"):
        wsgi.load()


def test_a_port_of_the_command_line_is_what_codes_and_links_say(event: Event) -> None:
    app = wsgi.open_app(event.path, port=9443)
    try:
        settings = services_of(app).event.settings
        assert settings.public_address == "https://localhost:9443"
    finally:
        close_app(app)
        services_of(app).database.close()
