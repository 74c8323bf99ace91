"""When checkpoints are signed and stamped, by a clock that the test moves."""

import shutil
import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from badges.transparency.checkpoint import open_checkpoint
from server.core.entry_log import checkpoints, entry_log
from server.core.entry_log.checkpoints import Given
from server.core.entry_log.outside import Code
from server.core.event.calendar import day_starts
from server.core.outgoing import posting
from server.core.outgoing.posting import Reply
from server.features.evidence.check import problems
from server.features.evidence.pages import files
from server.features.evidence.witnesses import stamps
from server.features.evidence.witnesses.stamps import Stamp
from server.features.evidence.witnesses.worker import Confirming
from server.storage.connection import Connection
from server.storage.opening import connect_to_read
from server.web.services import services_of
from tests.server.conftest import HOUR, MINUTE, NOW
from tests.server.features.evidence.witnesses.conftest import World
from tests.server.features.evidence.witnesses.time_authority import NAME, TimeAuthority
from tests.server.support.pages import Pages


def given(world: World) -> Given | None:
    with world.database.reading() as db:
        return checkpoints.given(db, world.log.name)


def test_a_checkpoint_at_least_once_a_minute_while_there_is_news(world: World) -> None:
    """Independent of requests by kiosks and witnesses. The server looks every five seconds."""
    world.settings(witnesses={})
    signed: dict[int, int] = {}
    for second in range(0, 1_200, 5):
        world.now = NOW + second * 1000
        # News in the first five minutes, then none, then once.
        if second < 300 or second == 900:
            world.act()
        world.confirming.sign()
        checkpoint = given(world)
        assert checkpoint is not None
        signed[checkpoint.at] = checkpoint.size
        # Entries outside a checkpoint are less than a minute old.
        assert checkpoint.size == world.log.size() or world.now - checkpoint.at < MINUTE
    assert list(signed) == [NOW + second * 1000 for second in (0, 60, 120, 180, 240, 300, 900)]
    newest = given(world)
    checkpoint = open_checkpoint(world.event.log_key.public, world.log.name, newest.note)
    assert (checkpoint.size, checkpoint.root) == world.log.state()  # type: ignore[attr-defined]


def test_a_clock_that_is_set_back_stops_nothing(world: World) -> None:
    world.confirming.sign()
    world.act()
    world.now -= 5 * HOUR
    world.confirming.sign()
    assert given(world).size == 6


def test_an_empty_log_has_no_checkpoint(world: World) -> None:
    world.alter("DELETE FROM leaf")
    world.restart()
    assert world.confirming.sign() is None
    world.confirming.ask()
    assert world.asked == []


def test_what_it_costs_while_nothing_happens(world: World) -> None:
    """No write, no request, and no new signature."""
    world.round()
    steps: list[None] = []
    world.database.check_steps(lambda db: steps.append(None))
    signed: list[int] = []
    note = world.log.note
    world.log.note = lambda size: signed.append(size) or note(size)
    for _ in range(100):
        world.round()
    assert (steps, signed, len(world.asked)) == ([], [], 1)


@pytest.fixture
def stamped(world: World, time_authority: TimeAuthority) -> Iterator[tuple[World, TimeAuthority]]:
    """No witness, and the authority asked over HTTP."""
    shutil.copyfile(time_authority.ca, world.event.path / "tsa.pem")
    world.settings(witnesses={}, time_authority=time_authority.url, time_authority_ca="tsa.pem")
    world.confirming = over_http(world)
    time_authority.asked.clear()
    yield world, time_authority
    time_authority.answer = None


def over_http(world: World) -> Confirming:
    return Confirming(world.event, world.database, world.log, lambda: world.now, send=posting.post)


def kept(world: World) -> list[Stamp]:
    with world.database.reading() as db:
        return stamps.stamps(db, world.log.name)


def test_a_stamp_each_hour_while_there_is_news(stamped: tuple[World, TimeAuthority]) -> None:
    world, tsa = stamped
    world.round()
    (first,) = kept(world)
    assert (first.size, first.authority, first.at) == (5, NAME, world.now)
    for _ in range(59):
        world.act()
        world.round()
    assert len(kept(world)) == 1
    world.round()
    assert [stamp.size for stamp in kept(world)] == [5, 64]
    # Without news there is none.
    for _ in range(3):
        world.round(HOUR)
    assert (len(kept(world)), len(tsa.asked)) == (2, 2)
    world.act()
    world.round()
    assert [stamp.size for stamp in kept(world)] == [5, 64, 65]


def test_a_stamp_at_the_close_of_each_day(stamped: tuple[World, TimeAuthority]) -> None:
    world, _ = stamped
    ends = day_starts(world.event.settings)[1:]
    for end in ends:
        world.now = end - 20 * MINUTE
        world.act()
        world.round()
        before = len(kept(world))
        world.act(3)
        world.now = end - 1000
        world.round(0)
        assert len(kept(world)) == before
        world.round(2000)
        assert (len(kept(world)), kept(world)[-1].size) == (before + 1, world.log.size())
        world.act()
        world.round()
        assert len(kept(world)) == before + 1


def test_at_an_export(stamped: tuple[World, TimeAuthority]) -> None:
    world, _ = stamped
    world.round()
    world.act()
    world.confirming.confirm()
    assert [stamp.size for stamp in kept(world)] == [5, 6]
    # And not again for the same entries.
    world.confirming.confirm()
    assert len(kept(world)) == 2


def test_a_failing_authority_is_named_and_retried(stamped: tuple[World, TimeAuthority]) -> None:
    world, tsa = stamped
    tsa.answer = lambda query: (503, b"")
    for _ in range(20):
        world.act()
        world.round()
    assert world.trouble == (Code.AWAY, "503")
    assert len(tsa.asked) == 5
    tsa.answer = lambda query: (200, b"nonsense")
    world.round(15 * MINUTE)
    assert world.trouble[0] is Code.WRONG
    assert kept(world) == []
    tsa.answer = None
    world.round(15 * MINUTE)
    assert (world.trouble, len(kept(world))) == (None, 1)
    (world.event.path / "tsa.pem").unlink()
    world.act()
    world.round(HOUR)
    assert world.trouble[0] is Code.SETTINGS


def test_a_slow_authority_keeps_nobody_waiting(
    stamped: tuple[World, TimeAuthority], monkeypatch: pytest.MonkeyPatch
) -> None:
    """While it is asked, acts are written and checkpoints signed by the running threads."""
    world, tsa = stamped
    begun, done = threading.Event(), threading.Event()

    def slow(query: bytes) -> tuple[int, bytes]:
        begun.set()
        done.wait(240)
        return 200, b""

    tsa.answer = slow
    running = Confirming(world.event, world.database, world.log, lambda: world.now, look_s=0.01)
    running.start()
    try:
        assert begun.wait(240)
        world.act()
        world.now += MINUTE
        for _ in range(24_000):
            if given(world).size == 6:
                break
            threading.Event().wait(0.01)
        assert given(world).size == 6
    finally:
        done.set()
        running.close()


def test_a_restored_server_has_a_log_of_its_own(world: World) -> None:
    """Its log has another name, which the witness does not know until its operator adds it."""
    world.round()
    world.event = replace(world.event, incarnation=2)
    world.restart()
    world.round()
    assert world.trouble[0] is Code.UNKNOWN
    assert world.cosigned is None


def test_a_failure_ends_no_thread(world: World, tmp_path: Path) -> None:
    """Such as a full disk. The next look may succeed."""
    running = Confirming(
        world.event, world.database, world.log, lambda: world.now, send=world.send, look_s=0.01
    )
    failed = threading.Event()
    true = world.log.note

    def fails(size: int) -> str:
        failed.set()
        raise ValueError("no such size")

    world.log.note = fails
    running.start()
    try:
        assert failed.wait(240)
        world.log.note = true
        for _ in range(24_000):
            if world.cosigned is not None:
                break
            threading.Event().wait(0.01)
        assert world.cosigned is not None
    finally:
        running.close()


def read_here(path: Path, read: Callable[[Connection], object]) -> object:
    with closing(connect_to_read(path)) as db:
        return read(db)


def test_at_once_and_no_longer_than_so(world: World) -> None:
    """Before an export a page asks all of them, and does not wait for slow ones."""
    world.confirming.confirm_within(240)
    assert world.cosigned.size == 5
    begun, done = threading.Event(), threading.Event()

    def slow(url: str, body: bytes) -> Reply:
        begun.set()
        done.wait(240)
        return Reply(0, "no answer in time")

    world.act()
    world.answer = slow
    world.confirming.confirm_within(0.01)
    assert begun.wait(240)
    # A concurrent caller waits for the same answer.
    world.confirming.confirm_within(0.01)
    assert len(world.asked) == 2
    done.set()
    world.confirming.close()
    assert world.trouble == (Code.AWAY, "no answer in time")
    world.confirming.confirm_within(240)
    assert len(world.asked) == 2


def test_a_page_asks_before_its_export(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    # The export itself is not checked here, so it needs no process.
    monkeypatch.setattr(files, "read_apart", read_here)
    with Pages(world.event, world.database) as pages:
        services_of(pages.app).keep(world.confirming)
        before = len(world.asked)
        answer = pages.staff("auditor").post("/admin/log/export.zip")
        assert answer.status_code == 200
        answer.close()
        assert len(world.asked) == before + 1
        with world.database.reading() as db:
            newest = entry_log.newest(db)
        # The act of exporting is in the cosigned checkpoint.
        assert world.cosigned.size == newest + 1


def test_the_ledgers_check_compares_it_too(world: World) -> None:
    """`hallkeeper audit check` knows the witnesses' cosignatures and the authority's stamps."""
    world.round()
    stamp = Stamp(0, 3, world.log.note(3), "Time", NOW, NOW, b"")
    world.database.write(lambda db: stamps.keep(db, world.log.name, stamp))

    def findings() -> list[str]:
        with world.database.reading() as db:
            return list(problems(db, world.log.name))

    assert findings() == []
    world.alter("UPDATE leaf SET hash = ? WHERE number = 1", bytes(32))
    assert "Time stamped another log of 3 entries than this one" in findings()
    assert "witness example.org/w1 cosigned another log of 5 entries than this one" in findings()
    world.alter("DELETE FROM leaf WHERE number >= 4")
    assert "witness example.org/w1 cosigned 5 entries, and there are 4" in findings()
    # A restored server's log has lost its end, and its witnesses begin anew.
    with world.database.reading() as db:
        assert not any("cosigned" in text for text in problems(db, f"{world.log.name}/2"))
