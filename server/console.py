"""Shared code of all `hallkeeper` commands: the event's directory, plain errors and progress."""

import io
import os
import resource
import shlex
import shutil
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

import click

from badges.cli.console import AbsolutePath, InputError, WholeTexts
from server.storage import disk, errors

if TYPE_CHECKING:
    from badges.roster.problems import Problem
    from server.core.event.directory import Event
    from server.storage.database import Database

# The event of the unit hallkeeper.service.
SERVICE_EVENT = Path("/var/lib/hallkeeper/event")
BY = "command-line"  # the actor in the entry log
FILE_MEMORY_BYTES = 1_000_000_000  # as a page's process has for a file (server/web/apart.py)
_SPARE_BYTES = 4_000_000
PROBLEMS_SHOWN = 100
# Errors whose text is for people. Named, since importing them all takes half a second.
SPOKEN = {
    "badges.po.CatalogueError",
    "badges.printing.card.CardError",
    "badges.roster.problems.RosterError",
    "server.core.event.served.CertificateError",
    "server.core.event.settings.EventError",
    "server.core.kiosks.registry.KioskError",
    "server.core.people.attendees.AttendeeError",
    "server.core.people.attendees.UnknownAttendeeError",
    "server.core.people.issuing.IssuingError",
    "server.features.printers.states.PrintingError",
    "server.core.staff.confirmations.ShownChangedError",
    "server.core.staff.users.AccountError",
    "server.storage.disk.DatabaseError",
    "server.storage.migrations.VersionError",
}

F = TypeVar("F", bound=Callable[..., Any])


class _Existing(AbsolutePath):
    """Click takes a file in another user's closed directory for one that does not exist."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        try:
            os.stat(value)  # noqa: PTH116
        except PermissionError:
            self.fail(
                f"this user may not open {value}. Copy it to where this user may read it, or run "
                "the command as another user.",
                param,
                ctx,
            )
        except (OSError, ValueError):
            pass  # click explains it
        return super().convert(value, param, ctx)


file_path = _Existing(exists=True, dir_okay=False)
directory_path = _Existing(exists=True, file_okay=False)


def default_event() -> Path:
    """This directory. Without an event in it, the service's, on a computer that has the service."""
    from server.core.event.directory import SETTINGS_FILE

    here = Path()
    # Unlike Path.exists, it is False in another user's directory, as with `sudo -u hallkeeper`.
    in_it = os.path.exists(here / SETTINGS_FILE)  # noqa: PTH110
    if not in_it and SERVICE_EVENT.parent.is_dir():
        return SERVICE_EVENT
    return here


def start_command(event_dir: Path) -> str:
    if event_dir.absolute() == SERVICE_EVENT:
        return "sudo systemctl start hallkeeper"
    # As it was typed, where the shell would not find it by its name alone (`.venv/bin/hallkeeper`).
    is_found = shutil.which("hallkeeper") or Path(sys.argv[0]).name != "hallkeeper"
    program = "hallkeeper" if is_found else sys.argv[0]
    return shlex.join([program, "serve", "--event", str(event_dir)])


def event_option(command: F) -> F:
    return click.option(
        "--event",
        "event_dir",
        type=AbsolutePath(),
        envvar="HALLKEEPER_EVENT_DIR",
        default=default_event,
        metavar="DIR",
        help="The event's directory; else HALLKEEPER_EVENT_DIR, else this directory, else"
        f" {SERVICE_EVENT}.",
    )(command)


class Later(click.Command):
    """A command that is imported only when called or asked for its help."""

    def __init__(self, name: str, where: str, short_help: str) -> None:
        super().__init__(name, short_help=short_help)
        self.where = where

    def loaded(self) -> click.Command:
        module, _, name = self.where.partition(":")
        command: click.Command = getattr(import_module(module), name)
        return command


class Commands(WholeTexts):
    """A group that prints errors as a sentence, with exit status 1.

    Commands are listed in the order in which they are added.
    """

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(self.commands)

    def add_later(self, name: str, where: str, short_help: str) -> None:
        """`where` is the `module:name`, imported when called."""
        self.add_command(Later(name, where, short_help))

    def loaded(self, command: click.Command) -> click.Command:
        return command.loaded() if isinstance(command, Later) else command

    def main(self, *arguments: Any, **named: Any) -> Any:
        _prepare_streams()
        return super().main(*arguments, **named)

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except Exception as error:
            message = _said(error)
            if message is None:
                raise
            raise click.ClickException(message) from None


def _prepare_streams() -> None:
    """Let no command fail because a stream was closed (`2>&-`), or because a terminal can't show a
    character. The command may have changed the event by then.
    """
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        stream = getattr(sys, name)
        if stream is None:
            setattr(sys, name, Path(os.devnull).open(mode))  # noqa: SIM115 - until the process ends
        elif mode == "w" and isinstance(stream, io.TextIOWrapper):
            with suppress(OSError):  # a pipe that took the place of a file, in tests
                stream.reconfigure(errors="backslashreplace")


def _said(error: Exception) -> str | None:
    """Return the sentence, or None for an unexpected error."""
    kinds = {f"{kind.__module__}.{kind.__qualname__}" for kind in type(error).__mro__}
    if "server.features.imports.venue_plan.VenueError" in kinds:
        return listed(error.problems)  # type: ignore[attr-defined]
    if kinds & SPOKEN:
        return _sentence(str(error))
    if isinstance(error, errors.UnusableError):
        return _database_trouble(error)
    if isinstance(error, OSError):
        trouble = disk.trouble(error, Path(error.filename or "."))
        return None if trouble is None else _sentence(str(trouble))
    return None


def listed(
    problems: "Sequence[str | Problem]",
    title: str = "nothing was imported:",
    total: int | None = None,
) -> str:
    """The problems may be the first of `total`."""
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
def opened(event_dir: Path) -> "Iterator[tuple[Event, Database]]":
    """Open the event and its database. Raises EventError, VersionError or DiskError."""
    from server.core.event.directory import load_event
    from server.storage.database import Database

    event = load_event(event_dir)
    with Database(event.database_path) as database, _disk_told(event.path):
        if event.backup_path is None:
            yield event, database
            return
        from server.core.second_disk.critical_state import Keeper

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
    """Convert SQLite's disk errors to DiskError."""
    try:
        yield
    except errors.EngineError as error:
        raise disk.trouble(error, path) or error from None


class MemoryForFile:
    """Limits the memory for reading a file from outside. 1 MB may unpack to several GB, for which
    the system could end the server on the same computer.
    """

    def __enter__(self) -> None:
        self._before = soft, hard = resource.getrlimit(resource.RLIMIT_DATA)
        pages_of_data = int(Path("/proc/self/statm").read_text("ascii").split()[5])
        most = pages_of_data * resource.getpagesize() + FILE_MEMORY_BYTES
        limits = [limit for limit in (soft, hard) if limit != resource.RLIM_INFINITY]
        self._spare = bytearray(_SPARE_BYTES)
        resource.setrlimit(resource.RLIMIT_DATA, (min([most, *limits]), hard))

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        # Raising the limit and the refusal need memory, and the failed reading still holds it all.
        del self._spare
        resource.setrlimit(resource.RLIMIT_DATA, self._before)
        if kind is MemoryError:
            raise click.ClickException(
                "the file takes more memory than a file may. Make it smaller, or copy its rows into"
                " a new one. Nothing was imported."
            ) from None


def wall_clock() -> int:
    """Return Unix ms."""
    return time.time_ns() // 1_000_000


class Tell(Protocol):
    """Takes the amount done, and the total if it was unknown before."""

    def __call__(self, done: int, of: int | None = None, /) -> None: ...


@contextmanager
def progress(label: str, length: int) -> Iterator[Tell]:
    """Yield a function that reports progress, as a bar on a terminal only."""
    if not sys.stderr.isatty():
        yield lambda done, of=None: None
        return
    with click.progressbar(length=length, label=label, file=sys.stderr, show_pos=True) as bar:

        def tell(done: int, of: int | None = None) -> None:
            bar.length = of if of is not None else bar.length
            bar.update(done - bar.pos)

        yield tell


@contextmanager
def interrupts_noted(*numbers: signal.Signals) -> Iterator[threading.Event]:
    """Make these signals, or Ctrl-C, only set the yielded event, for work that must not be
    interrupted.
    """
    noted = threading.Event()
    if threading.current_thread() is not threading.main_thread():
        yield noted
        return
    before = {
        number: signal.signal(number, lambda *_: noted.set())
        for number in numbers or (signal.SIGINT,)
    }
    try:
        yield noted
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def count(number: int, singular: str, many: str | None = None) -> str:
    """Return a number with its word, such as `1 badge` or `12,000 badges`."""
    return f"{number:,} {singular if number == 1 else many or singular + 's'}"


def refuse(sentence: str) -> InputError:
    """Return an error for invalid input, with exit status 2. The caller raises it."""
    return InputError(sentence)
