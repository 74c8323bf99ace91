"""The command `hallkeeper demo`."""

import importlib.util
import shutil
import signal
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import click

from badges.cli.console import AbsolutePath
from server.console import refuse
from server.core.event.settings import EventError
from server.demo import postgres
from server.demo.forum.people import CAST_SIZE
from server.demo.processes import StageError

STOPPED = 130  # shells' exit status after Ctrl-C
PEOPLE_MIN, PEOPLE_MAX = 2 * CAST_SIZE, 50_000


@dataclass
class Place:
    """The demo's directory. A temporary one is removed at the end, unless something was wrong."""

    path: Path
    temporary: bool
    keep: bool = False


@click.command()
@click.option("--once", is_flag=True, help="Exit after the summary: 0 if all was right, else 1.")
@click.option("--json", "json_line", is_flag=True, help="The summary as JSON on the last line.")
@click.option("--seed", default=1, show_default=True, help="Another seed, another forum.")
@click.option(
    "--people",
    type=click.IntRange(PEOPLE_MIN, PEOPLE_MAX),
    default=3000,
    show_default=True,
    help="How many are on the roster.",
)
@click.option(
    "--dir",
    "directory",
    type=AbsolutePath(file_okay=False),
    help="A new or empty directory to keep everything in; else a temporary one.",
)
@click.option(
    "--database",
    type=click.Choice(["sqlite", "postgresql"]),
    default="sqlite",
    show_default=True,
    help="With postgresql, two servers share a database, and one of them is killed.",
)
@click.option(
    "--crowd/--no-crowd", default=True, show_default=True,
    help="After the summary, let everybody else come to some 60 doors without cameras.",
)  # fmt: skip
@click.option("--camera", help="Add a door with this webcam, such as 0: hold up a badge yourself.")
def demo(
    once: bool,
    json_line: bool,
    seed: int,
    people: int,
    directory: Path | None,
    database: str,
    crowd: bool,
    camera: str | None,
) -> None:
    """Run a whole made-up forum here, with a server, and doors that watch films of badges.

    Every answer of the doors is compared with the truth and with the ledger. The pages stay open
    until Ctrl-C.
    """
    if once and camera:
        raise refuse("--once exits after the films, before you could hold up a badge to --camera.")
    _require_opencv()
    _report_missing_zbar()
    if database == "postgresql":
        _require_postgresql()
    # Imports OpenCV, which was just checked.
    from server.demo.show import Show

    with _stopped_by_sigterm(), _place(directory) as place:
        show = Show(
            place.path, seed, people, camera, once=once, json_line=json_line,
            postgresql=database == "postgresql", crowd=crowd,
        )  # fmt: skip
        try:
            show.run()
        except StageError as error:
            place.keep = True
            raise click.ClickException(f"{error}\nEverything is left in {place.path}.") from None
        except KeyboardInterrupt:
            click.echo("\nStopped before the end: nothing was judged.", err=True)
            raise SystemExit(STOPPED) from None
        place.keep = not show.good
        if place.keep and place.temporary:
            click.echo(f"Everything is left in {place.path}.", err=True)
    raise SystemExit(0 if show.good else 1)


def _require_opencv() -> None:
    try:
        import cv2  # noqa: F401 (only whether it is there)
    except ModuleNotFoundError:
        raise click.ClickException(
            "the demo draws films and runs kiosks, for which OpenCV is missing: "
            "run `make demo`, or install Hallkeeper with its extras server and kiosk."
        ) from None
    except ImportError as error:
        raise click.ClickException(
            f"OpenCV can't be loaded ({error}): apt install libgl1 libglib2.0-0t64 "
            "(libglib2.0-0 on older systems)."
        ) from None


def _report_missing_zbar() -> None:
    try:
        import pyzbar.pyzbar  # noqa: F401 (only whether it is there)
    except (ImportError, OSError):
        click.echo(
            "zbar is missing, so the doors read by zxing-cpp alone: apt install libzbar0", err=True
        )


def _require_postgresql() -> None:
    if importlib.util.find_spec("psycopg") is None:
        raise click.ClickException(
            "for PostgreSQL a library is missing. In Hallkeeper's folder run"
            ' `make demo DEMO="--database postgresql"`, which installs it, or'
            " `pip install 'psycopg[binary]'`. Or leave out --database."
        )
    if postgres.binaries() is None:
        raise click.ClickException(postgres.MISSING)


@contextmanager
def _place(directory: Path | None) -> Iterator[Place]:
    if directory is not None:
        if directory.exists() and any(directory.iterdir()):
            raise EventError(f"{directory} is not empty. Name a new or an empty directory.")
        directory.mkdir(parents=True, exist_ok=True)
        yield Place(directory, temporary=False, keep=True)
        return
    place = Place(Path(tempfile.mkdtemp(prefix="hallkeeper-demo-")), temporary=True)
    try:
        yield place
    finally:
        if not place.keep:
            shutil.rmtree(place.path, ignore_errors=True)


@contextmanager
def _stopped_by_sigterm() -> Iterator[None]:
    """Make SIGTERM act like Ctrl-C, so that server and kiosks are stopped too."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def stop(number: int, frame: object) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, stop)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
