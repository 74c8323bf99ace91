"""The acts: where each may happen in a state, and what it does."""

import contextlib
from collections.abc import Callable, Hashable, Iterator
from dataclasses import dataclass, replace
from functools import partial

from badges.admission.facts import Direction
from badges.places.pool import PoolKey
from badges.record import PlaceKind
from badges.wire import wire
from kiosk.sync.protocol import TransportError
from server.core.feed import changes
from server.core.kiosks import registry, relocation
from server.core.ledger import entries
from server.core.occupancy import clearing, hall_control, pools, stays
from server.core.second_disk import critical_state, line
from server.core.staff.confirmations import ShownChangedError
from server.features.imports.venue_file import read_venue
from server.features.imports.venue_import import import_venue
from server.storage.connection import Connection
from tests.swarm.site import enrol_in
from tests.worlds import oracles
from tests.worlds.door import WorldDoor
from tests.worlds.server import WorldServer
from tests.worlds.state import Act, BrokenPromiseError, DoorState, OpenedPage, Person, State
from tests.worlds.world import SCAN_MS, UNLIMITED, Step, World

HOUR_MS = 3_600_000
Choices = Callable[[World, State], Iterator[Act]]
Do = Callable[[Step, Act], None]


@dataclass(frozen=True)
class Kind:
    """A kind of act. `words` tell it in a story."""

    name: str
    choices: Choices
    do: Do
    words: str


KINDS: dict[str, Kind] = {}


def kind(name: str, words: str, choices: Choices) -> Callable[[Do], Do]:
    def register(do: Do) -> Do:
        KINDS[name] = Kind(name, choices, do, words)
        return do

    return register


def acts_of(world: World, state: State) -> Iterator[Act]:
    """All acts that may happen now."""
    used = dict(state.used)
    for name, most in world.plan.acts.items():
        if most >= UNLIMITED or used.get(name, 0) < most:
            yield from KINDS[name].choices(world, state)


def done(world: World, state: State, act: Act) -> State:
    """The state after the act."""
    step = Step(world, state)
    try:
        KINDS[act[0]].do(step, act)
    except critical_state.ActsError:  # refused, while the second disk is away
        step = Step(world, state)
    return oracles.with_bound(world, step.after(act))


def told(act: Act) -> str:
    return KINDS[act[0]].words.format(*act[1:])


# Choices.


def of_doors(name: str, chosen: Callable[[State, DoorState], bool]) -> Choices:
    def choices(world: World, state: State) -> Iterator[Act]:
        for door, condition in state.doors.items():
            if chosen(state, condition):
                yield (name, door)

    return choices


def _used(_: State, door: DoorState) -> bool:
    return door.is_used


def connected(_: State, door: DoorState) -> bool:
    return door.is_used and not door.is_cut


def of_halls(name: str, chosen: Callable[[State, str], bool]) -> Choices:
    def choices(world: World, state: State) -> Iterator[Act]:
        for hall in world.plan.venue.halls:
            if chosen(state, hall.code):
                yield (name, hall.code)

    return choices


def _always(_: State, __: str) -> bool:
    return True


def _has_people(state: State, hall: str) -> bool:
    return any(hall in person.inside for person in state.people)


def _entering(name: str, *, copied: bool) -> Choices:
    """At each door the first person who was never inside, and the first who was. People with a
    copied badge come apart.
    """

    def choices(world: World, state: State) -> Iterator[Act]:
        for door, condition in state.doors.items():
            if not condition.is_used:
                continue
            seen: set[object] = set()
            for number, person in enumerate(state.people):
                is_meant = (person.badge in world.plan.copies) == copied
                if not is_meant or person.inside or person.at_exit:
                    continue
                alike = (person.badge if copied else None, person.entry is None)
                if alike not in seen:
                    seen.add(alike)
                    yield (name, door, str(number))

    return choices


def _leaving(name: str) -> Choices:
    """At each door of the hall one person of each door by which they came."""

    def choices(world: World, state: State) -> Iterator[Act]:
        for door, condition in state.doors.items():
            seen: set[object] = set()
            for number, person in enumerate(state.people):
                here = world.enters[condition.at]
                alike = (
                    person.entry[:2] if person.entry else None,
                    person.badge in world.plan.copies,
                )
                if condition.is_used and person.inside[:1] == here[:1] and alike not in seen:
                    seen.add(alike)
                    yield (name, door, str(number))

    return choices


# At the doors.


@kind("enter", "a person comes to {0}", _entering("enter", copied=False))
def _enter(step: Step, act: Act) -> None:
    step.enter(act[1], int(act[2]))


@kind("copy", "a person with a copied badge comes to {0}", _entering("copy", copied=True))
def _copy(step: Step, act: Act) -> None:
    step.enter(act[1], int(act[2]))


@kind(
    "unlit", "the power of {0} fails before the light of an entry", _entering("unlit", copied=False)
)
def _unlit(step: Step, act: Act) -> None:
    """The entry is on disk, and the person stays outside."""
    name, person = act[1], step.people[int(act[2])]
    text = step.world.opened.badges[person.badge][1]
    step.talk(name)
    step.at(name, act, lambda door: _unseen(door.present(text, Direction.ENTRY)))
    step.now += SCAN_MS
    _start_again(step, name)


@kind("leave", "a person leaves by {0}", _leaving("leave"))
def _leave(step: Step, act: Act) -> None:
    name, number = act[1], int(act[2])
    person = step.people[number]
    if step.present(name, person.badge, Direction.EXIT) is not None:
        step.people[number] = replace(person, inside=(), beyond=())


@kind(
    "no light out", "the power of {0} fails before the light of an exit", _leaving("no light out")
)
def _no_light_out(step: Step, act: Act) -> None:
    """The exit is on disk. The person goes out once they have shown the badge again."""
    name, number = act[1], int(act[2])
    person = step.people[number]
    step.present(name, person.badge, Direction.EXIT)
    step.people[number] = replace(person, inside=(), beyond=(), at_exit=name)
    _start_again(step, name)


def _at_exits(_: World, state: State) -> Iterator[Act]:
    for number, person in enumerate(state.people):
        if person.at_exit:
            yield ("leave again", person.at_exit, str(number))


@kind("leave again", "who saw no light shows the badge at {0} again, and leaves", _at_exits)
def _leave_again(step: Step, act: Act) -> None:
    name, number = act[1], int(act[2])
    step.people[number] = replace(step.people[number], at_exit="")
    step.present(name, step.people[number].badge, Direction.EXIT)


@kind("slip", "everybody leaves {0} unseen", of_halls("slip", _has_people))
def _slip(step: Step, act: Act) -> None:
    for number, person in enumerate(step.people):
        if act[1] in person.inside:
            step.people[number] = replace(person, inside=(), beyond=())


@kind("talk", "{0} talks to the server", of_doors("talk", connected))
def _talk(step: Step, act: Act) -> None:
    step.talk(act[1])


@kind("cut", "the network of {0} fails", of_doors("cut", connected))
def _cut(step: Step, act: Act) -> None:
    step.doors[act[1]] = replace(step.doors[act[1]], is_cut=True)


@kind("back", "the network of {0} is back", of_doors("back", lambda _, door: door.is_cut))
def _back(step: Step, act: Act) -> None:
    step.doors[act[1]] = replace(step.doors[act[1]], is_cut=False)
    step.talk(act[1])


@kind("lose", "the answer to a message of {0} is lost", of_doors("lose", connected))
def _lose(step: Step, act: Act) -> None:
    step.at(act[1], act, lambda door: door.send_once(loses_answer=True), talks=True)


@kind("restart", "{0} is switched off and on", of_doors("restart", _used))
def _restart(step: Step, act: Act) -> None:
    _start_again(step, act[1])


def _start_again(step: Step, name: str) -> None:
    step.at(name, "restart", lambda door: door.start(door.saved()[0]))


@kind("keep disk", "the disk of {0} is copied", of_doors("keep disk", _used))
def _keep_disk(step: Step, act: Act) -> None:
    step.doors[act[1]] = replace(step.doors[act[1]], kept=step.doors[act[1]].part)


@kind(
    "old disk", "the copied disk of {0} is put back",
    of_doors("old disk", lambda _, door: door.is_used and door.kept is not None),
)  # fmt: skip
def _old_disk(step: Step, act: Act) -> None:
    """It is connected, so the server finds out before anybody is admitted
    (docs/design/places.md, rule 9).
    """
    name = act[1]
    kept = step.doors[name].kept
    assert kept is not None
    step.doors[name] = replace(step.doors[name], part=kept, kept=None, is_cut=False)
    _start_again(step, name)
    step.talk(name)


@kind(
    "clone", "{0} is copied with its disk and key, and both go on",
    of_doors("clone", lambda _, door: door.is_used and not door.is_stopped),
)  # fmt: skip
def _clone(step: Step, act: Act) -> None:
    name = act[1]
    copied = dict(step.before.copied)
    for key, account in step.world.door_at(name, step.doors[name].part).journal.accounts().items():
        code = step.world.hall_codes[key.hall_id]
        if key.kind is not PlaceKind.OVERRIDE:
            copied[code] = copied.get(code, 0) + account.free
    step.changes["copied"] = tuple(sorted(copied.items()))
    step.doors[f"{name}'"] = step.doors[name]


@kind("ahead", "the clock of {0} is put an hour ahead", of_doors("ahead", _used))
def _ahead(step: Step, act: Act) -> None:
    step.doors[act[1]] = replace(step.doors[act[1]], ahead=HOUR_MS)


@kind("behind", "the clock of {0} is put an hour back", of_doors("behind", _used))
def _behind(step: Step, act: Act) -> None:
    step.doors[act[1]] = replace(step.doors[act[1]], ahead=-HOUR_MS)


@kind("wait", "a minute passes", lambda _, __: iter([("wait",)]))
def _wait(step: Step, act: Act) -> None:
    step.now += 61_000


# Supervisors.


@kind("override", "a supervisor lets a person in at {0}", _entering("override", copied=False))
def _override(step: Step, act: Act) -> None:
    name, number = act[1], int(act[2])
    text = step.world.opened.badges[step.people[number].badge][1]
    step.talk(name)

    def override(door: WorldDoor) -> tuple[int, tuple[int, ...]] | None:
        seq = door.override(text)
        return None if seq is None else (seq, door.override_halls(seq))

    let_in = step.at(name, ("override", text), override)
    if let_in is None:
        step.talk(name)  # it may bring a place
        let_in = step.at(name, ("override", text), override)
    step.talk(name)
    step.now += SCAN_MS
    if let_in is not None:
        beyond = tuple(step.world.hall_codes[hall] for hall in let_in[1])
        step.let_in(name, number, let_in[0], beyond)


@kind("annul", "a supervisor at {0} sends the last person out again", of_doors("annul", _used))
def _annul(step: Step, act: Act) -> None:
    name = act[1]
    seq = step.at(name, "annul", lambda door: door.annul())
    entry = (*step.world.live(name).key, seq)
    for number, person in enumerate(step.people):
        if person.entry == entry:
            step.people[number] = replace(person, inside=(), beyond=())
    step.talk(name)
    step.now += SCAN_MS


# The server's disk.


@kind("back up", "the server's disk is copied", lambda _, __: iter([("back up",)]))
def _back_up(step: Step, act: Act) -> None:
    step.changes["backup"] = step.before.server


@kind(
    "put back", "an old copy of the server's disk is put back unnoticed",
    lambda world, state: iter([("put back",)] if state.backup is not None else []),
)  # fmt: skip
def _put_back(step: Step, act: Act) -> None:
    assert step.before.backup is not None
    before = _granted(step.world, step.server)
    step.server = step.before.backup
    after = _granted(step.world, step.server)
    forgotten = dict.fromkeys(step.world.opened.hall_ids, 0)
    for (hall, *kiosk), granted in before.items():
        forgotten[hall] += granted - after.get((hall, *kiosk), 0)
    start_server(step)
    step.changes["forgotten"] = tuple(sorted(forgotten.items()))
    step.changes["is_rolled_back"] = True


def _granted(world: World, part: int) -> dict[tuple[str, ...], int]:
    rows = world.server_at(part).db.execute(
        "SELECT hall_id, kiosk, generation, granted FROM place_account WHERE override = 0"
    )
    return {(world.hall_codes[hall], *kiosk): granted for hall, *kiosk, granted in rows}


def start_server(step: Step) -> None:
    runs = step.before.runs + 1
    step.changes["runs"] = runs
    step.serve(("start", runs), lambda server: server.begin_run(runs))


@kind(
    "restore", "the server is restored from that copy",
    lambda world, state: iter([("restore",)] if state.backup is not None else []),
)  # fmt: skip
def _restore(step: Step, act: Act) -> None:
    """As `hallkeeper restore` does it, with the acts of the second disk: up to now, or until it
    went away.
    """
    assert step.before.backup is not None
    away = step.before.away
    newest = step.server if away is None else away
    acts = step.world.server_at(newest).acts()
    step.server = step.before.backup
    step.serve((act, newest), lambda server: _to_next_of_line(server, acts))
    start_server(step)
    step.changes |= {"is_rolled_back": True, "away": None}
    if away is not None:
        _forget_what_was_on_one_disk(step)


def _forget_what_was_on_one_disk(step: Step) -> None:
    """Staff were told so (docs/backup.md): what protects is done and may be forgotten. What would
    let doors admit more people was refused.
    """
    db = step.world.server_at(step.server).db
    before = dict(step.before.capacity)
    halls = db.execute("SELECT code, capacity, closed_at FROM hall ORDER BY code").fetchall()
    for code, capacity, _ in halls:
        if capacity > before[code]:
            raise BrokenPromiseError(f"hall {code} has {capacity} places again")
    step.changes["capacity"] = tuple((code, capacity) for code, capacity, _ in halls)
    step.changes["closed"] = tuple(code for code, _, closed_at in halls if closed_at is not None)
    for name, door in step.doors.items():
        is_active = _state_of(step, name) == "active"
        step.doors[name] = replace(door, is_stopped=door.is_stopped and not is_active)


def _to_next_of_line(server: WorldServer, acts: critical_state.Acts) -> None:
    own = server.event.incarnation
    incarnation = max(own, acts.moment.incarnation) + 1
    server.write(
        lambda db: line.next_of_line(
            db, server.event.log_name, incarnation, [acts], {"incarnation": incarnation},
            by="test", now=server.now(), was_put_back=acts.moment.incarnation > own,
        )
    )  # fmt: skip
    server.renew()


@kind("grant", "the server grants {0} all places that are free", of_doors("grant", connected))
def _grant(step: Step, act: Act) -> None:
    """The sharing policy may grant any free place to any door: none of its choices may do harm."""
    key, door = step.world.live(act[1]).key, step.doors[act[1]]

    def grant(db: Connection) -> None:
        for code in step.world.enters[door.at]:
            pool_key = PoolKey(step.world.opened.hall_ids[code])
            before = pools.load(db, pool_key)
            if key not in before.kiosks or before.kiosks[key].fenced or before.free <= 0:
                continue
            after = before.grant(key, before.free)
            pools.save(db, pool_key, before, after)
            order = pools.order(pool_key, after, key)
            changes.publish(db, wire.PlacesOrdered(order, key[1]), kiosk=key[0])

    step.serve((act, door.at), lambda server: server.write(grant))
    step.talk(act[1])


# Staff.


def _state_of(step: Step, name: str) -> str:
    key = step.world.live(name).key
    db = step.world.server_at(step.server).db
    row = db.execute("SELECT state FROM kiosk WHERE kiosk = ? AND generation = ?", key).fetchone()
    return "" if row is None else str(row[0])


def write(step: Step, what: Hashable, write: Callable[[Connection], object]) -> None:
    step.serve(what, lambda server: _unseen(server.write(write)))


def _unseen(_: object) -> None:
    """Nothing of an outcome that need not be remembered."""


def _stop(step: Step, act: Act, stop: Callable[[Connection], object]) -> None:
    name = act[1]
    if _state_of(step, name) == "active":
        write(step, act, stop)
        step.doors[name] = replace(step.doors[name], is_stopped=True)


def _there(_: State, door: DoorState) -> bool:
    return door.is_used or door.is_thief


@kind("fence", "an admin fences {0}, which goes on", of_doors("fence", _there))
def _fence(step: Step, act: Act) -> None:
    key, now = step.world.live(act[1]).key, step.now
    _stop(step, act, lambda db: registry.fence(db, *key, by="user:1", now=now))


@kind("retire", "an admin retires {0}, which goes on", of_doors("retire", _there))
def _retire(step: Step, act: Act) -> None:
    (kiosk, _), now = step.world.live(act[1]).key, step.now
    _stop(step, act, lambda db: registry.retire(db, kiosk, by="user:1", now=now))


@kind("switch off", "{0} is switched off for good", of_doors("switch off", _used))
def _switch_off(step: Step, act: Act) -> None:
    step.doors[act[1]] = replace(step.doors[act[1]], is_used=False)


@kind("steal", "{0} is stolen with its key", of_doors("steal", _used))
def _steal(step: Step, act: Act) -> None:
    step.doors[act[1]] = replace(step.doors[act[1]], is_used=False, is_thief=True, is_cut=False)


@kind("enrol", "another kiosk is enrolled as {0}", of_doors("enrol", lambda _, __: True))
def _enrol(step: Step, act: Act) -> None:
    """The one before is retired by it, and goes on if it was used."""
    at = step.doors[act[1]].at
    kiosk, _ = step.world.live(act[1]).key
    now = step.now

    def enrol(server: WorldServer) -> int:
        return server.write(lambda db: enrol_in(db, server.event, kiosk, at, now))

    name = f"{kiosk}-{step.serve((act, at), enrol)}"
    if name in step.doors:
        return  # the server was put back, and has given this number before
    step.doors[name] = DoorState(at, step.new_door(name))
    step.talk(name)


def _stopped(state: State, door: DoorState) -> bool:
    return not door.is_used


@kind("attest", "two people attest how many of {0} are inside", of_doors("attest", _stopped))
def _attest(step: Step, act: Act) -> None:
    """Their words are true: it is not in use any more, and they count the people."""
    _attest_to(step, act, omits=False)


@kind(
    "attest wrongly", "two people attest that nobody whom {0} let in is inside",
    of_doors("attest wrongly", lambda _, door: door.is_stopped),
)  # fmt: skip
def _attest_wrongly(step: Step, act: Act) -> None:
    """The kiosk may still be in use, and people may be inside."""
    _attest_to(step, act, omits=True)


def _attest_to(step: Step, act: Act, *, omits: bool) -> None:
    name = act[1]
    if _state_of(step, name) not in ("fenced", "retired"):
        return
    for hall, uncounted in count(step, name):
        inside = 0 if omits else sum(uncounted)
        step.people = [
            replace(person, is_omitted=True) if omits and is_uncounted else person
            for person, is_uncounted in zip(step.people, uncounted, strict=True)
        ]
        attest(step, act, hall, inside)


def count(step: Step, name: str) -> Iterator[tuple[int, list[bool]]]:
    """Of each hall where that kiosk has places: whom it let in without the server's knowledge."""
    key = step.world.live(name).key
    accounts = pools.accounts_of(step.world.server_at(step.server).db, key)
    for hall in sorted({account.hall_id for account in accounts}):
        code = step.world.hall_codes[hall]
        yield hall, [_is_uncounted(step, person, key, code) for person in step.people]


def attest(step: Step, act: Act, hall: int, inside: int) -> None:
    if _state_of(step, act[1]) not in ("fenced", "retired"):
        return
    word = partial(
        hall_control.attest, hall_id=hall, kiosk=step.world.live(act[1]).key, inside=inside,
        by="user:1", with_="user:2", now=step.now,
    )  # fmt: skip
    write(step, (*act, hall, inside), word)


def _is_uncounted(step: Step, person: Person, key: tuple[str, int], hall: str) -> bool:
    """Whether that kiosk let the person in, and the server does not count them."""
    if hall not in person.inside or person.entry is None or person.entry[:2] != key:
        return False
    db = step.world.server_at(step.server).db
    rows = stays.in_hall(db, step.world.opened.hall_ids[hall])
    return person.entry not in {
        (facts.stay.kiosk, facts.stay.generation, facts.stay.seq) for facts in rows
    }


def _is_empty(state: State, hall: str) -> bool:
    """A hall is not empty while people are in a hall inside it."""
    outer = state.capacity[0][0]
    halls = [code for code, _ in state.capacity] if state.is_nested and hall == outer else [hall]
    return state.page is None and not any(_has_people(state, code) for code in halls)


@kind(
    "open empty", "an admin, who sees {0} empty, opens its page", of_halls("open empty", _is_empty)
)
def _open_empty(step: Step, act: Act) -> None:
    db, hall = step.world.server_at(step.server).db, step.world.opened.hall_ids[act[1]]
    emptied = clearing.emptied(db, hall)
    step.changes["page"] = OpenedPage(
        "empty", act[1], tuple(emptied.keys()), entries.newest_number(db) + 1,
        tuple(f"{kiosk}-{number}" for _, number, kiosk in _kiosks(emptied.keys())),
    )  # fmt: skip


def _kiosks(shown: list[str]) -> Iterator[list[str]]:
    """Hall, generation and kiosk of each kiosk that the page names."""
    return (key.split(" ") for key in shown if " " in key)


def _has_empty_page(world: World, state: State) -> Iterator[Act]:
    """The admin sends it only if no kiosk that it names is in use: so says its sentence."""
    page = state.page
    if page is None or page.form != "empty":
        return
    if not any(state.doors[name].is_used for name in page.names):
        yield ("send empty", page.hall)


@kind("send empty", "the admin sends the form: {0} is empty", _has_empty_page)
def _send_empty(step: Step, act: Act) -> None:
    page = step.before.page
    assert page is not None
    hall, now = step.world.opened.hall_ids[page.hall], step.now
    step.changes["page"] = None

    def clear(server: WorldServer) -> None:
        with contextlib.suppress(ShownChangedError):
            server.write(
                lambda db: hall_control.clear(
                    db, hall, page.shown, by="user:1", now=now, before=page.before
                )
            )

    step.serve((act, page), clear)


@kind("fewer", "an admin lowers the capacity of {0} by one", of_halls("fewer", _always))
def _fewer(step: Step, act: Act) -> None:
    _set_capacity(step, act[1], -1)


@kind("more", "an admin raises the capacity of {0} by one", of_halls("more", _always))
def _more(step: Step, act: Act) -> None:
    _set_capacity(step, act[1], 1)


def _set_capacity(step: Step, code: str, by: int) -> None:
    hall, now = step.world.opened.hall_ids[code], step.now

    def resize(server: WorldServer) -> int:
        capacity, limit = server.db.execute(
            "SELECT capacity, fire_limit FROM hall WHERE hall_id = ?", (hall,)
        ).fetchone()
        wanted: int = min(max(0, capacity + by), limit)
        server.write(lambda db: hall_control.set_capacity(db, hall, wanted, by="user:1", now=now))
        return wanted

    capacity = dict(step.before.capacity)
    capacity[code] = step.serve(("resize", code, by), resize)
    step.changes["capacity"] = tuple(sorted(capacity.items()))


@kind(
    "nest", "an admin puts the halls of the plan into one another", lambda _, __: iter([("nest",)])
)
def _nest(step: Step, act: Act) -> None:
    _import_venue(step, nested=True)


@kind("unnest", "an admin takes the halls out of one another", lambda _, __: iter([("unnest",)]))
def _unnest(step: Step, act: Act) -> None:
    _import_venue(step, nested=False)


def _import_venue(step: Step, *, nested: bool) -> None:
    """Who is in an inner hall by then stays where the pages count them: that people in a room are
    not counted around it is an exception of docs/promises.md.
    """
    halls = step.world.plan.venue.halls
    first = halls[0].code
    step.changes["is_nested"] = nested
    changed = tuple(
        replace(hall, parent=first if nested and hall.code != first else "") for hall in halls
    )
    text = replace(step.world.plan.venue, halls=changed).text
    now = step.now
    plan = read_venue(text.encode(), "venue.toml", step.world.opened.event.settings)
    write(step, ("import", nested), lambda db: import_venue(db, plan, by="user:1", now=now))
    # The file has the halls' capacities, too.
    step.changes["capacity"] = tuple(sorted((hall.code, hall.capacity) for hall in halls))


def _moving(world: World, state: State) -> Iterator[Act]:
    for door, condition in state.doors.items():
        for place in world.plan.venue.doors:
            if condition.is_used and place.code != condition.at:
                yield ("move", door, place.code)


@kind("move", "an admin moves {0} to {1}", _moving)
def _move(step: Step, act: Act) -> None:
    name, place = act[1:]
    if _state_of(step, name) != "active":
        return
    key, now, door_id = step.world.live(name).key, step.now, step.world.opened.door_ids[place]
    write(step, act, lambda db: relocation.move(db, key, door_id, by="user:1", now=now))


# Thieves.


def _is_thief(_: State, door: DoorState) -> bool:
    """Until staff have stopped it, the server believes it (docs/promises.md)."""
    return door.is_thief and door.is_stopped


@kind("lie", "the thief of {0} says that all its places are free again", of_doors("lie", _is_thief))
def _lie(step: Step, act: Act) -> None:
    step.at(act[1], act, lambda door: _send_falsely(door, returned=9), talks=True)


@kind(
    "lie less", "the thief of {0} says that it was granted nothing",
    of_doors("lie less", _is_thief),
)  # fmt: skip
def _lie_less(step: Step, act: Act) -> None:
    step.at(act[1], act, lambda door: _send_falsely(door, granted=0), talks=True)


@kind(
    "false exit",
    "the thief of {0} reports exits of all whom it let in",
    of_doors("false exit", _is_thief),
)
def _false_exit(step: Step, act: Act) -> None:
    """By the kiosk's own program, with the badges that it has seen."""
    key = step.world.live(act[1]).key
    for person in step.people:
        if person.entry is not None and person.entry[:2] == key and person.inside:
            step.present(act[1], person.badge, Direction.EXIT)
    step.talk(act[1])


def _send_falsely(door: WorldDoor, *, granted: int | None = None, returned: int = 0) -> None:
    offer = door.journal.offer(0)  # no records
    batch = wire.ScanBatch(
        records=[], first_seq=offer.state.acked + 1, last_seq=offer.state.acked, gone=[],
        head=offer.head, signature=offer.signature, incarnation=door.server.event.incarnation,
        places=[
            wire.PlaceTotals(
                hall=key.hall_id, granted=account.granted if granted is None else granted,
                returned=(account.returned if granted is None else 0) + returned,
                free=0, wants=False, override=False,
            )
            for key, account in offer.accounts.items()
            if key.kind == 0
        ],
        cursor=0, resting=False, log_size=0, sent_at=door.server.now(), health=wire.Health(),
        run=door.journal.run,
    )  # fmt: skip
    with contextlib.suppress(TransportError):
        door.server.scans(door.signed(), batch)
