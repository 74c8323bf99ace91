"""`hallkeeper-kiosk many`: doors without cameras in one process, for demonstrations and load tests.

Each door is a whole kiosk, with its journal, its places and its connection to the server. Only the
pictures are missing: JSON lines on standard input bring the texts of badges, and answers go to
standard output as JSON lines.
"""

import json
import sys
import threading
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Literal, Self

import click
import msgspec
from msgspec import Struct

from kiosk.cli.answer_line import answer_fields
from kiosk.cli.enrol import enrol
from kiosk.config import settings as config
from kiosk.config.files import ConfigError
from kiosk.config.identity import load_identity
from kiosk.journal.errors import JournalError
from kiosk.run import Kiosk
from kiosk.sync.enrolment import EnrolError

FACTS_WAIT_S = 60.0
ENROL_WAIT_S = 120.0
POLL_S = 0.5  # how often a door asks whether it is confirmed


class Open(Struct, frozen=True, forbid_unknown_fields=True, tag="open"):
    """Enrols a door by its code, and runs it. `direction` is for a door for both."""

    door: str
    dir: str
    code: str
    direction: Literal["entry", "exit"] = "entry"


class Present(Struct, frozen=True, forbid_unknown_fields=True, tag="present"):
    door: str
    text: str


_LINE: msgspec.json.Decoder[Open | Present] = msgspec.json.Decoder(Open | Present)


class Door:
    """A kiosk with a thread of its own, which may wait a second for a place."""

    def __init__(self, order: Open) -> None:
        self._order = order
        self._kiosk: Kiosk | None = None
        self._thread = ThreadPoolExecutor(1, thread_name_prefix=order.door)
        self._thread.submit(self._open)

    def present(self, text: str) -> None:
        self._thread.submit(self._present, text)

    def close(self) -> None:
        """Upload what waits, and stop. Presentations that wait are not answered."""
        self._thread.shutdown(cancel_futures=True)
        if self._kiosk is not None:
            self._kiosk.close()

    def _open(self) -> None:
        directory = Path(self._order.dir).absolute()
        try:
            if not directory.exists():
                enrol(
                    directory, self._order.code, say=self._say, wait_s=ENROL_WAIT_S, poll_s=POLL_S
                )
            settings = config.with_options(
                config.load_settings(directory), direction=self._order.direction, camera="none"
            )
            self._kiosk = Kiosk(directory, settings)
        except (EnrolError, ConfigError, JournalError, OSError) as error:
            self._tell(error=str(error))
            return
        if self._kiosk.wait_for_facts(FACTS_WAIT_S):
            self._tell(ready=load_identity(directory).kiosk)
        else:
            self._tell(error="the server sent no facts in time")

    def _present(self, text: str) -> None:
        answer = None if self._kiosk is None else self._kiosk.present(text)
        self._tell(**({"unanswered": True} if answer is None else answer_fields(answer)))

    def _say(self, text: str) -> None:
        self._tell(said=text)

    def _tell(self, **fields: object) -> None:
        _print({"door": self._order.door, **fields})


class Doors:
    """The open doors by code. A context manager, which closes all of them at once."""

    def __init__(self) -> None:
        self._doors: dict[str, Door] = {}

    def obey(self, lines: Iterable[str]) -> None:
        """Carry out each line until the last. Raises ValueError for a malformed one."""
        for number, line in enumerate(lines, 1):
            try:
                order = _LINE.decode(line)
            except msgspec.MsgspecError as error:
                raise ValueError(f"line {number}: {error}") from None
            if isinstance(order, Open):
                if order.door in self._doors:
                    raise ValueError(f"line {number}: door {order.door} is open already")
                self._doors[order.door] = Door(order)
            elif order.door not in self._doors:
                raise ValueError(f"line {number}: no door {order.door} was opened")
            else:
                self._doors[order.door].present(order.text)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        with ThreadPoolExecutor(max(1, len(self._doors))) as pool:
            list(pool.map(Door.close, self._doors.values()))


_PRINTING = threading.Lock()


def _print(fields: Mapping[str, object]) -> None:
    with _PRINTING:
        click.echo(json.dumps(fields))


@click.command("many", hidden=True)
def many_command() -> None:
    """Run several doors without cameras, for demonstrations and load tests.

    Standard input has one JSON line for each order: {"type": "open", "door", "dir", "code",
    "direction"} or {"type": "present", "door", "text"}. Its end closes the doors.
    """
    try:
        with Doors() as doors:
            doors.obey(sys.stdin)
    except ValueError as error:
        raise click.ClickException(str(error)) from None
