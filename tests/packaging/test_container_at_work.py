"""The container's image: built twice, and run with a read-only root.

HALLKEEPER_IMAGE names an archive to test instead of building one, which takes ten minutes.
"""

import contextlib
import hashlib
import os
import shutil
import socket
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from kiosk.cli.enrol import enrol
from tests.system.support.hand_scanner import HandScanner
from tests.system.support.site import READY_S, Process, free_port, wait_for
from tests.system.support.venue import door_toml, hall_toml

ROOT = Path(__file__).parents[2]
TOOLS = ("mmdebstrap", "umoci", "jq", "podman", "runc")
UID = 10_001
NAME = "hallkeeper-test"
# In the host's network, so that a door reaches it over loopback.
RUN = ("podman", "--runtime", "runc", "run", "--network", "host", "--init", "--read-only",
       "--cap-drop", "ALL", "--security-opt", "no-new-privileges")  # fmt: skip
PEOPLE = 3

pytestmark = [
    pytest.mark.soak,
    pytest.mark.timeout(3600),
    pytest.mark.skipif(os.geteuid() != 0, reason="needs root for the host's network"),
    *(
        pytest.mark.skipif(shutil.which(tool) is None, reason=f"there is no {tool}")
        for tool in TOOLS
    ),
]


def run(*words: object) -> str:
    result = subprocess.run([*map(str, words)], capture_output=True, text=True)
    assert result.returncode == 0, (words, result.stdout, result.stderr)
    return result.stdout


def succeeds(*words: object) -> bool:
    return subprocess.run([*map(str, words)], capture_output=True).returncode == 0


def built(wheel: Path, out: Path) -> Path:
    subprocess.run(
        [ROOT / "packaging/container/build", wheel, ROOT / "packaging/locks", out],
        env=os.environ | {"SOURCE_DATE_EPOCH": "1800000000", "PYTHON": sys.executable},
        check=True,
    )
    (archive,) = out.glob("*.oci.tar")
    return archive


def digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("wheel")
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-d", path, "-t", "wheel"],
        cwd=ROOT, check=True, capture_output=True,
    )  # fmt: skip
    (wheel,) = path.glob("*.whl")
    return wheel


@pytest.fixture(scope="module")
def archive(wheel: Path) -> Path:
    given = os.environ.get("HALLKEEPER_IMAGE")
    return Path(given) if given else built(wheel, wheel.parent / "first")


@pytest.fixture(scope="module")
def image(archive: Path) -> str:
    return run("podman", "load", "--quiet", "--input", archive).split()[-1]


class Server:
    """A container with an event, which stays when the container is replaced."""

    def __init__(self, path: Path, image: str) -> None:
        self.event, self.files = path / "event", path / "files"
        self.image, self.port = image, free_port()
        for folder in (self.event, self.files):
            folder.mkdir(mode=0o755)
            os.chown(folder, UID, UID)
        self.volumes = ("--volume", f"{self.event}:/event", "--volume", f"{self.files}:/files:ro")

    def init(self) -> str:
        return run(
            *RUN, "--rm", *self.volumes, self.image, "init", "/event", "--name", "Harbour Forum",
            "--public-host", "127.0.0.1", "--port", self.port,
        )  # fmt: skip

    def start(self) -> None:
        run(*RUN, "--detach", "--name", NAME, *self.volumes, self.image)
        # As the health check of compose.yaml does.
        probe = ("curl", "--fail", "--silent", "--insecure")
        address = f"https://127.0.0.1:{self.port}/readyz"
        wait_for("the server", lambda: succeeds("podman", "exec", NAME, *probe, address))

    def stop(self) -> None:
        run("podman", "stop", "--time", "60", NAME)
        run("podman", "rm", NAME)

    def hallkeeper(self, *words: str) -> str:
        return run("podman", "exec", NAME, "hallkeeper", *words)

    def put(self, name: str, text: str) -> str:
        (self.files / name).write_text(text, "utf-8")
        return f"/files/{name}"

    def query(self, sql: str) -> list[tuple]:
        url = f"file:{self.event}/hallkeeper.db?mode=ro"
        with contextlib.closing(sqlite3.connect(url, uri=True)) as database:
            return database.execute(sql).fetchall()


@pytest.fixture
def server(tmp_path: Path, image: str) -> Iterator[Server]:
    yield Server(tmp_path, image)
    subprocess.run(["podman", "rm", "--force", "--ignore", NAME], capture_output=True)


def fill(server: Server) -> list[str]:
    """Import a hall, a door and attendees, issue their badges and return these."""
    rows = "".join(f"{n},Guest,Number {n},g{n}@example.org,delegate\n" for n in range(PEOPLE))
    roster = server.put("roster.csv", f"id,given name,family name,email,category\n{rows}")
    venue = server.put("venue.toml", hall_toml("hall", 10) + door_toml("west"))
    server.hallkeeper("import-venue", venue)
    server.hallkeeper("import", roster, "--row-numbers", "ids")
    server.hallkeeper("issue")
    return [text for (text,) in server.query("SELECT credential FROM badge ORDER BY serial")]


def enrol_west(server: Server, directory: Path) -> None:
    printed = server.hallkeeper("kiosk", "add", "west", "west")
    code = next(word for word in printed.split() if word.startswith("HKE1."))
    confirm = ("podman", "exec", NAME, "hallkeeper", "kiosk", "confirm", "west", "--yes")
    with ThreadPoolExecutor(1) as pool:
        enrolling = pool.submit(
            enrol, directory, code, say=lambda _: None, wait_s=READY_S, poll_s=0.1
        )
        wait_for("the confirmation", lambda: enrolling.done() or succeeds(*confirm))
        enrolling.result(READY_S)


@contextlib.contextmanager
def west(directory: Path) -> Iterator[HandScanner]:
    """The kiosk at the door, outside the container."""
    port = free_port()
    options = ("--dir", str(directory), "--json", "--camera", "none", "--port", str(port))
    command = [sys.executable, "-m", "kiosk", "run", *options]
    kiosk = Process(directory.name, command, directory.parent / "west.log")
    kiosk.start()
    try:
        with HandScanner(kiosk, port, socket.create_connection) as scanner:
            wait_for("the door's facts", lambda: scanner.turn("entry"))
            yield scanner
    finally:
        kiosk.stop()


@pytest.mark.skipif("HALLKEEPER_IMAGE" in os.environ, reason="the given image is not built here")
def test_the_same_wheel_gives_the_same_bytes(wheel: Path, archive: Path) -> None:
    assert digest(built(wheel, wheel.parent / "second")) == digest(archive)


def test_a_door_admits_and_a_new_container_goes_on(server: Server, tmp_path: Path) -> None:
    assert "password" in server.init()
    server.start()
    badges = fill(server)
    enrol_west(server, tmp_path / "west")
    with west(tmp_path / "west") as scanner:
        scanner.let_in(badges[0])
        server.stop()
        assert scanner.present(badges[1], "entry").admitted, "the door goes on by its places"
        server.start()
        scanner.let_in(badges[2])
        wait_for("all scans", lambda: server.query("SELECT count(*) FROM scan") == [(PEOPLE,)])
    assert {path.stat().st_uid for path in server.event.rglob("*")} == {UID}


def test_only_the_volumes_and_tmp_can_be_written(server: Server) -> None:
    script = "touch /tmp/a /event/b /backup/c && ! touch /opt/d 2>/dev/null && ! touch /d && id -u"
    command = (*RUN, "--rm", *server.volumes, "--entrypoint", "/bin/sh", server.image)
    assert run(*command, "-c", script) == f"{UID}\n"


def test_the_demo_is_judged_right(image: str) -> None:
    run(*RUN, "--rm", image, "demo", "--once")
