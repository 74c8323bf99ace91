"""Lists outdated badges, and replaces them with `hallkeeper issue --changed`.

A badge contains its name, so doors show the old one until it is replaced.
"""

from collections.abc import Sequence
from functools import partial
from pathlib import Path

import click

from server.console import BY, count, opened, progress, wall_clock
from server.core.event.directory import Event
from server.core.people import issuing
from server.core.people.attendees import Attendee
from server.core.people.wrong_badges import find_changed
from server.storage.connection import Connection
from server.storage.database import Database

CHANGED_SHOWN = 20
NUMBERS_SHOWN = 50
AT_ONCE = 200  # Replaced in one transaction, which delays doors' scans


def issue_changed(event_dir: Path, dry_run: bool) -> None:
    """Run `hallkeeper issue --changed`."""
    with opened(event_dir) as (event, database):
        holders = find_changed(event, database)
        if not holders:
            click.echo("All badges are up to date; nothing was issued.")
        elif dry_run:
            click.echo(f"{_what_was_so(holders)}:")
            for holder in holders:
                click.echo(f"  {_line(holder)}")
            click.echo("Nothing was issued: this was a dry run.")
        else:
            replace_changed(event, database, holders)


def say_changed(holders: Sequence[Attendee]) -> None:
    click.echo(f"{_what_was_so(holders)}: {_numbers(holders)}")
    for holder in holders[:CHANGED_SHOWN]:
        click.echo(f"  {_line(holder)}")
    if len(holders) > CHANGED_SHOWN:
        click.echo(f"  … and {len(holders) - CHANGED_SHOWN:,} more")
    click.echo(
        "Until they are replaced, doors go by the old badge and show its name, and a card that is"
        " printed has the new one.\n"
        "To see all: hallkeeper issue --changed --dry-run\n"
        "To replace them: hallkeeper issue --changed"
    )


def replace_changed(
    event: Event, database: Database, holders: Sequence[Attendee], *, err: bool = False
) -> None:
    """Replace and list the badges, on stderr if `err`.

    A badge that can't be replaced is reported, and the others continue.
    """
    failed: list[str] = []

    def step(db: Connection, part: Sequence[Attendee]) -> list[Attendee]:
        replaced = []
        for holder in part:
            try:
                issuing.reissue(db, event, holder.serial, reason="changed", now=wall_clock(), by=BY)
            except issuing.IssuingError as error:
                failed.append(f"{holder.number}: {error}")
            else:
                replaced.append(holder)
        return replaced

    done: list[Attendee] = []
    with progress("Replacing", len(holders)) as tell:
        for at in range(0, len(holders), AT_ONCE):
            part = holders[at : at + AT_ONCE]
            done += database.write(partial(step, part=part))
            tell(len(done))
    for problem in failed:
        click.echo(f"Not replaced {problem}", err=True)
    click.echo(
        f"Replaced {count(len(done), 'badge')}, to be printed again: {_numbers(done)}\n"
        "The earlier cards open no door any more.",
        err=err,
    )


def _what_was_so(holders: Sequence[Attendee]) -> str:
    return f"{count(len(holders), 'badge is', 'badges are')} out of date"


def _line(holder: Attendee) -> str:
    suffix = f", id {holder.external_id}" if holder.external_id else ""
    return f"{holder.number}  {holder.name}{suffix}"


def _numbers(holders: Sequence[Attendee]) -> str:
    numbers = " ".join(holder.number for holder in holders[:NUMBERS_SHOWN])
    if len(holders) > NUMBERS_SHOWN:
        numbers += f" and {len(holders) - NUMBERS_SHOWN:,} more"
    return numbers
