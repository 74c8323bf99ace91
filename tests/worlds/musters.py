"""The acts of a muster: it begins, staff open its list, tick a person off later, and end it."""

import contextlib
from collections.abc import Iterator

from server.core.event import clock
from server.core.muster import muster, sightings
from server.core.muster.muster import MusterError, ShownLine
from tests.worlds.acts import kind, write
from tests.worlds.server import WorldServer
from tests.worlds.state import Act, OpenedLine, State
from tests.worlds.world import Step, World

ACTS = {"muster": 1, "open line": 2, "tick": 2, "end muster": 1}


def _none_is_on(_: World, state: State) -> Iterator[Act]:
    if not state.is_mustering:
        yield ("muster",)


@kind("muster", "a muster begins", _none_is_on)
def _muster(step: Step, act: Act) -> None:
    now = step.now
    write(step, act, lambda db: muster.begin(db, "drill", by="user:1", now=now))
    step.changes["is_mustering"] = True


def _seen(_: World, state: State) -> Iterator[Act]:
    """People who went in once, and are outside now."""
    for number, person in enumerate(state.people):
        went_out = person.entry is not None and not person.inside
        if state.is_mustering and state.line is None and went_out:
            yield ("open line", str(number))


@kind("open line", "staff, who see person {0} outside, open the list", _seen)
def _open_line(step: Step, act: Act) -> None:
    number = int(act[1])
    serial = step.world.opened.badges[step.people[number].badge][0]
    db = step.world.server_at(step.server).db
    epoch = clock.newest(db)
    step.changes["line"] = OpenedLine(
        number, step.now, 0 if epoch is None else epoch.number,
        sightings.known_entries(db, [serial]).get(serial, ""),
    )  # fmt: skip


def _has_line(_: World, state: State) -> Iterator[Act]:
    if state.line is not None and state.is_mustering:
        yield ("tick", str(state.line.person))


@kind("tick", "staff tick person {0} off as seen", _has_line)
def _tick(step: Step, act: Act) -> None:
    line, now = step.before.line, step.now
    assert line is not None
    serial = step.world.opened.badges[step.people[line.person].badge][0]
    shown = ShownLine(line.at, line.epoch, line.entries)
    step.changes["line"] = None

    def tick(server: WorldServer) -> None:
        on = muster.current(server.db)
        assert on is not None
        with contextlib.suppress(MusterError):
            server.write(
                lambda db: muster.tick(
                    db, on.muster_id, serial, "point", shown=shown, by="user:1", now=now
                )
            )

    step.serve((act, line), tick)


def _on(_: World, state: State) -> Iterator[Act]:
    if state.is_mustering:
        yield ("end muster",)


@kind("end muster", "the muster ends", _on)
def _end(step: Step, act: Act) -> None:
    now = step.now

    def end(server: WorldServer) -> None:
        on = muster.current(server.db)
        assert on is not None
        server.write(lambda db: muster.end(db, on.muster_id, "all out", by="user:1", now=now))

    step.serve(act, end)
    step.changes |= {"is_mustering": False, "line": None}
