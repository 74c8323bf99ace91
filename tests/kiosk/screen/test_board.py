"""The board shows the newest state, writers never wait for readers, and a change wakes all."""

import threading
from dataclasses import replace

import pytest

from badges.admission.facts import Admitted, Denied, Direction, Reason
from badges.admission.phrases import Tone
from kiosk.door.answer import Answer
from kiosk.screen.board import ANSWERS_MAX, Board, DeviceStatus, DoorStatus, LinkStatus
from kiosk.supervisor.status import SupervisorStatus
from tests.kiosk.support.waits import Watched


def answer(seq: int = 1, *, free_places: int = 9) -> Answer:
    return Answer(Admitted(), Direction.ENTRY, 1_000 + seq, seq, 7, None, None, free_places)


def test_it_works() -> None:
    board = Board()
    before, _ = board.wait(0, 0)

    board.show(answer(4, free_places=3))
    version, state = board.wait(before, 0)

    assert version > before
    assert state.answers == (answer(4, free_places=3),)
    assert state.status.free_places == 3


def test_an_entry_takes_one_of_the_halls_places_before_the_servers_report() -> None:
    board = Board()
    board.update(hall_left=200)
    board.show(answer(1))
    assert board.state.status.hall_left == 199
    board.show(replace(answer(2), direction=Direction.EXIT))
    board.show(replace(answer(3), decision=Denied(Reason.HALL_FULL)))
    board.show(replace(answer(4), act="annul"))
    assert board.state.status.hall_left == 199
    board.update(hall_left=0)
    board.show(answer(5))
    assert board.state.status.hall_left == 0
    board.update(hall_left=None)
    board.show(answer(6))
    assert board.state.status.hall_left is None


def test_newest_answers_are_kept_and_all_are_counted() -> None:
    board = Board()
    for seq in range(1, 20):
        board.show(answer(seq))

    assert [a.seq for a in board.state.answers] == [19, 18, 17, 16, 15]
    assert len(board.state.answers) == ANSWERS_MAX
    assert board.state.shown == 19


def test_first_wait_answers_at_once_and_an_unchanged_board_in_time() -> None:
    board = Board()
    waits = board._changed = Watched()
    version, _ = board.wait(0, 3600)
    assert waits.begun == 0
    assert board.wait(version, 0.05)[0] == version
    assert waits.begun > 0


def test_change_wakes_every_waiter() -> None:
    board = Board()
    version, _ = board.wait(0, 0)
    woken: list[int] = []
    waiters = [
        threading.Thread(target=lambda: woken.append(board.wait(version, 240)[0])) for _ in range(5)
    ]
    for waiter in waiters:
        waiter.start()

    board.update(online=True)
    for waiter in waiters:
        waiter.join(240)

    assert woken == [version + 1] * 5


def test_an_equal_status_wakes_no_waiter() -> None:
    board = Board()
    board.update(online=True, camera="live")
    version, _ = board.wait(0, 0)

    board.update(online=True, camera="live")

    assert board.wait(version, 0)[0] == version


def test_unknown_field_is_an_error_and_changes_nothing() -> None:
    board = Board()
    version, state = board.wait(0, 0)

    with pytest.raises(TypeError, match="onlin"):
        board.update(onlin=True)

    assert board.wait(0, 0) == (version, state)


def test_many_threads_lose_no_answer_and_no_status() -> None:
    board = Board()
    threads, each = 8, 200

    def work(number: int) -> None:
        for step in range(each):
            board.show(answer(number * each + step))
            board.update(scans_waiting=step)

    workers = [threading.Thread(target=work, args=(number,)) for number in range(threads)]
    seen: list[int] = []
    done = threading.Event()

    def read() -> None:
        version = 0
        while not done.is_set():
            version, state = board.wait(version, 0.05)
            seen.append(state.shown)
            assert len(state.answers) <= ANSWERS_MAX

    reader = threading.Thread(target=read)
    reader.start()
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(240)
    done.set()
    reader.join(240)

    assert board.state.shown == threads * each
    assert board.state.status.scans_waiting == each - 1
    assert seen == sorted(seen)  # a reader never goes back


def test_typed_text_is_handed_on_without_the_boards_lock() -> None:
    board = Board()
    typed: list[str] = []

    def on_text(text: str) -> None:
        typed.append(text)
        shower = threading.Thread(target=board.show, args=(answer(),))
        shower.start()
        shower.join(240)
        assert not shower.is_alive()

    board.on_text = on_text
    board.type_text("HKABC")

    assert typed == ["HKABC"]
    assert board.state.shown == 1


@pytest.mark.parametrize("serves_both", [True, False])
def test_direction_is_handed_on(serves_both: bool) -> None:
    turned: list[Direction] = []

    def choose(direction: Direction) -> bool:
        turned.append(direction)
        return serves_both

    assert Board(on_direction=choose).turn(Direction.EXIT) is serves_both
    assert turned == [Direction.EXIT]


def test_a_board_without_callbacks_accepts_typed_text() -> None:
    board = Board()
    board.type_text("HKABC")
    assert not board.turn(Direction.EXIT), "nobody knows of a direction"


def test_parts_are_replaced_whole_and_leave_the_others() -> None:
    board = Board()
    board.put(DoorStatus(mode="both", free_places=3), LinkStatus(online=True, scans_waiting=2))
    board.put(LinkStatus(scans_waiting=1), SupervisorStatus(resting=True))
    status = board.state.status
    assert (status.mode, status.free_places, status.resting) == ("both", 3, True)
    assert (status.online, status.scans_waiting) == (False, 1)


def test_unchanged_parts_wake_no_waiter() -> None:
    board = Board()
    board.put(DoorStatus(free_places=3))
    version, _ = board.wait(0, 0)
    board.put(DoorStatus(free_places=3), DeviceStatus())
    assert board.wait(version, 0)[0] == version


def test_an_answer_has_its_kind() -> None:
    admitted = Answer(Admitted(), Direction.ENTRY, 1, 1, 7, None, None, 1)
    denied = Answer(Denied(Reason.FORGED), Direction.ENTRY, 1, 2, None, None, None, 1)

    assert (admitted.admitted, admitted.tone) == (True, Tone.ADMIT)
    assert (denied.admitted, denied.tone) == (False, Tone.DENY)
