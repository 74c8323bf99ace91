"""The acts of rules and people: a hall is closed, a badge key is changed, a person is erased, and
badges are shown where they should not be.
"""

import contextlib
from collections.abc import Iterator

from badges.admission.facts import Direction
from server.core.occupancy import hall_control
from server.core.people import badge_keys
from server.core.people.attendees import UnknownAttendeeError
from server.features.privacy import erase
from server.features.privacy.erase import PersonError
from tests.worlds.acts import Choices, kind, of_halls, write
from tests.worlds.server import WorldServer
from tests.worlds.state import Act, State
from tests.worlds.world import Step, World

FIRST_KEY = 1
KEYS = {"new key": 1, "drop key": 1}


@kind(
    "close", "an admin closes {0}", of_halls("close", lambda state, hall: hall not in state.closed)
)
def _close(step: Step, act: Act) -> None:
    _set_closed(step, act, {*step.before.closed, act[1]})


@kind("reopen", "an admin opens {0} again", of_halls("reopen", lambda state, _: bool(state.closed)))
def _reopen(step: Step, act: Act) -> None:
    _set_closed(step, act, {*step.before.closed} - {act[1]})


def _set_closed(step: Step, act: Act, closed: set[str]) -> None:
    hall, now = step.world.opened.hall_ids[act[1]], step.now
    is_closed = act[1] in closed
    write(step, act, lambda db: hall_control.set_closed(db, hall, is_closed, by="user:1", now=now))
    step.changes["closed"] = tuple(sorted(closed))


@kind("new key", "two people add a badge key, and sign by it", lambda _, __: iter([("new key",)]))
def _new_key(step: Step, act: Act) -> None:
    def change(server: WorldServer) -> None:
        event, now = server.event, step.now
        added = server.write(lambda db: badge_keys.add_key(db, event, by="user:1", now=now))
        named = [use.as_listed for use in badge_keys.uses(server.db, event, now)]
        server.write(
            lambda db: badge_keys.issue_by(
                db, event, added, named, by="user:1", with_="user:2", now=now
            )
        )

    step.serve(act, change)


def _has_two_keys(_: World, state: State) -> Iterator[Act]:
    if dict(state.used).get("new key") and not state.is_dropped:
        yield ("drop key",)


@kind("drop key", "two people drop the key that has signed all badges", _has_two_keys)
def _drop_key(step: Step, act: Act) -> None:
    def drop(server: WorldServer) -> bool:
        event, now = server.event, step.now
        found = badge_keys.uses(server.db, event, now)
        if len(found) < 2:
            return False  # the server was put back
        named = badge_keys.named_to_drop(found, FIRST_KEY)
        server.write(
            lambda db: badge_keys.drop_key(
                db, event, FIRST_KEY, named, by="user:1", with_="user:2", now=now
            )
        )
        return True

    if step.serve(act, drop):
        step.changes["is_dropped"] = True


def _people(name: str) -> Choices:
    """The first of the people outside, and of those inside."""

    def choices(_: World, state: State) -> Iterator[Act]:
        seen: set[bool] = set()
        for number, person in enumerate(state.people):
            if bool(person.inside) not in seen:
                seen.add(bool(person.inside))
                yield (name, str(number))

    return choices


@kind("erase", "an admin erases person {0}", _people("erase"))
def _erase(step: Step, act: Act) -> None:
    serial = step.world.opened.badges[step.people[int(act[1])].badge][0]
    now = step.now

    def forget(server: WorldServer) -> None:
        with contextlib.suppress(PersonError, UnknownAttendeeError):
            server.write(lambda db: erase.erase(db, server.event, serial, by="user:1", now=now))

    step.serve(act, forget)


def _showing(name: str, *, inside: bool) -> Choices:
    """At each door that is in use the first person inside, or outside."""

    def choices(_: World, state: State) -> Iterator[Act]:
        for door, condition in state.doors.items():
            for number, person in enumerate(state.people):
                if condition.is_used and bool(person.inside) == inside and not person.at_exit:
                    yield (name, door, str(number))
                    break

    return choices


@kind("show inside", "a person inside shows the badge at {0} to enter",
      _showing("show inside", inside=True))  # fmt: skip
def _show_inside(step: Step, act: Act) -> None:
    """They stay where they are, whatever the door shows."""
    step.present(act[1], step.people[int(act[2])].badge, Direction.ENTRY)


@kind("show outside", "a person outside shows the badge at {0} to leave",
      _showing("show outside", inside=False))  # fmt: skip
def _show_outside(step: Step, act: Act) -> None:
    step.present(act[1], step.people[int(act[2])].badge, Direction.EXIT)
