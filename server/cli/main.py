"""The `hallkeeper` command. Errors are one plain sentence."""

import socket
from datetime import date, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import click

from badges.cli.console import AbsolutePath
from badges.wire import version
from server.app.features import alert_sources, commands
from server.console import Commands, event_option, start_command


# Importing all commands takes a second, so each is imported when called.
@click.group(cls=Commands)
@click.version_option(package_name="hallkeeper", prog_name="hallkeeper", message=version.SHOWN)
@click.pass_context
def main(ctx: click.Context) -> None:
    """Check people in at the doors of a large event, with or without a network.

    Begin with `hallkeeper init DIR`, or see it all at work with `hallkeeper demo`.
    """
    ctx.obj = alert_sources  # for `status`, since core knows no feature


@main.command(short_help="Make a new event.")
@click.argument("directory", metavar="DIR", type=AbsolutePath())
@click.option("--name", help="The event's name in English; DIR's name if absent.")
@click.option("--name-zh", help="The event's name in Chinese.")
@click.option("--time-zone", help='IANA name such as "Asia/Shanghai"; this computer\'s if absent.')
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

    DIR must be new or empty. Keep it backed up and private, because its keys can make badges.
    """
    from server.app.new_event import FIRST_ADMIN, init_event
    from server.core.event.settings import EventSettings

    zone = time_zone or local_zone()
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
        f"  {start_command(directory)}\n"
        f"  then {settings.public_address}/admin/start shows the steps until doors open.\n"
        "  (Browsers warn once of the server's own certificate.)\n"
        "Or on the command line: hallkeeper import-venue, import, issue and print."
    )


def _today(zone: str) -> date:
    try:
        return datetime.now(ZoneInfo(zone)).date()
    except (ValueError, OSError, KeyError):
        return date(2000, 1, 1)  # the settings refuse this zone later, with a message


def local_zone() -> str:
    """Return the IANA name of this computer's time zone, else UTC."""
    try:
        path = Path("/etc/localtime").resolve(strict=True).as_posix()
    except OSError:
        return "UTC"
    return path.partition("/zoneinfo/")[2].removeprefix("posix/") or "UTC"


for command in commands():
    main.add_later(*command)


@main.command(short_help="Serve kiosks, phones and staff's pages.")
@event_option
@click.option("--host", help="The address to listen on instead of the event's.")
@click.option("--port", type=int, help="The port to listen on instead of the event's.")
def serve(event_dir: Path, host: str | None, port: int | None) -> None:
    """Serve kiosks, phones and staff's pages, until Ctrl-C."""
    # granian is slow to import
    from server.app.serve import serve as run

    run(event_dir, host, port)


@main.command(
    short_help="Run a made-up forum here, doors and all.",
    add_help_option=False,
    context_settings={"ignore_unknown_options": True, "allow_extra_args": True},
)
@click.pass_context
def demo(ctx: click.Context) -> None:
    """Run a whole made-up forum here, with a server, and doors that watch films of badges."""
    # imports the film code, which is slow
    from server.demo.command import demo as run

    run.main(args=ctx.args, prog_name="hallkeeper demo")


if __name__ == "__main__":
    main(prog_name="hallkeeper")
