"""The acts of late things: a message that arrives later, a form that is sent later, a second disk
that is away.
"""

from collections.abc import Iterator

from tests.worlds.acts import attest, connected, count, kind, of_doors, start_server
from tests.worlds.door import WorldDoor
from tests.worlds.state import Act, DoorState, Mail, OpenedPage, State
from tests.worlds.world import Step, World

MESSAGES = {"delay": 1, "echo": 1, "arrive": 1}
DISK = {"disk away": 1, "disk back": 1}

# Messages.


def _may_be_late(state: State, door: DoorState) -> bool:
    return connected(state, door) and state.mail is None


@kind("delay", "a message of {0} is late", of_doors("delay", _may_be_late))
def _delay(step: Step, act: Act) -> None:
    _keep(step, act[1], step.at(act[1], act, lambda door: door.send_slowly()))


@kind("echo", "a message of {0} will come twice", of_doors("echo", _may_be_late))
def _echo(step: Step, act: Act) -> None:
    def send(door: WorldDoor) -> tuple[int, bytes] | None:
        sent = door.send_slowly()
        if sent is not None:
            door.arrives(*sent)
        return sent

    _keep(step, act[1], step.at(act[1], act, send, talks=True))


def _keep(step: Step, name: str, sent: tuple[int, bytes] | None) -> None:
    if sent is not None:
        step.changes["mail"] = Mail(name, *sent)


def _is_on_its_way(_: World, state: State) -> Iterator[Act]:
    if state.mail is not None:
        yield ("arrive", state.mail.door)


@kind("arrive", "the late message of {0} arrives", _is_on_its_way)
def _arrive(step: Step, act: Act) -> None:
    mail = step.before.mail
    assert mail is not None
    step.changes["mail"] = None
    step.at(mail.door, mail, lambda door: door.arrives(mail.counter, mail.body), talks=True)


# Forms.


def _is_stopped(state: State, door: DoorState) -> bool:
    return state.page is None and not door.is_used


@kind(
    "open attest", "two people count whom {0} let in, and open its page",
    of_doors("open attest", _is_stopped),
)  # fmt: skip
def _open_attest(step: Step, act: Act) -> None:
    """Their words are true now: who comes in later came by another kiosk."""
    words = tuple((hall, sum(people)) for hall, people in count(step, act[1]))
    step.changes["page"] = OpenedPage("attest", "", (), 0, (act[1],), words)


def _has_counted(_: World, state: State) -> Iterator[Act]:
    page = state.page
    if page is not None and page.form == "attest":
        yield ("send attest", page.names[0])


@kind("send attest", "the two people send what they counted of {0}", _has_counted)
def _send_attest(step: Step, act: Act) -> None:
    page = step.before.page
    assert page is not None
    step.changes["page"] = None
    for hall, inside in page.words:
        attest(step, act, hall, inside)


# The server, and its second disk.


@kind("restart server", "the server is started again", lambda _, __: iter([("restart server",)]))
def _restart_server(step: Step, act: Act) -> None:
    start_server(step)


def _is_there(_: World, state: State) -> Iterator[Act]:
    if state.away is None:
        yield ("disk away",)


@kind("disk away", "the second disk takes no changes", _is_there)
def _disk_away(step: Step, act: Act) -> None:
    step.changes["away"] = step.before.server


def _is_away(_: World, state: State) -> Iterator[Act]:
    if state.away is not None:
        yield ("disk back",)


@kind("disk back", "the second disk is back, with the acts since", _is_away)
def _disk_back(step: Step, act: Act) -> None:
    step.changes["away"] = None
