"""Provides what the commands of `hallkeeper` share. That is the event's directory, plain errors and
progress.
"""

import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol, TypeVar

import click

from badges.cli.console import InputError
from badges.po import CatalogueError
from badges.printing.card import CardError
from badges.roster.problems import Problem, RosterError
from server.backup.critical_state import Keeper
from server.event.directory import Event, load_event
from server.event.served import CertificateError
from server.event.settings import EventError
from server.kiosks.registry import KioskError
from server.people.attendees import AttendeeError, UnknownAttendeeError
from server.people.issuing import IssuingError
from server.printers.states import PrintingError
from server.setup.venue_plan import VenueError
from server.staff.users import AccountError
from server.storage import disk, errors
from server.storage.database import Database
from server.storage.disk import DatabaseError
from server.storage.migrations import NewerVersionError

BY = "command-line"  # The name that the entry log has for whoever acts here.
PROBLEMS_SHOWN = 100
_SPOKEN = (
    AccountError, AttendeeError, CardError, CatalogueError, CertificateError, DatabaseError,
    EventError, IssuingError, KioskError, NewerVersionError, PrintingError, RosterError,
    UnknownAttendeeError,
)  # fmt: skip

F = TypeVar("F", bound=Callable[..., Any])

file_path = click.Path(exists=True, dir_okay=False, path_type=Path)


def event_option(command: F) -> F:
    """Add `--event DIR`, as the argument `event_dir`."""
    return click.option(
        "--event",
        "event_dir",
        type=click.Path(path_type=Path),
        envvar="HALLKEEPER_EVENT_DIR",
        default=Path(),
        metavar="DIR",
        help="The event's directory; else HALLKEEPER_EVENT_DIR, else this directory.",
    )(command)


class Commands(click.Group):
    """Is a group whose commands say in a sentence what went wrong, with exit status 1.

    They are listed in the order in which they were added, which is the order in which they are
    needed.
    """

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(self.commands)

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except VenueError as error:
            raise click.ClickException(listed(error.problems)) from None
        except _SPOKEN as error:
            raise click.ClickException(_sentence(str(error))) from None
        except errors.UnusableError as error:
            raise click.ClickException(_database_trouble(error)) from None
        except OSError as error:
            found = disk.trouble(error, Path(error.filename or "."))
            if found is None:
                raise
            raise click.ClickException(_sentence(str(found))) from None


def listed(
    problems: Sequence[str | Problem],
    title: str = "nothing was imported:",
    total: int | None = None,
) -> str:
    """Say what did not happen, and list the reasons. These are all, or the first of `total`."""
    shown = [str(problem) for problem in problems[:PROBLEMS_SHOWN]]
    more = (len(problems) if total is None else total) - len(shown)
    if more > 0:
        shown.append(f"… and {more:,} more")
    return "\n  ".join((title, *shown))


def _sentence(text: str) -> str:
    return text if text.endswith((".", "?", ")")) else f"{text}."


def _database_trouble(error: errors.UnusableError) -> str:
    if errors.is_busy(error):
        return "another command is writing to this event; nothing was changed. Try again."
    return f"the database can't be used: {error}. Nothing was changed."


@contextmanager
def opened(event_dir: Path) -> Iterator[tuple[Event, Database]]:
    """Open the event and its database. Raises EventError, NewerVersionError or DiskError."""
    event = load_event(event_dir)
    with Database(event.database_path) as database, _disk_told(event.path):
        if event.backup_path is None:
            yield event, database
            return
        keeper = Keeper(event.event_id, database, event.backup_path, wall_clock)
        yield event, database
        if keeper.trouble:
            click.echo(
                f"Warning: {keeper.trouble} It is done, but a server that is restored from a "
                "backup would not know of it.",
                err=True,
            )


@contextmanager
def _disk_told(path: Path) -> Iterator[None]:
    """Say in plain words what SQLite says of a full disk. Raises DiskError."""
    try:
        yield
    except errors.EngineError as error:
        raise disk.trouble(error, path) or error from None


def wall_clock() -> int:
    """Return the time in Unix ms."""
    return time.time_ns() // 1_000_000


class Tell(Protocol):
    """Takes how much is done in all, and of how much where that was not known before."""

    def __call__(self, done: int, of: int | None = None, /) -> None: ...


@contextmanager
def progress(label: str, length: int) -> Iterator[Tell]:
    """Give a function to tell how much is done in all. It shows a bar on a terminal, and nothing
    elsewhere.
    """
    if not sys.stderr.isatty():
        yield lambda done, of=None: None
        return
    with click.progressbar(length=length, label=label, file=sys.stderr, show_pos=True) as bar:

        def tell(done: int, of: int | None = None) -> None:
            bar.length = of if of is not None else bar.length
            bar.update(done - bar.pos)

        yield tell


@contextmanager
def interrupts_noted() -> Iterator[threading.Event]:
    """Let Ctrl-C only set the event meanwhile. It does not stop what must end one way or the
    other.
    """
    noted = threading.Event()
    if threading.current_thread() is not threading.main_thread():
        yield noted
        return
    before = signal.signal(signal.SIGINT, lambda *_: noted.set())
    try:
        yield noted
    finally:
        signal.signal(signal.SIGINT, before)


def count(number: int, one: str, many: str | None = None) -> str:
    """Say a number with its word, such as `1 badge` or `12,000 badges`."""
    return f"{number:,} {one if number == 1 else many or one + 's'}"


def refuse(sentence: str) -> InputError:
    """Return an error for what was typed, with exit status 2. The caller raises it."""
    return InputError(sentence)
