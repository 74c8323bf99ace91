"""`hallkeeper issue`, `reissue` and `print`: badges from the roster to paper."""

import sqlite3
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

import click

from badges.card import CARDS_MAX, Card, MissingGlyphError, render_pdf, undrawable
from badges.command_line import read_file, write_file
from server import issuing
from server.attendees import find_by_label
from server.cli_changed import find_changed, issue_changed, say_changed
from server.command_line import (
    BY,
    count,
    event_option,
    file_path,
    listed,
    opened,
    progress,
    refuse,
    wall_clock,
)
from server.config import Event
from server.database import Database
from server.names import text_in

ISSUE_AT_ONCE = 2_000  # in one transaction: doors' scans wait meanwhile
TEMPLATE_BYTES_MAX = 1_000_000
REASONS = ("lost", "damaged", "changed", "stolen")


@click.command(short_help="Issue badges to those who have none.")
@event_option
@click.option(
    "--changed", is_flag=True, help="Replace the badges that no longer say what is so, instead."
)
@click.option("--dry-run", is_flag=True, help="With --changed: name them all, and replace none.")
def issue(event_dir: Path, changed: bool, dry_run: bool) -> None:
    """Issue a badge for every attendee who has none.

    With --changed, replace the badges of those whose name, organisation, country, category, days or
    zones were changed since: the earlier ones are void from now on.
    """
    if dry_run and not changed:
        raise refuse("--dry-run goes with --changed.")
    if changed:
        issue_changed(event_dir, dry_run)
        return
    with opened(event_dir) as (event, database):
        missing = issuing.missing_badges(database.reader)

        def step(db: sqlite3.Connection) -> int:
            return issuing.issue_missing(db, event, now=wall_clock(), by=BY, limit=ISSUE_AT_ONCE)

        done = 0
        with progress("Issuing", missing) as tell:
            while issued := database.write(step):
                done += issued
                tell(done)
        holders = find_changed(event, database)
    if done:
        click.echo(f"Issued {count(done, 'badge')}. Next: hallkeeper print --out badges.pdf")
    else:
        click.echo("Nobody is without a badge; nothing was issued.")
    if holders:
        say_changed(holders)


@click.command(short_help="Replace badges; the earlier ones are void.")
@click.argument("attendees", metavar="NUMBER…", nargs=-1, required=True)
@event_option
@click.option(
    "--reason",
    type=click.Choice(REASONS),
    required=True,
    help="Stands in the entry log.",
)
def reissue(attendees: tuple[str, ...], event_dir: Path, reason: str) -> None:
    """Replace badges, by badge number or external id: every earlier badge is void from now on."""
    with opened(event_dir) as (event, database):
        serials = _serials(database, attendees)

        def step(db: sqlite3.Connection) -> None:
            for serial in serials:
                issuing.reissue(db, event, serial, reason=reason, now=wall_clock(), by=BY)

        database.write(step)
    click.echo(f"Replaced {count(len(serials), 'badge')}. Print the new ones.")


@click.command("print", short_help="Make a PDF of badges.")
@event_option
@click.option(
    "--out", type=click.Path(dir_okay=False, path_type=Path), required=True, help="The PDF to make."
)
@click.option(
    "--attendee",
    "attendees",
    multiple=True,
    metavar="NUMBER",
    help="A badge number or an external id, once or more; everybody if absent.",
)
@click.option("--template", type=file_path, help="A Typst template instead of the A6 card.")
def print_badges(
    event_dir: Path, out: Path, attendees: tuple[str, ...], template: Path | None
) -> None:
    """Make a PDF with a page for each badge, by name.

    More than 5,000 badges become several files: badges-1.pdf, badges-2.pdf and so on.
    """
    text = read_file(template, TEMPLATE_BYTES_MAX).decode("utf-8", "replace") if template else None
    with opened(event_dir) as (event, database):
        serials = _serials(database, attendees) if attendees else None
        badges = issuing.current_badges(database.reader, serials)
        if not badges:
            raise click.ClickException("there are no badges to print: run `hallkeeper issue`.")
        parts = [badges[at : at + CARDS_MAX] for at in range(0, len(badges), CARDS_MAX)]
        paths = _paths(out, len(parts))
        with progress("Drawing", len(badges)) as tell:
            for number, (path, part) in enumerate(zip(paths, parts, strict=True)):
                cards = (issuing.card(database.reader, event, badge) for badge in part)
                drawn = _draw(event, list(cards), text, partial(_tell, tell, number * CARDS_MAX))
                write_file(path, drawn)
    click.echo(f"{count(len(badges), 'badge')} in {', '.join(map(str, paths))}.")


def _serials(database: Database, labels: Sequence[str]) -> list[int]:
    """Of badge numbers and external ids, each its own argument or separated by commas."""
    wanted = [one.strip() for label in labels for one in label.split(",") if one.strip()]
    return [find_by_label(database.reader, label) for label in wanted]


def _paths(out: Path, parts: int) -> list[Path]:
    """One file, or numbered ones."""
    if parts == 1:
        return [out]
    return [out.with_name(f"{out.stem}-{n}{out.suffix}") for n in range(1, parts + 1)]


def _tell(tell: Callable[[int], None], before: int, done: int, _: int) -> None:
    tell(before + done)


def _draw(
    event: Event,
    cards: Sequence[Card],
    template: str | None,
    tell: Callable[[int, int], None],
) -> bytes:
    """A PDF, or an error that names every card that no font can draw."""
    name = text_in(event.settings.name, "en")
    try:
        return render_pdf(cards, event_name=name, template=template, progress=tell)
    except MissingGlyphError:
        problems = [str(error) for error in undrawable(cards, event_name=name)]
        raise click.ClickException(listed(problems, "nothing was printed:")) from None
