import functools
import json
import logging
import os
import signal
import sqlite3
import threading
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any, TypeVar

import click

from badges.cli.console import AbsolutePath, WholeTexts
from badges.po import CatalogueError
from badges.wire import version
from kiosk.camera.camera import Camera
from kiosk.camera.controls import request_of
from kiosk.camera.sources import parse_source
from kiosk.camera.webcams import webcams_text
from kiosk.cli import autostart
from kiosk.cli.answer_line import answer_fields
from kiosk.cli.enrol import check_free, enrol
from kiosk.cli.export import ExportError, read_export, write_export
from kiosk.cli.first_steps import enrol_at_screen
from kiosk.cli.many import many_command
from kiosk.cli.read import read_command
from kiosk.cli.status import checkpoint_of, journal_in, status_of, status_text
from kiosk.config import settings as config
from kiosk.config.disk import PRIMARY, write_trouble
from kiosk.config.files import TRANSLATIONS, ConfigError
from kiosk.config.identity import load_identity, load_key
from kiosk.eye import Eye
from kiosk.journal.errors import JournalError
from kiosk.pictures import CameraError
from kiosk.reader.passes import NO_ZBAR, has_zbar
from kiosk.run import AnswerReport, Kiosk
from kiosk.screen.camera_page import add_camera_page
from kiosk.screen.entrance import Entrance, read_link
from kiosk.screen.serving import ScreenError, ScreenServer, create_screen
from kiosk.sync.enrolment import EnrolError
from kiosk.texts import catalogue

FACTS_WAIT_S = 10.0  # how long a video waits for facts, because its pictures do not come again
SENT_WAIT_S = 60.0  # how long an ended video waits for a server that is away

F = TypeVar("F", bound=Callable[..., Any])
directory_option = click.option(
    "--dir",
    "directory",
    type=AbsolutePath(),
    default=".",
    show_default=True,
    envvar="HALLKEEPER_KIOSK_DIR",
    help="The kiosk's directory.",
)


def plain_errors(command: F) -> F:
    """Print errors as one plain sentence with exit status 1, not a traceback."""

    @functools.wraps(command)
    def wrapped(*args: Any, **options: Any) -> Any:
        try:
            return command(*args, **options)
        except (
            autostart.AutostartError,
            ConfigError,
            JournalError,
            EnrolError,
            ExportError,
            CameraError,
            ScreenError,
            CatalogueError,
        ) as error:
            raise click.ClickException(str(error)) from None
        except (OSError, sqlite3.Error) as error:
            directory = options.get("directory", Path())
            trouble = write_trouble(error, directory) or _unusable(error, directory)
            if trouble is None:
                raise
            raise click.ClickException(str(trouble)) from None

    return wrapped  # type: ignore[return-value]


def _unusable(error: OSError | sqlite3.Error, directory: Path) -> str | None:
    """The message about a file that can't be opened. None if the error is another one."""
    remedy = "Run this as a user who may open it, such as the one who owns the kiosk's files."
    if isinstance(error, OSError):
        if error.filename is None:
            return None
        text = f"{error.filename}: {error.strerror}."
        return f"{text} {remedy}" if isinstance(error, PermissionError) else text
    if getattr(error, "sqlite_errorcode", 0) & PRIMARY == sqlite3.SQLITE_CANTOPEN:
        return f"A database in {directory}: {error}. {remedy}"
    return None


@click.group(cls=WholeTexts)
@click.version_option(
    package_name="hallkeeper", prog_name="hallkeeper-kiosk", message=version.SHOWN
)
def main() -> None:
    """Run a door, which reads badges, answers at once and keeps every scan."""
    # A kiosk's files (journal, replica, link) are readable only by its user.
    os.umask(0o077)
    logging.basicConfig(format="%(asctime)s %(levelname)s %(message)s", level=logging.WARNING)


main.add_command(read_command)
main.add_command(many_command)


@main.command("enrol")
@directory_option
@click.option(
    "--code",
    help="The code on the kiosk's page; it begins with HKE1. Without it, a screen takes the code.",
)
@click.option("--again", is_flag=True, help="Enrol again; earlier files are kept.")
@click.option(
    "--wait", default=900, show_default=True, type=click.IntRange(0, 86_400), help="Seconds."
)
@plain_errors
def enrol_command(directory: Path, code: str | None, again: bool, wait: int) -> None:
    """Make this machine one of an event's kiosks."""
    if code is None:
        _enrol_at_screen(directory, again)
        return
    identity = enrol(
        directory,
        code,
        say=lambda text: click.echo(text, err=True),
        again=again,
        wait_s=wait,
    )
    click.echo(f"Enrolled as {identity.kiosk}, generation {identity.generation}.")


def _enrol_at_screen(directory: Path, again: bool) -> None:
    if again:
        raise click.UsageError("--again needs --code.")
    check_free(directory)
    done = _stopped_by_signals()
    settings = config.load_settings(directory)
    enrol_at_screen(directory, settings, done, lambda text: click.echo(text, err=True))


def _stopped_by_signals() -> threading.Event:
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    return stop


@main.command("run")
@directory_option
@click.option(
    "--camera", help="Webcam's number or name, file, folder or stream; none: a hand scanner."
)
@click.option("--headless", is_flag=True, help="Without the staff's page.")
@click.option("--port", type=click.IntRange(0, 65_535), help="Of the staff's page, on loopback.")
@click.option("--direction", type=click.Choice(["entry", "exit"]), help="At a door for both.")
@click.option("--language", help="Of the page, or two with a comma: zh,en.")
@click.option("--json", "as_json", is_flag=True, help="Print each answer as one JSON line.")
@click.option("--until-end", is_flag=True, help="Stop when a file camera has ended.")
@click.option("--loop", is_flag=True, help="Begin a file camera again when it has ended.")
@plain_errors
def run_command(
    directory: Path,
    headless: bool,
    language: str | None,
    as_json: bool,
    until_end: bool,
    loop: bool,
    **given: Any,
) -> None:
    """Run the door until it is told to stop (SIGTERM, Ctrl-C)."""
    if loop and until_end:
        raise click.UsageError("--loop has no end to stop at: leave it or --until-end out.")
    languages = language.split(",") if language else None
    settings = config.with_options(config.load_settings(directory), languages=languages, **given)
    catalogue.add(directory / TRANSLATIONS)
    camera = None
    if settings.camera != "none":
        if not has_zbar():
            click.echo(NO_ZBAR, err=True)
        # A door starts without its webcam, too. Only a name that was typed just now must be right.
        source = parse_source(settings.camera, may_come=given["camera"] is None)
        camera = Camera(source, request_of(settings), loop=loop)
    stop = _stopped_by_signals()
    kiosk = Kiosk(directory, settings, on_answer=lambda report: click.echo(_line(report, as_json)))
    try:
        _run(kiosk, camera, stop, None if headless else settings, until_end)
        if until_end and not kiosk.wait_until_sent(SENT_WAIT_S, stop) and not stop.is_set():
            raise click.ClickException(
                "The film has ended, and the server did not take all scans. They are kept: run "
                "this kiosk again, or `hallkeeper-kiosk export` its journal."
            )
    finally:
        kiosk.close()


def _run(
    kiosk: Kiosk,
    camera: Camera | None,
    stop: threading.Event,
    shown: config.KioskSettings | None,
    until_end: bool,
) -> None:
    with ExitStack() as parts:
        eye = None
        if camera is not None:
            eye = Eye(camera, kiosk, on_notice=lambda notice: kiosk.board.update(notice=notice))
            kiosk.attach(eye)
        if shown is not None:
            preview = eye.preview if eye is not None else lambda: None
            page = create_screen(
                kiosk.board,
                preview,
                languages=shown.languages,
                answer_s=shown.answer_s,
                supervision=kiosk.supervision,
                answer=kiosk.answer,
                entrance=Entrance(kiosk.directory),
            )
            add_camera_page(page, eye)
            served = parts.enter_context(ScreenServer(page, shown.port))
            click.echo(f"The screen, once for one browser: {served.link}", err=True)
        if camera is None or eye is None:
            while not stop.wait(0.25):
                kiosk.show_status()
            return
        if not camera.source.live:
            kiosk.wait_for_facts(FACTS_WAIT_S)
        parts.enter_context(camera)
        eye.watch(stop, until_end=until_end)


def _line(report: AnswerReport, as_json: bool) -> str:
    answer = report.answer
    took_ms = report.frame_to_answer_ms
    if not as_json:
        words = answer.explanation["en"]
        return f"{answer.seq} {answer.direction} {words.word}: {words.reason}"
    return json.dumps(
        answer_fields(answer)
        | {
            "frame_to_answer_ms": None if took_ms is None else round(took_ms, 2),
            "facts_age_ms": report.facts_age_ms,
        }
    )


@main.command("screen")
@directory_option
@click.option("--browser", help="A Chromium to use instead of the detected one.")
@plain_errors
def screen_command(directory: Path, browser: str | None) -> None:
    """Show the kiosk's screen in a full-screen browser. Waits until the kiosk runs.

    A kiosk that was started again gets a new browser.
    """
    autostart.show_screen(directory, Path.home(), _stopped_by_signals(), browser)


@main.command("autostart")
@directory_option
@click.option("--browser", help="Chromium's command or path, where it is not found by itself.")
@click.option("--again", is_flag=True, help="Replace the files of another kiosk.")
@click.option("--print", "only_print", is_flag=True, help="Write nothing, show the files.")
@plain_errors
def autostart_command(directory: Path, browser: str | None, again: bool, only_print: bool) -> None:
    """Start the kiosk and its screen at boot, by systemd user units."""
    planned = autostart.plan(directory, Path.home(), browser)
    if only_print:
        click.echo("\n".join(f"# {path}\n{text}" for path, text in planned.files.items()))
        return
    autostart.write(planned, again=again)
    for path in planned.files:
        click.echo(f"Written: {path}")
    if not planned.has_screen:
        click.echo("No Chromium was found, so only the kiosk starts, without its screen.", err=True)
    click.echo(
        "Switch it on:\n"
        "  systemctl --user daemon-reload\n"
        f"  systemctl --user enable --now {autostart.KIOSK_UNIT}\n"
        "  loginctl enable-linger\n"
        "The screen comes with the next sign-in at the desktop. More in docs/kiosk.md."
    )


@main.command("cameras")
def cameras_command() -> None:
    """List the webcams. Any part of a name is enough for --camera."""
    click.echo(webcams_text())


@main.command("status")
@directory_option
@click.option("--json", "as_json", is_flag=True, help="As one JSON object.")
@plain_errors
def status_command(directory: Path, as_json: bool) -> None:
    """Show this kiosk's identity, its unsent scans, and the age of its facts."""
    status = status_of(directory)
    click.echo(json.dumps(status) if as_json else status_text(status))


@main.command("checkpoint")
@directory_option
@plain_errors
def checkpoint_command(directory: Path) -> None:
    """Print the newest checkpoint of the server's entry log that this kiosk verified.

    To verify an export of the log, pass it to `hallkeeper audit verify --checkpoint`.
    """
    note = checkpoint_of(directory)
    if not note:
        raise click.ClickException("this kiosk has verified no checkpoint yet.")
    click.echo(note, nl=False)


@main.command("link")
@directory_option
@plain_errors
def link_command(directory: Path) -> None:
    """Print the link that opens the running kiosk's screen, once for one browser."""
    click.echo(read_link(directory))


@main.command("export")
@directory_option
@click.argument("file", type=AbsolutePath(dir_okay=False))
@plain_errors
def export_command(directory: Path, file: Path) -> None:
    """Write the whole journal to FILE, to carry it to the server without a network."""
    identity, key = load_identity(directory), load_key(directory)
    if file.exists():
        raise click.ClickException(f"{file} exists; name another file.")
    with journal_in(directory, identity) as journal:
        try:
            with file.open("xb") as out:
                scans = write_export(journal, identity, key, out)
                out.flush()
                os.fsync(out.fileno())
        except OSError as error:
            raise click.ClickException(f"{file} can't be written ({error.strerror}).") from None
    read_export(file)
    click.echo(f"{scans} scans in {file}, each signed; read back and checked.")


@main.command("verify")
@click.argument("file", type=AbsolutePath(dir_okay=False, exists=True))
@plain_errors
def verify_command(file: Path) -> None:
    """Verify an exported journal: the chain, every signature, and the end."""
    exported = read_export(file)
    kiosk = exported.identity
    click.echo(
        f"{exported.scans} scans of {kiosk.kiosk} (generation {kiosk.generation}) of event "
        f"{kiosk.event_id.hex()}: whole and unchanged. Event key: {exported.root.raw.hex()}"
    )


if __name__ == "__main__":
    main()
