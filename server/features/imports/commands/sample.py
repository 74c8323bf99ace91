import shlex
from datetime import UTC, datetime
from pathlib import Path

import click

from badges.cli.console import AbsolutePath
from server.console import refuse
from server.features.imports.sample import DAYS, SampleThereError, write_sample


@click.command()
@click.argument("directory", metavar="DIR", type=AbsolutePath())
@click.option(
    "--first-day", type=click.DateTime(["%Y-%m-%d"]), help="Of its programme; today if absent."
)
@click.option("--force", is_flag=True, help="Write over sample files that are there.")
def sample(directory: Path, first_day: datetime | None, force: bool) -> None:
    """Write files of a fictional forum into DIR, to try and to change.

    venue.toml and venue.xlsx have halls, doors, sessions and rules, roster.csv and roster.xlsx
    people, and guests.toml invitations. docs/venue-file.md explains each column of a venue.
    """
    day = (first_day or datetime.now(UTC).astimezone()).date()
    try:
        paths = write_sample(directory, day, force=force)
    except SampleThereError as error:
        raise refuse(
            f"{error} {'exists' if len(error.paths) == 1 else 'exist'}: nothing was written. "
            "Name another directory, or write over them with --force."
        ) from None
    except OSError as error:
        raise refuse(f"{directory} can't be written: {error.strerror}.") from None
    at = shlex.quote
    event = f"--event {at(str(directory / 'event'))}"
    venue, _, roster, _, guests = (at(str(path)) for path in paths)
    click.echo(f"Wrote {', '.join(map(str, paths))}.\n\nTry them:")
    click.echo(
        f"  hallkeeper init {at(str(directory / 'event'))} --name 'Sample Forum' --name-zh 示例论坛"
        f" --first-day {day} --days {DAYS}\n"
        f"  hallkeeper import-venue {venue} {event}  # or venue.xlsx\n"
        f"  hallkeeper import {roster} {event}  # or roster.xlsx\n"
        f"  hallkeeper import-venue {guests} {event}  # names people: after the roster\n"
        f"  hallkeeper issue {event}\n"
        f"  hallkeeper print --out {at(str(directory / 'badges.pdf'))} {event}"
    )
