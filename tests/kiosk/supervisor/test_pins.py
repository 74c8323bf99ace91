"""Guessing a PIN at a kiosk: how often, for which user, across restarts, and the traces on disk."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from badges.wire import wire
from kiosk.config.files import SUPERVISOR_FILE
from kiosk.supervisor.pins import KIOSK, LOCK_MS, LOCK_MS_MAX, USER
from kiosk.supervisor.texts import SupervisorError
from tests.kiosk.support.door_fixture import LocalDoor
from tests.kiosk.support.supervised import CHEAP, MEI, OMAR, PIN, Supervised, load, refused

WRONG = "111222"
USER_TRIES, KIOSK_TRIES = USER.free, KIOSK.free


@pytest.fixture
def here(door: LocalDoor) -> Supervised:
    load(door)
    return Supervised(door)


def guess(here: Supervised, times: int, user: int = MEI) -> list[str]:
    return [refused(here.supervision.unlock, user, WRONG) for _ in range(times)]


def test_five_wrong_tries_shut_it_for_a_minute(here: Supervised) -> None:
    with pytest.raises(SupervisorError) as caught:
        here.unlock(pin=WRONG)
    assert caught.value.fields == {"tries": USER_TRIES - 1}
    assert guess(here, USER_TRIES - 1) == ["wrong_pin"] * (USER_TRIES - 1)
    assert refused(here.supervision.unlock, MEI, PIN) == "pin_locked", "the right one too"
    status = here.status()
    assert status.supervisors[0].locked_until == here.door.clock.wall + LOCK_MS
    assert status.supervisors[1].locked_until is None
    assert status.pin_locked_until is None
    here.door.clock.pass_ms(LOCK_MS)
    here.unlock()
    assert guess(here, 1) == ["wrong_pin"], "and it begins anew"


def test_each_wrong_try_after_that_doubles_it_up_to_a_quarter_of_an_hour(here: Supervised) -> None:
    guess(here, USER_TRIES)
    waits = []
    for _ in range(5):
        before = here.door.clock.monotonic
        while refused(here.supervision.unlock, MEI, WRONG) == "pin_locked":
            here.door.clock.pass_ms(30_000)
        waits.append((here.door.clock.monotonic - before) // LOCK_MS)
    assert waits == [1, 2, 4, 8, LOCK_MS_MAX // LOCK_MS]


def test_others_guesses_do_not_shut_a_colleague_out_until_the_kiosk_has_had_enough(
    here: Supervised,
) -> None:
    guess(here, USER_TRIES)
    here.unlock(OMAR, "270461")
    here.supervision.lock()
    assert refused(here.supervision.unlock, MEI, PIN) == "pin_locked", "Omar's PIN frees Omar"


def test_the_kiosk_as_a_whole_counts_too(here: Supervised) -> None:
    guess(here, USER_TRIES, MEI)
    guess(here, KIOSK_TRIES - USER_TRIES, OMAR)
    assert here.status().pin_locked_until == here.door.clock.wall + LOCK_MS
    names = [wire.SupervisorFacts(9, "Third", CHEAP.hash(PIN))]
    load(here.door, supervisors=names)
    assert refused(here.supervision.unlock, 9, PIN) == "pin_locked"


def test_a_restart_and_a_clock_set_back_win_no_tries(here: Supervised) -> None:
    guess(here, USER_TRIES)
    here.restart()
    assert refused(here.supervision.unlock, MEI, PIN) == "pin_locked"
    here.door.clock.wall -= 86_400_000
    here.restart()
    here.door.clock.monotonic += LOCK_MS - 1
    assert refused(here.supervision.unlock, MEI, PIN) == "pin_locked"
    here.door.clock.monotonic += 1
    here.unlock()


def test_while_it_runs_a_clock_set_forward_wins_nothing_either(here: Supervised) -> None:
    guess(here, USER_TRIES)
    here.door.clock.wall += 86_400_000
    assert refused(here.supervision.unlock, MEI, PIN) == "pin_locked"


def test_a_try_is_on_disk_before_it_is_looked_at(here: Supervised, monkeypatch) -> None:
    def pull_the_plug(*_: object) -> bool:
        raise KeyboardInterrupt

    monkeypatch.setattr("kiosk.supervisor.pins.Pins._is_right", pull_the_plug)
    for _ in range(USER_TRIES):
        with pytest.raises(KeyboardInterrupt):
            here.unlock()
        here.restart()
    monkeypatch.undo()
    assert refused(here.supervision.unlock, MEI, PIN) == "pin_locked"


def test_many_at_once_get_no_more_tries(here: Supervised) -> None:
    codes: list[str] = []

    def attempt() -> None:
        try:
            here.unlock(pin=WRONG)
        except SupervisorError as error:
            codes.append(error.code)

    with ThreadPoolExecutor(20) as pool:
        for _ in range(20):
            pool.submit(attempt)
    assert codes.count("wrong_pin") == USER_TRIES


def test_nothing_of_a_pin_is_on_the_disk_or_in_a_log(here: Supervised, caplog) -> None:
    guess(here, 3)
    here.unlock()
    guess(here, 2)
    kept = (here.door.directory / SUPERVISOR_FILE).read_text()
    assert WRONG not in kept
    assert PIN not in kept
    assert (here.door.directory / SUPERVISOR_FILE).stat().st_mode & 0o077 == 0
    assert caplog.text == ""


@pytest.mark.parametrize("spoilt", ["", "{", '{"tries": 5}', "\x00" * 50])
def test_a_spoilt_file_begins_anew(here: Supervised, spoilt: str) -> None:
    guess(here, USER_TRIES)
    (here.door.directory / SUPERVISOR_FILE).write_text(spoilt)
    here.restart()
    here.unlock()


@pytest.mark.parametrize("stored", ["", "x", "$argon2id$v=19$m=8,t=1,p=1$AAAA$AAAA", "$2b$12$x"])
def test_a_hash_that_is_none_opens_nothing(here: Supervised, stored: str) -> None:
    load(here.door, supervisors=[wire.SupervisorFacts(MEI, "Mei", stored)])
    assert refused(here.supervision.unlock, MEI, PIN) == "wrong_pin"
