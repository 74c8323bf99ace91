"""The proof by z3: the invariant holds at the start, each step keeps it, and it implies the
promise.

Each question to z3 is "is there a state with the invariant, and a step after which it does not
hold?" The answer "no" is a proof for all numbers, not for those that were tried.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, NamedTuple

import z3

from tests.worlds.proof import invariant
from tests.worlds.proof import world as numbers
from tests.worlds.proof.algebra import Value, both, choose, either, implies, negated
from tests.worlds.proof.steps import STEPS, Params, Step, put
from tests.worlds.proof.world import Copy, Disk, Hall, Others, Site, World

FLAGS = {"stopped", "current", "lost", "fenced", "attested", "awaited"}


class Proof(NamedTuple):
    what: str
    code: str
    refused: str = ""  # the state in which it fails, and what fails


def any_world(name: str) -> World:
    return World(
        *(_any(group, f"{name}.{group.__name__}") for group in (Disk, Copy, Hall, Others, Site))
    )


def _any(group: Any, name: str) -> Value:
    return group(
        *((z3.Bool if field in FLAGS else z3.Int)(f"{name}.{field}") for field in group._fields)
    )


def start() -> World:
    """No kiosk has a place yet. A door that is enrolled later, or again, begins like this."""
    nothing = World(
        *(
            group(*(False if field in FLAGS else 0 for field in group._fields))
            for group in (Disk, Copy, Hall, Others, Site)
        )
    )
    capacity = z3.Int("capacity")
    return put(nothing, {"site.capacity": capacity, "site.bound": capacity})


class Message(NamedTuple):
    """One message that is on its way, any of them."""

    granted: Value
    current: Value  # of the server's present incarnation


def order_holds(now: World, order: Message) -> Value:
    """A message to the door has at most what was granted, or what a restore forgot."""
    return both(
        order.granted >= 0,
        implies(order.current, order.granted <= now.disk.reach),
        implies(order.current, order.granted <= choose(now.copy.awaited, 0, now.copy.granted)),
        implies(negated(either(order.current, now.disk.current)), order.granted <= now.disk.reach),
    )


def batch_holds(now: World, batch: Message) -> Value:
    """A message of the door: its totals are never above its own, and once it has heard the present
    incarnation, no older order brings more.
    """
    return both(
        batch.granted >= 0,
        batch.granted <= now.disk.got,
        implies(batch.current, now.disk.current),
        implies(
            both(batch.current, now.copy.awaited, negated(now.copy.fenced)),
            batch.granted >= now.disk.reach,
        ),
    )


def prove(steps: Iterable[Step] = STEPS) -> Iterator[Proof]:
    yield _at_the_start()
    yield from _implied()
    for step in steps:
        yield keeps(step)
    yield _backup()
    yield restores()
    yield from sends()
    yield from causes()


def _at_the_start() -> Proof:
    first = start()
    return question(
        "it holds at the start, and for a new door", "Pool.enrol",
        [first.site.capacity >= 0],
        {**invariant.invariant(first), **invariant.of_the_present(first)},
    )  # fmt: skip


def _implied() -> Iterator[Proof]:
    now = any_world("now")
    known = [*invariant.invariant(now).values(), invariant.of_the_others(now)]
    for name, claim in invariant.claims(now).items():
        yield question(f"it implies: {name}", "", known, {name: claim})


def keeps(step: Step) -> Proof:
    now, backup, known = _before()
    p = _params(step)
    known += _not_negative(step, p)
    known += _of_message(step, now, p)
    happens, after = step.act(now, p)
    held, moved = True, backup
    if step.truth is not None:
        held, moved = step.truth(backup, p)
    moved = moved._replace(disk=after.disk, site=after.site)
    goal = {
        **invariant.invariant(after),
        **invariant.of_the_present(after),
        **{f"{name}, in a backup": each for name, each in invariant.invariant(moved).items()},
        **invariant.of_a_backup(after, moved),
        **_messages_after(step, now, after, p),
    }
    return question(step.name, step.code, [*known, happens, held], goal)


def _before() -> tuple[World, World, list[Value]]:
    now, backup = any_world("now"), any_world("backup")
    backup = backup._replace(disk=now.disk, site=now.site)
    known = [
        *invariant.invariant(now).values(),
        *invariant.of_the_present(now).values(),
        invariant.of_the_others(now),
        *invariant.invariant(backup).values(),
        invariant.of_the_others(backup),
        *invariant.of_a_backup(now, backup).values(),
    ]
    return now, backup, known


def _of_message(step: Step, now: World, p: Params) -> list[Value]:
    if step.message == "batch":
        return [batch_holds(now, Message(p.granted, p.current))]
    if step.message:
        return [order_holds(now, Message(p.granted, step.message == "order"))]
    return []


def _messages_after(step: Step, now: World, after: World, p: Params) -> Mapping[str, Value]:
    """Any other message that is on its way is still as it should be."""
    order = Message(z3.Int("order.granted"), z3.Bool("order.current"))
    batch = Message(z3.Int("batch.granted"), z3.Bool("batch.current"))
    return {
        "orders on their way": implies(order_holds(now, order), order_holds(after, order)),
        "totals on their way": implies(batch_holds(now, batch), batch_holds(after, batch)),
    }


def _backup() -> Proof:
    """A backup is a copy of the present. After its restore the server waits (`Pool.restored`)."""
    now, _, known = _before()
    copy = awaiting(now.copy)
    taken = now._replace(copy=copy)
    return question(
        "backup", "server/core/second_disk", known,
        {**invariant.invariant(taken), **invariant.of_a_backup(now, taken)},
    )  # fmt: skip


def awaiting(copy: Copy) -> Copy:
    return copy._replace(awaited=either(copy.awaited, negated(copy.fenced)))


def restores(barrier: Value = True, *, keeps_old_orders: bool = False) -> Proof:
    """The backup becomes the present, and the fences since are on the second disk. The server waits
    for its doors (`barrier`), and an order is of an incarnation.
    """
    now, backup, known = _before()
    current = now.disk.current if keeps_old_orders else False
    awaited = both(backup.copy.awaited, barrier)
    after = put(
        backup, {"copy.fenced": now.copy.fenced, "copy.awaited": awaited, "disk.current": current}
    )
    order = Message(z3.Int("order.granted"), z3.Bool("order.current"))
    # The door drops the others: it has heard an incarnation above theirs.
    live = either(order.current, negated(now.disk.current))
    goal = {
        **invariant.invariant(after),
        **invariant.of_the_present(after),
        **invariant.of_a_backup(after, backup._replace(disk=after.disk)),
        "orders on their way are old": implies(
            both(order_holds(now, order), live),
            order_holds(after, order._replace(current=z3.BoolVal(False))),
        ),
    }
    return question("restore", "Pool.restored", known, goal)


def sends(order: Callable[[Copy], Value] = numbers.ordered) -> Iterator[Proof]:
    """New messages are as they should be."""
    now, _, known = _before()
    sent = Message(order(now.copy), z3.BoolVal(True))
    yield question("order is sent", "Pool.order", known, {"order": order_holds(now, sent)})
    batch = Message(now.disk.got, now.disk.current)
    yield question("totals are sent", "wire.ScanBatch", known, {"batch": batch_holds(now, batch)})


def causes() -> Iterator[Proof]:
    """When the exceptions that the steps count by themselves can happen."""
    by_name = {step.name: step for step in STEPS}
    yield _no_exception("a true attestation omits nobody", by_name["attest"], _true_word)
    for name in ("exit arrives", "exit of a late entry arrives", "hall empty: one stay ends"):
        yield _no_exception(
            f"{name}: nobody is omitted, if all grants were known", by_name[name],
            lambda now, p: [now.copy.granted >= now.disk.reach],
        )  # fmt: skip


def _true_word(now: World, p: Params) -> list[Value]:
    """And no place came back on trust."""
    trust = [now.copy.early == 0, now.others.early == 0]
    return [*trust, now.copy.unheard <= p.inside, p.lost]


Causes = Callable[[World, Params], list[Value]]


def _no_exception(what: str, step: Step, causes: Causes) -> Proof:
    now, _, known = _before()
    p = _params(step)
    happens, after = step.act(now, p)
    known += [*causes(now, p), *_not_negative(step, p), happens]
    same = after.site.exceptions == now.site.exceptions
    return question(what, step.code, known, {"no exception": same})


def possible(step: Step) -> bool:
    """Whether the step can happen at all. If not, its proof would say nothing."""
    now, backup, known = _before()
    p = _params(step)
    happens, _ = step.act(now, p)
    moved = True if step.truth is None else step.truth(backup, p).happens
    solver = z3.Solver()
    solver.add(
        *_terms([*known, *_not_negative(step, p), *_of_message(step, now, p), happens, moved])
    )
    return solver.check() == z3.sat


def _params(step: Step) -> Params:
    return Params(
        **{name: z3.Int(f"p.{name}") for name in step.amounts},
        **{name: z3.Bool(f"p.{name}") for name in step.flags},
    )


def _not_negative(step: Step, p: Params) -> list[Value]:
    return [getattr(p, name) >= 0 for name in step.amounts]


def _terms(conditions: Iterable[Value]) -> list[Value]:
    return [z3.BoolVal(each) if isinstance(each, bool) else each for each in conditions]


def question(what: str, code: str, known: Iterable[Value], goal: Mapping[str, Value]) -> Proof:
    solver = z3.Solver()
    solver.add(*_terms(known))
    for name, claim in goal.items():
        if claim is True:
            continue
        solver.push()
        solver.add(z3.Not(claim) if not isinstance(claim, bool) else z3.BoolVal(not claim))
        answer = solver.check()
        if answer != z3.unsat:
            return Proof(what, code, f"{name}: {_state(solver) if answer == z3.sat else answer}")
        solver.pop()
    return Proof(what, code)


def _state(solver: z3.Solver) -> str:
    model = solver.model()
    values = sorted((str(name), str(model[name])) for name in model.decls())
    return ", ".join(f"{name}={value}" for name, value in values if value not in ("0", "False"))


def version() -> str:
    return z3.get_version_string()
