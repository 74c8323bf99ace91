"""Commands that have the entry log confirmed outside, or run a witness."""

import signal
import threading
from datetime import UTC, datetime
from pathlib import Path

import click

from badges.cli.console import AbsolutePath
from server.console import event_option, opened, refuse, wall_clock
from server.core.entry_log import checkpoints, outside
from server.core.entry_log.entry_log import Log
from server.core.event.directory import Event
from server.features.evidence.witnesses import asking, authority
from server.features.evidence.witnesses.witness import opened as opened_witness
from server.features.evidence.witnesses.witness_http import WitnessServer
from server.features.evidence.witnesses.worker import Confirming
from server.storage.database import Database

WITNESS_PORT = 8480


def confirm(event: Event, database: Database, log: Log) -> None:
    """Ask witnesses and authority to confirm the newest checkpoint, and print their failures.
    Never raises for those.
    """
    settings = event.settings
    if not settings.witnesses and settings.time_authority is None:
        return
    Confirming(event, database, log, wall_clock).confirm()
    asked = {
        outside.of_witness(failure.name): failure.name for failure in asking.witnesses(settings)
    }
    asked[outside.AUTHORITY] = "the time-stamping authority"
    with database.reading() as db:
        for failure in outside.failures(db):
            if failure.who in asked:
                click.echo(f"Not confirmed by {asked[failure.who]}: {failure.words}.", err=True)


def read_stamp(answer: bytes, message: bytes, certificates: bytes) -> str:
    """Return the stamp's signer and time as text. Raises OutsideError for an invalid stamp."""
    trusted = authority.Authority("", authority.certificates_of(certificates, "the certificates"))
    verified = authority.verify(answer, message, trusted)
    at = datetime.fromtimestamp(verified.stamped_at // 1000, UTC)
    return f"by {verified.authority} at {at:%Y-%m-%d %H:%M:%S} UTC"


@click.command(short_help="Print the newest checkpoint, with witnesses' signatures.")
@event_option
def checkpoint(event_dir: Path) -> None:
    """Print the newest checkpoint of the entry log, after asking witnesses and the authority.

    Keep it, or give it away: with `hallkeeper audit verify --checkpoint` its holder can show later
    whether the log was rewritten.
    """
    with opened(event_dir) as (event, database):
        log = Log(database, event.log_name, event.log_key)
        if not log.size():
            raise refuse("the entry log is empty.")
        confirm(event, database, log)
        with database.reading() as db:
            note = checkpoints.cosigned_note(db, log.name, log.note(log.size()))
    click.echo(note, nl=False)


@click.command(short_help="Run a witness that cosigns others' entry logs.")
@click.option(
    "--dir", "directory", type=AbsolutePath(file_okay=False), required=True,
    help="Its directory; made where there is none.",
)  # fmt: skip
@click.option("--name", help="Its name, when its directory is made, as example.org/witness.")
@click.option("--log", "logs", multiple=True, metavar="KEY", help="A log's key to cosign from now.")
@click.option("--host", default="127.0.0.1", show_default=True, help="An address to listen on.")
@click.option("--port", default=WITNESS_PORT, show_default=True, type=click.IntRange(0, 65_535))
def witness(directory: Path, name: str | None, logs: tuple[str, ...], host: str, port: int) -> None:
    """Run a witness (C2SP tlog-witness), a program for outsiders to run on their own computer.

    It sees only hashes. It cosigns a checkpoint only if a proof shows that it extends the last one
    that it cosigned. Its directory holds those checkpoints: keep it, and never restore an older
    copy of it. Put a web server with TLS in front of it.
    """
    with opened_witness(directory, name, list(logs)) as cosigner:
        try:
            server = WitnessServer((host, port), cosigner, lambda text: click.echo(text, err=True))
        except OSError as error:
            raise refuse(f"can't listen on {host} port {port}: {error.strerror}.") from None
        with server:
            click.echo(f"Witness at http://{host}:{server.server_address[1]}/add-checkpoint")
            click.echo(f"  its key, for the logs' event.toml and for auditors:\n  {cosigner.key}")
            for origin in cosigner.origins:
                click.echo(f"  cosigns {origin}, {cosigner.size(origin):,} entries so far")
            click.echo("Stop with Ctrl-C.")
            _until_stopped(server)
    click.echo("Stopped.")


def _until_stopped(server: WitnessServer) -> None:
    """Serve until Ctrl-C or SIGTERM; a request that has begun is still answered."""
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    stop.wait()
    server.shutdown()
    thread.join()
