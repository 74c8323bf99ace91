"""`hallkeeper-kiosk` on the command line: a door in its own process, and plain errors.

One test starts the command itself. In the others the door is a fork of a process that has the
code (tests/system/support/nursery.py).
"""

import json
import signal
import sys
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import cv2
import pytest
from click.testing import CliRunner, Result

from badges.admission.facts import Admitted, Direction
from badges.credential.keys import BadgeKey, KeyRing, sign_ring
from badges.transparency.checkpoint import Checkpoint, sign_checkpoint
from badges.wire.enrolment import EnrolmentCode
from kiosk.cli.main import main
from kiosk.config.files import locked
from kiosk.journal.checkpoints import Witnessed
from kiosk.journal.journal import Journal
from kiosk.journal.values import Draft
from kiosk.reader import passes
from kiosk.replica.replica import Replica
from kiosk.screen.entrance import LINK_FILE
from tests.kiosk.support.door_fixture import (
    DOOR,
    GENERATION,
    HALL,
    KIOSK,
    KIOSK_KEY,
    LOG,
    NOON,
    RING,
    ROOT,
    badge,
    credential,
    enrolled,
    orders,
    snapshot,
)
from tests.kiosk.support.fake_event import FakeEvent
from tests.kiosk.support.pictures import hall, held_up, symbol
from tests.system.support.nursery import Nursery
from tests.system.support.nursery import forks as forks
from tests.system.support.site import Process
from tests.waiting import until

pytestmark = pytest.mark.system

NOW = time.time_ns() // 1_000_000
HOUR_MS = 3_600_000
BUSY_S = 240.0  # for certain events on a busy computer


@pytest.fixture
def event(tmp_path: Path):
    event = FakeEvent(tmp_path)
    event.facts["day_starts"] = [NOW - HOUR_MS, NOW + 24 * HOUR_MS]
    event.facts["ring"] = ring_of_today()
    event.grant(5)
    yield event
    event.close()


def ring_of_today() -> bytes:
    key = BadgeKey(RING.keys[1].public, NOW - HOUR_MS, NOW + 24 * HOUR_MS)
    return sign_ring(ROOT, KeyRing(RING.event_id, {1: key}))


@pytest.fixture(scope="module")
def video(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two badges held up one after the other, for 1.5 seconds each, and then none."""
    path = tmp_path_factory.mktemp("video") / "door.avi"
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"MJPG"), 10, (1280, 720))
    for serial in (1, 2):
        picture = cv2.cvtColor(held_up(symbol(badge(serial)), 4), cv2.COLOR_GRAY2BGR)
        for _ in range(15):
            writer.write(picture)
    nobody = cv2.cvtColor(hall(), cv2.COLOR_GRAY2BGR)
    for _ in range(3):
        writer.write(nobody)
    writer.release()
    return path


class Door:
    """A running kiosk. Its error output is in a file beside its directory."""

    def __init__(self, directory: Path, *options: str, starts: Callable = Process.popen) -> None:
        command = [sys.executable, "-m", "kiosk", "run", "--dir", str(directory), *options]
        self._errors = directory.with_name("errors").open("w+b")
        self.process = starts(command, self._errors)

    def line(self) -> str:
        return self.process.stdout.readline().decode()

    def stop(self) -> None:
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(BUSY_S)

    def output(self) -> tuple[list[str], str]:
        """The rest of its lines, and its errors, after it has ended."""
        lines = self.process.stdout.read().decode().splitlines()
        self.process.wait(BUSY_S)
        self._errors.seek(0)
        return lines, self._errors.read().decode()

    def close(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        self.process.stdout.close()
        self._errors.close()


def run(*arguments: str | Path) -> Result:
    return CliRunner().invoke(main, [str(argument) for argument in arguments])


def enrolled_at(event: FakeEvent, directory: Path) -> Path:
    return enrolled(directory, port=event.port, pin=event.spki_sha256)


def test_it_works(event: FakeEvent, video: Path, tmp_path: Path) -> None:
    """A door from its first facts to the last scan in the ledger."""
    directory = enrolled_at(event, tmp_path / "door")
    options = ("--headless", "--json", "--until-end", "--camera", str(video))
    with closing(Door(directory, *options)) as door:
        output, err = door.output()
    assert (door.process.returncode, err) == (0, "")
    lines = [json.loads(line) for line in output]
    assert [line["serial"] for line in lines] == [1, 2]
    first = lines[0]
    assert set(first) == {
        "at", "seq", "decision", "reason", "direction", "serial", "frame_to_answer_ms",
        "facts_age_ms", "free_places",
    }  # fmt: skip
    assert (first["decision"], first["reason"], first["direction"]) == ("admitted", None, "entry")
    assert (first["seq"], first["free_places"]) == (1, 4)
    assert first["frame_to_answer_ms"] > 0
    assert [record.serial for record in event.scans()] == [1, 2]


def test_sigterm_ends_it_cleanly_and_the_page_is_served(
    event: FakeEvent, video: Path, tmp_path: Path, forks: Nursery
) -> None:
    directory = enrolled_at(event, tmp_path / "door")
    options = ("--port", "0", "--camera", str(video))
    with closing(Door(directory, *options, starts=forks.start)) as door:
        assert door.line().startswith("1 entry ")
        door.stop()
        _, err = door.output()
    assert door.process.returncode == 0
    assert err.startswith("The screen, once for one browser: http://127.0.0.1:")
    assert len(err.splitlines()) == 1
    assert len(event.scans()) >= 1


def reported(event: FakeEvent) -> str:
    """The camera's fault by the kiosk's last report."""
    return event.batches[-1].health.camera_fault or "" if event.batches else ""


def test_a_door_starts_without_the_webcam_of_its_settings(
    event: FakeEvent, tmp_path: Path, forks: Nursery
) -> None:
    """Its screen shows what is missing, and a hand scanner works."""
    directory = enrolled_at(event, tmp_path / "door")
    (directory / "settings.toml").write_text('camera = "Logitech that was unplugged"\nport = 0\n')
    with closing(Door(directory, starts=forks.start)) as door:
        until(lambda: "isn't plugged in" in reported(event) or door.process.poll() is not None)
        assert (directory / LINK_FILE).exists()
        door.stop()
        _, err = door.output()
    assert (door.process.returncode, len(err.splitlines())) == (0, 1)


def test_a_looped_film_begins_again(event: FakeEvent, tmp_path: Path, forks: Nursery) -> None:
    """The film was over for longer than a code in view is one presentation (3 s)."""
    directory = enrolled_at(event, tmp_path / "door")
    quiet = tmp_path / "quiet.avi"
    still = cv2.VideoWriter(str(quiet), cv2.VideoWriter.fourcc(*"MJPG"), 10, (1280, 720))
    badge_frame = cv2.cvtColor(held_up(symbol(badge(1)), 4), cv2.COLOR_GRAY2BGR)
    nobody = cv2.cvtColor(hall(), cv2.COLOR_GRAY2BGR)
    for number in range(38):
        still.write(badge_frame if number < 5 else nobody)
    still.release()
    options = ("--headless", "--json", "--loop", "--camera", str(quiet))
    with closing(Door(directory, *options, starts=forks.start)) as door:
        lines = [json.loads(door.line()) for _ in range(3)]
        door.stop()
        _, err = door.output()
    assert (door.process.returncode, err) == (0, "")
    assert [line["serial"] for line in lines] == [1, 1, 1]


def test_a_loop_has_no_end_to_stop_at(tmp_path: Path) -> None:
    result = run("run", "--dir", tmp_path, "--loop", "--until-end")
    assert result.exit_code == 2
    assert "--loop has no end to stop at" in result.output


def test_offline_it_admits_from_its_own_places(
    event: FakeEvent, video: Path, tmp_path: Path, forks: Nursery
) -> None:
    directory = enrolled_at(event, tmp_path / "door")
    event.close()
    with Replica(directory / "replica.db", KIOSK, GENERATION, ROOT.public) as replica:
        replica.load(snapshot(**event.facts))
    with Journal(directory / "journal.db", KIOSK, GENERATION, KIOSK_KEY) as journal:
        journal.obey(orders((1, 0, 1)))
    options = ("--headless", "--json", "--camera", str(video))
    with closing(Door(directory, *options, starts=forks.start)) as door:
        lines = [json.loads(door.line()) for _ in range(2)]
        door.stop()
        _, err = door.output()
    assert (door.process.returncode, err) == (0, "")
    assert [line["reason"] for line in lines] == [None, "hall_full"]
    with Journal(directory / "journal.db", KIOSK, GENERATION, KIOSK_KEY) as journal:
        assert journal.state().waiting == 2


class TestErrors:
    """One sentence, status 1, no traceback."""

    def expect(self, result: Result, *words: str) -> None:
        assert result.exit_code == 1
        assert result.output.startswith("Error: ")
        assert "Traceback" not in result.output
        for word in words:
            assert word in result.output

    @pytest.mark.parametrize("command", [["run"], ["status"], ["export", "out"]], ids=str)
    def test_not_enrolled(self, tmp_path: Path, command: list[str]) -> None:
        name, *rest = command
        self.expect(run(name, "--dir", tmp_path, *rest), "no kiosk", "hallkeeper-kiosk enrol")
        assert list(tmp_path.iterdir()) == []

    def test_no_such_camera(self, tmp_path: Path) -> None:
        enrolled(tmp_path)
        self.expect(run("run", "--dir", tmp_path, "--camera", "/no/such.mp4"), "/no/such.mp4")

    def test_without_zbar_a_camera_names_the_remedy(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        enrolled(tmp_path)
        asked = ("run", "--dir", tmp_path, "--camera", "/no/such.mp4")
        assert "zbar" not in run(*asked).stderr
        monkeypatch.setattr(passes, "pyzbar", None)
        assert run(*asked).stderr.startswith(f"{passes.NO_ZBAR}\n")

    def test_a_misspelt_setting(self, tmp_path: Path) -> None:
        enrolled(tmp_path)
        (tmp_path / "settings.toml").write_text("camra = '0'")
        self.expect(run("run", "--dir", tmp_path), "camra", "camera")

    def test_two_at_once(self, tmp_path: Path) -> None:
        enrolled(tmp_path)
        with locked(tmp_path):
            self.expect(run("run", "--dir", tmp_path, "--camera", "none"), "running")

    def test_a_lost_journal(self, tmp_path: Path) -> None:
        enrolled(tmp_path)
        (tmp_path / "journal.db").unlink()
        self.expect(run("run", "--dir", tmp_path, "--camera", "none"), "--again")

    def test_a_damaged_journal_is_kept(self, tmp_path: Path) -> None:
        enrolled(tmp_path)
        (tmp_path / "journal.db").write_bytes(b"rust" * 5_000)
        self.expect(run("run", "--dir", tmp_path, "--camera", "none"), "damaged", "enrol --again")
        assert (tmp_path / "journal.db.bad-1").read_bytes() == b"rust" * 5_000
        self.expect(run("run", "--dir", tmp_path, "--camera", "none"), "--again")

    def test_a_bad_code(self, tmp_path: Path) -> None:
        self.expect(run("enrol", "--dir", tmp_path, "--code", "nonsense"), "HKE1")

    def test_a_server_that_is_away(self, tmp_path: Path) -> None:
        code = EnrolmentCode("127.0.0.1", 1, bytes(32), bytes(16)).text()
        result = run("enrol", "--dir", tmp_path / "door", "--code", code)
        assert "Six words: " in result.output
        assert result.exit_code == 1
        assert "Is the server running" in result.output


def scanned(directory: Path) -> Path:
    enrolled(directory)
    with Journal(directory / "journal.db", KIOSK, GENERATION, KIOSK_KEY) as journal:
        journal.obey(orders((5, 0, 1)))
        for serial in range(3):
            draft = Draft(Direction.ENTRY, DOOR, HALL, NOON, Admitted(), credential(serial))
            with journal.transaction() as step:
                step.append(draft)
        journal.offer(2)
        journal.acked(2, 1)
    return directory


def test_status(tmp_path: Path) -> None:
    scanned(tmp_path)
    status = json.loads(run("status", "--dir", tmp_path, "--json").output)
    assert (status["kiosk"], status["generation"]) == (KIOSK, GENERATION)
    assert (status["scans"], status["acknowledged"], status["waiting"]) == (3, 2, 1)
    assert status["free_places"] == {str(HALL): 2}
    assert (status["hall"], status["facts_age_ms"]) == (None, None)
    text = run("status", "--dir", tmp_path).output
    assert "3, of which 1 wait to be sent" in text
    assert "none yet" in text


def test_the_newest_checkpoint(tmp_path: Path) -> None:
    scanned(tmp_path)
    result = run("checkpoint", "--dir", tmp_path)
    assert (result.exit_code, result.output) == (
        1, "Error: this kiosk has verified no checkpoint yet.\n",
    )  # fmt: skip
    note = sign_checkpoint(LOG, "hallkeeper/test", Checkpoint("hallkeeper/test", 5, bytes(32)))
    with Journal(tmp_path / "journal.db", KIOSK, GENERATION, KIOSK_KEY) as journal:
        journal.witness.keep(Witnessed("hallkeeper/test", LOG.public.raw, 5, bytes(32), note))
    result = run("checkpoint", "--dir", tmp_path)
    assert (result.exit_code, result.output) == (0, note)


def test_status_of_a_running_kiosk_with_facts(tmp_path: Path) -> None:
    scanned(tmp_path)
    with (
        locked(tmp_path),
        Replica(tmp_path / "replica.db", KIOSK, GENERATION, ROOT.public) as replica,
    ):
        replica.load(snapshot())
        text = run("status", "--dir", tmp_path).output
    assert "North, Hall 7" in text
    assert "0 s old" in text


def test_export_and_verify(tmp_path: Path) -> None:
    scanned(tmp_path)
    out = tmp_path / "stick.jsonl"
    result = run("export", "--dir", tmp_path, out)
    assert (result.exit_code, result.output.split()[0]) == (0, "3")
    result = run("verify", out)
    assert result.exit_code == 0
    assert "3 scans of north-1 (generation 3)" in result.output
    assert run("export", "--dir", tmp_path, out).exit_code == 1, "nothing is overwritten"
    out.write_bytes(out.read_bytes().replace(b'"direction":"entry"', b'"direction":"exit"', 1))
    result = run("verify", out)
    assert result.exit_code == 1
    assert "line 2" in result.output
