"""Starts the server, and does what an admin does at its console with `hallkeeper`. Errors are one
plain sentence.
"""

import socket
import sys
from datetime import date, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import click

from badges.wire import version
from server.cli.console import BY, Commands, event_option, opened, refuse, wall_clock


# All commands together take a second to load, so each is loaded when it is called.
@click.group(cls=Commands)
@click.version_option(package_name="hallkeeper", prog_name="hallkeeper", message=version.SHOWN)
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
    from server.event.settings import EventSettings
    from server.setup.new_event import FIRST_ADMIN, init_event

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


main.add_later("sample", "server.cli.sample:sample", "Write a sample venue and roster.")
main.add_later(
    "import-venue", "server.cli.imports:import_venue",
    "Import halls, doors and sessions.",
)  # fmt: skip
main.add_later(
    "import-programme", "server.cli.programme.commands:import_programme",
    "Import a programme: iCalendar, frab, pretalx.",
)  # fmt: skip
main.add_later(
    "import-exhibitors", "server.cli.programme.commands:import_exhibitors",
    "Import exhibitors and stands from CSV or XLSX.",
)  # fmt: skip
main.add_later("import", "server.cli.imports:import_people", "Import attendees from CSV or XLSX.")
main.add_later("issue", "server.cli.badges:issue", "Issue badges to those who have none.")
main.add_later("reissue", "server.cli.badges:reissue", "Replace badges; the earlier ones are void.")
main.add_later("print", "server.cli.badges:print_badges", "Make a PDF of badges.")
main.add_later(
    "would-enter", "server.cli.rehearsal:would_enter",
    "Say whether somebody would be let in, and why not.",
)  # fmt: skip
main.add_later(
    "rehearse", "server.cli.rehearsal:rehearse",
    "Play a day through with the whole roster.",
)  # fmt: skip


@main.command(short_help="Serve kiosks, phones and staff's pages.")
@event_option
@click.option("--host", help="The address to listen on instead of the event's.")
@click.option("--port", type=int, help="The port to listen on instead of the event's.")
def serve(event_dir: Path, host: str | None, port: int | None) -> None:
    """Serve kiosks, phones and staff's pages, until Ctrl-C."""
    # Loading granian alone takes a while, so other commands don't.
    from server.cli.serve import serve as run

    run(event_dir, host, port)


main.add_later("links", "server.cli.attendees.links:links", "Write everybody's link as CSV.")
main.add_later(
    "mail", "server.cli.attendees.mail:mail",
    "Send attendees their badges by mail (docs/mail.md).",
)  # fmt: skip
main.add_later(
    "wallet", "server.cli.attendees.wallet:wallet",
    "Let attendees keep badges in a wallet (docs/wallet.md).",
)  # fmt: skip
main.add_later(
    "kiosk", "server.cli.kiosks:kiosk",
    "Add, confirm and retire the kiosks at the doors.",
)  # fmt: skip
main.add_later(
    "printer", "server.cli.desks.printers:printer",
    "Set up the badge desks' printers, and see how they are.",
)  # fmt: skip
main.add_later(
    "user", "server.cli.users:user",
    "Add and list the people who may sign in to the pages.",
)  # fmt: skip
main.add_later(
    "token", "server.cli.machines.tokens:token",
    "Make, list and revoke other machines' tokens.",
)  # fmt: skip
main.add_later(
    "certificate", "server.cli.certificate.commands:certificate",
    "Show the server's certificate, or install another.",
)  # fmt: skip
main.add_later(
    "servers", "server.cli.servers.commands:servers",
    "Say where the event's servers are.",
)  # fmt: skip
main.add_later(
    "status", "server.cli.servers.status:status",
    "Say how the servers and their database are.",
)  # fmt: skip
main.add_later(
    "backup", "server.cli.backup:backup",
    "Copy the event, keys and all, while it is served.",
)  # fmt: skip
main.add_later(
    "restore", "server.cli.backup:restore",
    "Make the event's server again from a backup.",
)  # fmt: skip
main.add_later("move", "server.cli.backup:move", "Move the event to PostgreSQL, or back.")
main.add_later(
    "audit", "server.cli.audit.commands:audit",
    "Export, verify and prove the entry log.",
)  # fmt: skip
main.add_later("person", "server.cli.privacy.person:person", "Export or erase one person's data.")
main.add_later(
    "retention", "server.cli.privacy.retention:retention",
    "Say how long which records are kept.",
)  # fmt: skip


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
    from server.entry_log import entry_log
    from server.entry_log.act_names import Act
    from server.ledger import entries_files
    from server.ledger.finding import Filter
    from server.venue import store

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
