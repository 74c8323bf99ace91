"""One form for states that behave alike: what the next acts can read, without names and times.

Names of doors into the same halls, and numbers of people, are given anew.
"""

from hashlib import blake2b
from itertools import permutations
from typing import Any

from tests.worlds.forms import Names
from tests.worlds.state import State
from tests.worlds.world import World


def digest(world: World, state: State) -> bytes:
    """Equal for states that are taken as one."""
    texts, people = _texts(world, state), _people_anew(world, state)
    return min(
        _hash(world, state, texts, world.codes.names(doors, people)) for doors in _namings(world)
    )


def _namings(world: World) -> list[tuple[tuple[str, str], ...]]:
    """Each way to exchange the names of doors into the same halls."""

    def found() -> list[tuple[tuple[str, str], ...]]:
        alike: dict[tuple[str, ...], list[str]] = {}
        for door in world.plan.venue.doors:
            alike.setdefault(door.enters, []).append(door.code)
        ways: list[tuple[tuple[str, str], ...]] = [()]
        for codes in alike.values():
            ways = [
                (*way, *zip(codes, order, strict=True))
                for way in ways
                for order in permutations(codes)
            ]
        return ways

    return world.remembered("namings", found)


def _people_anew(world: World, state: State) -> tuple[tuple[int, int], ...]:
    """Numbers of people in the order of what is known about them. Those who are told apart by more
    keep the order of their badges: then two states that are alike may be taken as two.
    """
    forms = [(name, world.form(name, state.doors[name].part, state.now)) for name in state.doors]
    forms.append(("", world.form("", state.server, state.now)))

    def known(badge: int) -> str:
        here = [(person.inside, person.entry) for person in state.people if person.badge == badge]
        rows = [(name, sorted(form.by_person.get(badge, ()))) for name, form in forms]
        return repr((len(here), sorted(here, key=repr), rows))

    badges = sorted({person.badge for person in state.people}, key=known)
    return tuple((badge, number) for number, badge in enumerate(badges))


def _texts(world: World, state: State) -> list[str]:
    """What of a state is in no part. A backup is taken as it is, since it is rarely equal."""
    server = world.form("", state.server, state.now)
    backup = None if state.backup is None else world.form("", state.backup, state.now)
    rows: list[tuple[Any, ...]] = []
    for name, door in state.doors.items():
        known = world.form(name, door.part, state.now)
        rows.append(
            (name, server.cursor - known.cursor, server.is_older(known),
             backup is not None and backup.is_older(known), door.at, door.is_cut, door.is_used,
             door.is_thief, door.is_stopped, door.kept,
             door.ahead)
        )  # fmt: skip
    for person in state.people:
        serial = world.opened.badges[person.badge][0]
        rows.append(
            (
                person.inside,
                "serial",
                serial,
                person.entry,
                person.beyond,
                person.at_exit,
                person.is_omitted,
            )
        )
    page = state.page
    if page is not None:
        rows.append((page.form, page.hall, page.shown, page.before - server.scans, page.words))
    if state.mail is not None:
        rows.append(("mail", state.mail.door, state.mail.counter, state.mail.body.hex()))
    line = state.line
    if line is not None:
        serial = world.opened.badges[state.people[line.person].badge][0]
        rows.append(("line", "serial", serial, line.at < state.now, line.entries))
    rows.append(
        (state.used, state.capacity, state.bound, state.is_nested, state.is_mustering,
         state.is_rolled_back, state.forgotten, state.copied, state.backup, state.away,
         state.is_dropped, state.closed)
    )  # fmt: skip
    return list(map(world.codes.text, rows))


def _hash(world: World, state: State, texts: list[str], names: Names) -> bytes:
    doors = sorted(
        world.codes.text((name,)).translate(names).encode()
        + world.form(name, door.part, state.now).hash(names)
        for name, door in state.doors.items()
    )
    server = world.form("", state.server, state.now).hash(names)
    rest = "\n".join(sorted(text.translate(names) for text in texts))
    return blake2b(b"\n".join([server, *doors, rest.encode()]), digest_size=12).digest()
