"""Starts the server, and does what an admin does at its console with `hallkeeper`. Errors are one
plain sentence.
"""

import socket
import sys
from datetime import date, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import click

from server.cli.attendees.links import links
from server.cli.attendees.mail import mail
from server.cli.attendees.wallet import wallet
from server.cli.audit.commands import audit
from server.cli.backup import backup, move, restore
from server.cli.badges import issue, print_badges, reissue
from server.cli.certificate.commands import certificate
from server.cli.console import BY, Commands, event_option, opened, refuse, wall_clock
from server.cli.desks.printers import printer
from server.cli.imports import import_people, import_venue
from server.cli.kiosks import kiosk
from server.cli.machines.tokens import token
from server.cli.privacy.person import person
from server.cli.privacy.retention import retention
from server.cli.programme.commands import import_exhibitors, import_programme
from server.cli.rehearsal import rehearse, would_enter
from server.cli.sample import sample
from server.cli.servers.commands import servers
from server.cli.servers.status import status
from server.cli.users import user
from server.entry_log import entry_log
from server.entry_log.act_names import Act
from server.event.settings import EventSettings
from server.ledger import entries_files
from server.ledger.finding import Filter
from server.setup.new_event import FIRST_ADMIN, init_event
from server.venue import store


@click.group(cls=Commands)
@click.version_option(package_name="hallkeeper", prog_name="hallkeeper")
def main() -> None:
    """Check people in at the doors of a large event, with or without a network.

    Begin with `hallkeeper init DIR`, or see it all at work with `hallkeeper demo`.
    """


@main.command(short_help="Make a new event.")
@click.argument("directory", metavar="DIR", type=click.Path(path_type=Path))
@click.option("--name", help="The event's name in English; DIR's name if absent.")
@click.option("--name-zh", help="The event's name in Chinese.")
@click.option("--time-zone", help='IANA name such as "Asia/Shanghai"; this machine\'s if absent.')
@click.option("--first-day", type=click.DateTime(["%Y-%m-%d"]), help="Today if absent.")
@click.option("--days", type=int, default=3, show_default=True, help="How many days, 1 to 16.")
@click.option("--public-host", help="What kiosks and phones call this server.")
@click.option("--port", type=int, default=8443, show_default=True)
@click.option(
    "--database",
    metavar="ADDRESS",
    help="An empty database in PostgreSQL, as postgresql://user@host/name without its password, or"
    " a file that holds the address. SQLite in DIR if absent.",
)
def init(
    directory: Path,
    name: str | None,
    name_zh: str | None,
    time_zone: str | None,
    first_day: datetime | None,
    days: int,
    public_host: str | None,
    port: int,
    database: str | None,
) -> None:
    """Make an event in DIR, with its keys, its database, its settings, and the first admin.

    DIR must be new or empty. Keep it backed up and private, because whoever has it can make badges.
    """
    zone = time_zone or machine_zone()
    names = {"en": name or ("" if name_zh else directory.resolve().name), "zh": name_zh or ""}
    settings = EventSettings(
        name={language: text for language, text in names.items() if text},
        time_zone=zone,
        first_day=first_day.date() if first_day else _today(zone),
        days=days,
        public_host=public_host or socket.gethostname(),
        port=port,
    )
    event, password = init_event(directory, settings, postgresql=database)
    click.echo(f"Made the event {' / '.join(settings.name.values())!r} in {directory}.")
    click.echo(
        f"  {days} days from {settings.first_day}, {zone}; kiosks and phones reach it at"
        f" {settings.public_address}\n  Not so? Change {event.path / 'event.toml'} before the"
        " first kiosk is added.\n\nThe first admin signs in with this password, and then chooses"
        f" another. It is shown once and kept nowhere:\n  name      {FIRST_ADMIN}\n"
        f"  password  {password}\n\nNext:\n"
        f"  hallkeeper import-venue VENUE.toml --event {directory}\n"
        f"  hallkeeper import ROSTER.csv --event {directory}\n"
        f"  hallkeeper issue --event {directory}\n"
        f"  hallkeeper serve --event {directory}"
    )


def _today(zone: str) -> date:
    try:
        return datetime.now(ZoneInfo(zone)).date()
    except (ValueError, OSError, KeyError):
        return date(2000, 1, 1)  # The settings refuse this zone later, with a message.


def machine_zone() -> str:
    """Return the IANA name of this machine's time zone, as far as it says one, else UTC."""
    try:
        path = Path("/etc/localtime").resolve(strict=True).as_posix()
    except OSError:
        return "UTC"
    return path.partition("/zoneinfo/")[2].removeprefix("posix/") or "UTC"


for command in (
    sample, import_venue, import_programme, import_exhibitors, import_people, issue, reissue,
    print_badges,
):  # fmt: skip
    main.add_command(command)
for command in (would_enter, rehearse):
    main.add_command(command)


@main.command(short_help="Serve kiosks, phones and staff's pages.")
@event_option
@click.option("--host", help="The address to listen on instead of the event's.")
@click.option("--port", type=int, help="The port to listen on instead of the event's.")
def serve(event_dir: Path, host: str | None, port: int | None) -> None:
    """Serve kiosks, phones and staff's pages, until Ctrl-C."""
    # Loading granian alone takes a while, so other commands don't.
    from server.cli.serve import serve as run

    run(event_dir, host, port)


for command in (links, mail, wallet):
    main.add_command(command)
main.add_command(kiosk)
main.add_command(printer)
main.add_command(user)
main.add_command(token)
main.add_command(certificate)
main.add_command(servers)
main.add_command(status)
main.add_command(backup)
main.add_command(restore)
main.add_command(move)
main.add_command(audit)
main.add_command(person)
main.add_command(retention)


@main.command(short_help="Write every scan as CSV.")
@event_option
@click.option(
    "--csv",
    "csv_path",
    type=click.Path(dir_okay=False, allow_dash=True, path_type=Path),
    required=True,
    help="The file to write; - for standard output.",
)
@click.option("--hall", "hall_code", metavar="CODE", help="Entries of this hall alone.")
@click.option("--door", "door_code", metavar="CODE", help="Entries at this door alone.")
def entries(event_dir: Path, csv_path: Path, hall_code: str | None, door_code: str | None) -> None:
    """Write every scan as CSV, with who, where, when, and what the door answered.

    People appear by badge number alone.
    """
    with opened(event_dir) as (event, database):
        db = database.reader
        wanted = Filter(
            hall_id=_id_of({h.code: h.hall_id for h in store.halls(db)}, hall_code, "hall"),
            door_id=_id_of({d.code: d.door_id for d in store.doors(db)}, door_code, "door"),
        )
        lines = entries_files.csv_lines(db, entries_files.Asked(wanted, event.settings.time_zone))
        subject = {"hall": wanted.hall_id, "door": wanted.door_id}
        exported = Act.ENTRIES_EXPORTED
        database.write(lambda db: entry_log.act(db, BY, exported, subject, wall_clock()))
        if str(csv_path) == "-":
            sys.stdout.writelines(lines)
            return
        try:
            with csv_path.open("w", encoding="utf-8", newline="") as file:
                file.writelines(lines)
        except OSError as error:
            raise refuse(f"{csv_path} can't be written: {error.strerror}.") from None
    click.echo(f"Wrote {csv_path}.")


@main.command(
    short_help="Run a made-up forum here, doors and all.",
    add_help_option=False,
    context_settings={"ignore_unknown_options": True, "allow_extra_args": True},
)
@click.pass_context
def demo(ctx: click.Context) -> None:
    """Run a whole made-up forum here, with a server, and doors that watch films of badges."""
    # The demo draws and plays films, and what it needs for that is loaded only now.
    from server.demo.command import demo as run

    run.main(args=ctx.args, prog_name="hallkeeper demo")


def _id_of(known: dict[str, int], code: str | None, what: str) -> int | None:
    if code is None:
        return None
    if code not in known:
        raise refuse(f"there is no {what} {code!r}; there are {', '.join(known) or 'none'}.")
    return known[code]


if __name__ == "__main__":
    main(prog_name="hallkeeper")
