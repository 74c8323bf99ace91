"""The running kiosk's parts together: board, relay, faults. No picture stops the door."""

import errno
import os
import sqlite3
import threading
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest

from badges.admission.facts import Denied, Direction
from badges.places.account import Order
from badges.places.pool import PoolKey
from badges.record import PlaceKind
from badges.wire import wire
from badges.wire.wire import ErrorCode
from kiosk.camera.camera import CameraStatus, Frame
from kiosk.config.settings import KioskSettings
from kiosk.eye import Eye
from kiosk.health import battery_percent, disk_free_mb
from kiosk.journal.errors import JournalError
from kiosk.reader.reader import Reader
from kiosk.relay.relay import RelayError
from kiosk.run import AnswerReport, Kiosk
from kiosk.sync.protocol import TransportError
from kiosk.texts.messages import Code, Message, in_language
from tests.kiosk.support.door_fixture import (
    DOOR,
    HALL,
    badge,
    enrolled,
    hall_facts,
    orders,
    sealed_name,
    snapshot,
)
from tests.kiosk.support.pictures import hall, held_up, symbol
from tests.waiting import until

DAY_MS = 86_400_000


@pytest.fixture
def answers() -> list[AnswerReport]:
    return []


@pytest.fixture
def kiosk(tmp_path: Path, answers: list[AnswerReport], monkeypatch: pytest.MonkeyPatch):
    """An enrolled kiosk with facts and five places, whose server is away, at noon of day one."""
    clock = [snapshot().day_starts[0] + DAY_MS // 2]
    for module in ("run", "replica.replica"):
        monkeypatch.setattr(f"kiosk.{module}.now_ms", lambda: clock[0])
    with Kiosk(enrolled(tmp_path / "door"), KioskSettings(), on_answer=answers.append) as kiosk:
        kiosk.replica.load(snapshot())
        kiosk.journal.obey(orders((5, 0, 1)))
        yield kiosk


def trouble(kiosk: Kiosk) -> str:
    return in_language("en", *status(kiosk).trouble)


def status(kiosk: Kiosk):
    kiosk.show_status()
    return kiosk.board.state.status


def test_it_works(kiosk: Kiosk, answers: list[AnswerReport]) -> None:
    answer = kiosk.present(badge(1), time.monotonic() - 0.005)
    assert answer is not None
    assert answer.admitted
    assert kiosk.board.state.answers[0] == answer
    assert answers[0].answer == answer
    assert (answers[0].frame_to_answer_ms or 0) >= 5
    shown = status(kiosk)
    assert (shown.free_places, shown.scans_waiting, shown.online) == (4, 1, False)
    assert (shown.hall_names["en"], shown.mode, shown.time_zone) == (
        "Hall 7", "both", "Asia/Shanghai",
    )  # fmt: skip
    assert shown.camera == "none"


def test_the_halls_places_and_the_battery_are_shown(
    kiosk: Kiosk, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert (status(kiosk).hall_left, status(kiosk).battery_percent) == (None, battery_percent())
    monkeypatch.setattr("kiosk.health.battery_percent", lambda: 17)
    kiosk.link.places([wire.PlaceOrder(HALL, 5, 0, 1, left=31)])
    shown = status(kiosk)
    assert (shown.hall_left, shown.battery_percent) == (31, 17)
    kiosk.link.places([wire.PlaceOrder(HALL + 1, 5, 0, 1, left=2)])
    assert status(kiosk).hall_left == 31


def test_a_hand_scanner_types(kiosk: Kiosk, answers: list[AnswerReport]) -> None:
    kiosk.board.type_text(f" {badge(1)}\n")
    assert answers[0].answer.admitted
    assert answers[0].frame_to_answer_ms is None


@pytest.mark.parametrize("anti_passback", ["hard", "soft", "off"])
def test_a_scanner_that_reads_a_badge_again_and_again_admits_one_person(
    kiosk: Kiosk, answers: list[AnswerReport], anti_passback: str
) -> None:
    kiosk.replica.load(snapshot(hall=hall_facts(anti_passback=anti_passback)))
    for serial in (1, 1, 2, 1, 2):
        kiosk.board.type_text(badge(serial))
    assert [report.answer.serial for report in answers] == [1, 2]
    assert status(kiosk).free_places == 3


@pytest.mark.parametrize("camera_first", [True, False])
def test_a_badge_that_camera_and_scanner_read_admits_one_person(
    kiosk: Kiosk, answers: list[AnswerReport], camera_first: bool
) -> None:
    eye = Eye(Pictures(hall(), held_up(symbol(badge(1)), 4)), kiosk)
    kiosk.attach(eye)
    reads = [
        lambda: eye.watch(threading.Event(), until_end=True),
        lambda: kiosk.board.type_text(badge(1)),
    ]
    for read in reads if camera_first else reversed(reads):
        read()
    assert [report.answer.admitted for report in answers] == [True]


def test_a_badge_that_was_not_admitted_may_be_scanned_again_at_once(tmp_path: Path) -> None:
    answers: list[AnswerReport] = []
    directory = enrolled(tmp_path / "door")
    with Kiosk(directory, KioskSettings(), on_answer=answers.append) as kiosk:
        kiosk.board.type_text(badge(1))
        assert status(kiosk).unanswered == 1, "there are no facts yet"
        kiosk.replica.load(snapshot())
        kiosk.board.type_text(badge(1))
        kiosk.board.type_text(badge(1))
        assert len(answers) == 2


def test_a_damaged_page_of_names_costs_the_name_alone(kiosk: Kiosk) -> None:
    """The admission is on disk before the name is read, so it must have its answer."""
    kiosk.replica.take_names(wire.NamesPage([sealed_name(1, "Ana")], 1, more=False))
    file = kiosk.directory / "replica.db"
    kiosk.close()
    with closing(sqlite3.connect(file)) as db:
        (page,) = db.execute("SELECT rootpage FROM sqlite_master WHERE name = 'name'").fetchone()
        (size,) = db.execute("PRAGMA page_size").fetchone()
    with Kiosk(kiosk.directory, KioskSettings()) as kiosk:
        with file.open("r+b") as pages:
            pages.seek((page - 1) * size)
            pages.write(bytes(size))
        answer = kiosk.present(badge(1))
        assert answer is not None
        assert (answer.admitted, answer.holder) == (True, None)


def test_staff_turn_the_door(kiosk: Kiosk) -> None:
    eye = watch(kiosk, hall(), held_up(symbol(badge(1)), 4))
    assert not eye.presentations.present(badge(1), time.monotonic())
    assert kiosk.board.turn(Direction.EXIT)
    assert eye.presentations.present(badge(1), time.monotonic())
    assert kiosk.board.state.status.direction is Direction.EXIT, "and the screen says so at once"
    answer = kiosk.present(badge(1))
    assert answer is not None
    assert answer.direction is Direction.EXIT
    assert status(kiosk).direction is Direction.EXIT


def test_a_door_that_staff_turned_is_so_after_a_restart(tmp_path: Path) -> None:
    directory = enrolled(tmp_path / "door")
    with Kiosk(directory, KioskSettings()) as kiosk:
        kiosk.replica.load(snapshot())
        assert kiosk.board.turn(Direction.EXIT)
    with Kiosk(directory, KioskSettings()) as kiosk:
        answer = kiosk.present(badge(1))
        assert answer is not None
        assert answer.direction is Direction.EXIT


def test_a_door_whose_direction_can_t_be_stored_turns(
    kiosk: Kiosk, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("kiosk.run.save_direction", full)
    assert kiosk.board.turn(Direction.EXIT)
    assert status(kiosk).direction is Direction.EXIT


def test_a_one_way_door_does_not_turn(kiosk: Kiosk) -> None:
    door = wire.DoorFacts(door=DOOR, names={"en": "Out"}, mode="exit")
    kiosk.replica.load(snapshot(door=door))
    assert status(kiosk).direction is Direction.EXIT
    assert not kiosk.board.turn(Direction.ENTRY)
    answer = kiosk.present(badge(1))
    assert answer is not None
    assert answer.direction is Direction.EXIT


def test_an_unwritable_journal_is_shown_and_stops_admissions(
    kiosk: Kiosk, answers: list[AnswerReport], monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object, **__: object) -> None:
        raise JournalError("The journal can't be written: database or disk is full.")

    monkeypatch.setattr("kiosk.journal.transaction.JournalTransaction.append", full)
    assert kiosk.present(badge(1)) is None
    assert "disk is full" in trouble(kiosk)
    assert status(kiosk).unanswered == 1  # so the answer before it ends
    assert answers == []
    monkeypatch.undo()
    monkeypatch.setattr("kiosk.run.now_ms", lambda: snapshot().day_starts[0] + DAY_MS // 2)
    assert kiosk.present(badge(1)) is not None
    assert status(kiosk).trouble == ()


def damage(kiosk: Kiosk, file: Path, table: str) -> None:
    """Overwrite the table's page in a database that the kiosk has open, and has read before."""
    # Its threads might write the page once more.
    kiosk.feed.close()
    kiosk.sync.close(0)
    with closing(sqlite3.connect(file)) as db:
        (version,) = db.execute("PRAGMA user_version").fetchone()
        db.execute(f"PRAGMA user_version = {version}")
        db.execute("PRAGMA wal_checkpoint").fetchall()
        sql = "SELECT rootpage FROM sqlite_master WHERE name = ?"
        (page,) = db.execute(sql, (table,)).fetchone()
        (size,) = db.execute("PRAGMA page_size").fetchone()
    with file.open("r+b") as pages:
        pages.seek((page - 1) * size)
        pages.write(b"\xff" * size)


@pytest.mark.parametrize("table", ["holder", "day_credential", "stay_serial"])
def test_damaged_facts_are_shown_with_the_remedy(kiosk: Kiosk, table: str) -> None:
    assert kiosk.present(badge(1)) is not None
    damage(kiosk, kiosk.directory / "replica.db", table)
    assert kiosk.present(badge(2)) is None
    assert "copy of the server's data is damaged" in trouble(kiosk)
    assert "Restart this kiosk" in trouble(kiosk)
    assert "重新启动本机" in in_language("zh", *status(kiosk).trouble)
    assert kiosk.journal.state().last_seq == 1

    kiosk.close()
    with Kiosk(kiosk.directory, KioskSettings()) as restarted:
        restarted.replica.load(snapshot())
        assert restarted.present(badge(2)) is not None


@pytest.mark.parametrize("table", ["state", "scan", "account"])
def test_a_journal_that_is_damaged_meanwhile_is_shown_with_the_remedy(
    kiosk: Kiosk, table: str
) -> None:
    assert kiosk.present(badge(1)) is not None
    damage(kiosk, kiosk.directory / "journal.db", table)
    assert kiosk.present(badge(2)) is None
    assert "is damaged" in trouble(kiosk)
    assert "enrol this kiosk again" in trouble(kiosk)
    assert f"{kiosk.directory / 'journal.db'} 已损坏" in in_language("zh", *status(kiosk).trouble)


@pytest.mark.parametrize("part", ["journal.db", "journal.db-wal"])
@pytest.mark.parametrize("replaced", [False, True])
def test_a_deleted_or_replaced_journal_stops_admissions(
    kiosk: Kiosk, answers: list[AnswerReport], part: str, replaced: bool
) -> None:
    """A restart would not find what is written after that."""
    kiosk.present(badge(1))
    file = kiosk.directory / part
    content = file.read_bytes()
    file.rename(file.with_name("elsewhere"))
    if replaced:
        file.write_bytes(content)
    assert kiosk.present(badge(2)) is None
    assert f"deleted or replaced {kiosk.directory / 'journal.db'}" in trouble(kiosk)
    assert "被其他程序删除或替换" in in_language("zh", *status(kiosk).trouble)
    assert kiosk.journal.state().last_seq == len(answers) == 1
    assert len(kiosk.journal.offer(50).records) == 1, "what is there can still be sent"

    file.with_name("elsewhere").rename(file)
    assert kiosk.present(badge(2)) is not None
    assert status(kiosk).trouble == ()


class ClosedTerminal:
    """A reader of answers that has gone."""

    def append(self, report: AnswerReport) -> None:
        reading, writing = os.pipe()
        os.close(reading)
        with os.fdopen(writing, "wb", buffering=0) as output:
            output.write(b"1 entry")


@pytest.mark.parametrize("answers", [ClosedTerminal()], ids=["closed"])
def test_an_answer_that_can_t_be_printed_stands(kiosk: Kiosk) -> None:
    """Otherwise the page would ask to scan again, beside the green."""
    for serial in (1, 1, 2):
        kiosk.board.type_text(badge(serial))
    assert [answer.admitted for answer in kiosk.board.state.answers] == [True, True]
    assert status(kiosk).free_places == 3


def test_a_full_disk_of_the_servers_is_shown(kiosk: Kiosk, monkeypatch: pytest.MonkeyPatch) -> None:
    # The kiosk's own thread may find no server at any moment, and report it to the same link.
    answered, failed = kiosk.link.answered, kiosk.link.failed
    for name in ("answered", "failed"):
        monkeypatch.setattr(kiosk.link, name, lambda *_: None)
    error = TransportError(ErrorCode.DISK_FULL, "in the server's own words")
    failed(str(error), error.ailing)
    assert "The server's disk is full" in trouble(kiosk)
    assert "服务器磁盘已满" in in_language("zh", *status(kiosk).trouble)
    answered()
    assert status(kiosk).trouble == ()


def test_a_fault_of_ours_does_not_stop_the_door_nor_reach_the_log(
    kiosk: Kiosk, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise KeyError("Mei Lin")

    monkeypatch.setattr("kiosk.door.admit.decide", fail)
    assert kiosk.present(badge(1)) is None
    assert "KeyError" in trouble(kiosk)
    assert "Mei" not in caplog.text + trouble(kiosk)


def test_before_any_facts_the_screen_shows_it(tmp_path: Path) -> None:
    with Kiosk(enrolled(tmp_path / "door"), KioskSettings()) as kiosk:
        assert kiosk.present(badge(1)) is None
        assert "has no data from the server" in trouble(kiosk)
        assert not kiosk.wait_for_facts(0.05)


def test_the_relay_is_triggered_after_the_commit_and_only_for_admissions(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = snapshot().day_starts[0] + DAY_MS // 2
    monkeypatch.setattr("kiosk.run.now_ms", lambda: clock)
    fired: list[int] = []
    settings = KioskSettings(relay_url="http://192.0.2.1/")
    monkeypatch.setattr("kiosk.relay.relay.call", lambda *_: fired.append(last_seq()))
    with Kiosk(enrolled(tmp_path / "door"), settings) as kiosk:

        def last_seq() -> int:
            return kiosk.journal.state().last_seq

        kiosk.replica.load(snapshot())
        kiosk.journal.obey(orders((5, 0, 1)))
        kiosk.present(badge(1))
        kiosk.present("nonsense")
    assert fired == [1] or fired == [2], "on disk before the pulse"


def test_a_failing_relay_is_shown_until_it_works(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise RelayError(Message(Code.RELAY_SILENT, host="gate"))

    settings = KioskSettings(relay_url="http://192.0.2.1/")
    with Kiosk(enrolled(tmp_path / "door"), settings) as kiosk:
        assert status(kiosk).relay == "off"
        for pulse, shown, state in (
            (fail, "继电器 gate 无响应。", "failed"),
            (lambda *_: None, "", "works"),
        ):
            monkeypatch.setattr("kiosk.relay.relay.call", pulse)
            assert kiosk._relay is not None
            kiosk._relay.fire()
            until(lambda shown=shown: in_language("zh", *status(kiosk).trouble) == shown)
            assert status(kiosk).relay == state
        assert status(kiosk).refused == ()


def test_nothing_is_left_open_where_it_can_t_start(tmp_path: Path) -> None:
    directory = enrolled(tmp_path / "door")
    (directory / "journal.db").unlink()
    with pytest.raises(JournalError):
        Kiosk(directory, KioskSettings())
    enrolled(directory)
    Kiosk(directory, KioskSettings()).close()


class Pictures:
    """A camera that shows given pictures."""

    def __init__(self, *pictures: np.ndarray) -> None:
        self.pictures = list(pictures)
        self.number = 0

    def latest(self, after: int, timeout_s: float) -> Frame | None:
        if not self.pictures:
            return None
        self.number += 1
        return Frame(self.number, self.pictures.pop(0), time.monotonic())

    @property
    def status(self) -> CameraStatus:
        return CameraStatus("live" if self.pictures else "ended", "", 1280, 720, 30.0, self.number)


def watch(kiosk: Kiosk, *pictures: np.ndarray) -> Eye:
    camera = Pictures(*pictures)
    eye = Eye(camera, kiosk)
    kiosk.attach(eye)
    eye.watch(threading.Event(), until_end=True)
    return eye


def test_one_presentation_is_one_scan(kiosk: Kiosk, answers: list[AnswerReport]) -> None:
    held = held_up(symbol(badge(1)), 4)
    eye = watch(kiosk, hall(), held, held, hall(), held)
    assert [report.answer.serial for report in answers] == [1]
    preview = eye.preview()
    assert preview is not None
    assert preview[:2] == b"\xff\xd8"
    assert status(kiosk).camera == "ended"
    assert (kiosk.health().frames_per_second, kiosk.health().read_rate) == (30.0, 1.0)


def test_no_picture_stops_the_door(
    kiosk: Kiosk, answers: list[AnswerReport], monkeypatch: pytest.MonkeyPatch
) -> None:
    read = kiosk_reader_that_fails_once(monkeypatch)
    watch(kiosk, hall(), np.zeros((3, 3, 9), np.uint8), held_up(symbol(badge(1)), 4))
    assert [report.answer.serial for report in answers] == [1]
    assert read


def kiosk_reader_that_fails_once(monkeypatch: pytest.MonkeyPatch) -> list[bool]:
    failed: list[bool] = []
    read: Callable = Reader.read

    def once(self: Reader, *arguments: object) -> object:
        if not failed:
            failed.append(True)
            raise RuntimeError("a picture that no library likes")
        return read(self, *arguments)

    monkeypatch.setattr(Reader, "read", once)
    return failed


def test_a_denial_of_the_nearest_code_only(kiosk: Kiosk, answers: list[AnswerReport]) -> None:
    watch(kiosk, held_up(symbol("another QR code", version=None), 8))
    assert isinstance(answers[0].answer.decision, Denied)
    assert len(answers) == 1


def test_battery_and_disk(tmp_path: Path) -> None:
    assert battery_percent(tmp_path) is None
    for name, text in {"AC": "", "BAT0": "87\n"}.items():
        (tmp_path / name).mkdir()
        if text:
            (tmp_path / name / "capacity").write_text(text)
    assert battery_percent(tmp_path) == 87
    assert (disk_free_mb(tmp_path) or 0) > 0
    assert disk_free_mb(tmp_path / "nowhere") is None


def test_how_many_more_overrides_may_admit_up_to_the_legal_limit(kiosk: Kiosk) -> None:
    around = hall_facts(hall=HALL + 1, names={"en": "Exhibition"})
    kiosk.replica.load(snapshot(outer=[wire.OuterFacts(around, [])]))
    assert (status(kiosk).limit_left, status(kiosk).limit_here) == (None, 0)
    beyond = PoolKey(HALL, PlaceKind.OVERRIDE)
    kiosk.journal.obey(
        [(PoolKey(HALL), Order(6, 0, 1)), (beyond, Order(1, 0, 1)),
         (PoolKey(HALL + 1), Order(9, 0, 1))]
    )  # fmt: skip
    assert status(kiosk).limit_here == 7
    kiosk.link.places(
        [wire.PlaceOrder(HALL, 4, 0, 1, left=6),
         wire.PlaceOrder(HALL, 1, 0, 1, left=2, override=True),
         wire.PlaceOrder(HALL + 1, 9, 0, 1, left=7)]
    )  # fmt: skip
    assert status(kiosk).limit_left is None, "the hall around is not fully reported"
    kiosk.link.places([wire.PlaceOrder(HALL + 1, 0, 0, 1, left=0, override=True)])
    assert status(kiosk).limit_left == 7, "the hall around has fewer than the hall's 8"


def test_the_fewest_places_are_shown_with_the_hall_that_they_are_of(kiosk: Kiosk) -> None:
    around = hall_facts(hall=HALL + 1, names={"en": "Exhibition"})
    kiosk.replica.load(snapshot(outer=[wire.OuterFacts(around, [])]))
    given = [(PoolKey(HALL), Order(9, 0, 1)), (PoolKey(HALL + 1), Order(2, 0, 1))]
    kiosk.journal.obey(given)
    kiosk.link.places([wire.PlaceOrder(HALL, 9, 0, 1, left=40)])
    shown = status(kiosk)
    assert (shown.free_places, shown.free_names) == (2, {"en": "Exhibition"})
    assert (shown.hall_left, shown.left_names) == (40, {})
    kiosk.link.places([wire.PlaceOrder(HALL + 1, 2, 0, 1, left=3)])
    assert (status(kiosk).hall_left, status(kiosk).left_names) == (3, {"en": "Exhibition"})
    kiosk.journal.obey([(PoolKey(HALL + 1), Order(20, 0, 1))])
    assert (status(kiosk).free_places, status(kiosk).free_names) == (9, {})
