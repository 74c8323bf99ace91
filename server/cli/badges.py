"""Takes badges from the roster to paper, with `hallkeeper issue`, `reissue` and `print`."""

import itertools
import sys
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from contextlib import closing
from pathlib import Path

import click

from badges.cli.console import read_file, write_file
from badges.printing.card import Card, undrawable
from badges.printing.joining import join_pdfs
from badges.roster.problems import shown
from server.cli.changed import find_changed, issue_changed, say_changed
from server.cli.console import (
    BY,
    count,
    event_option,
    file_path,
    opened,
    progress,
    refuse,
    wall_clock,
)
from server.event.directory import Event
from server.people import attendees as people
from server.people import issuing
from server.people.attendees import find_by_label
from server.people.drawing import CHUNK_CARDS, Design, Drawing
from server.people.issuing import Badge
from server.storage.connection import Connection
from server.storage.database import Database
from server.storage.localized import text_in

PER_FILE = 10_000  # A file of so many has about 50 MB.
PER_FILE_MAX = 20_000
ISSUE_AT_ONCE = 2_000  # In one transaction, for which the doors' scans have to wait.
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

        def step(db: Connection) -> int:
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
    """Replace badges, by badge number or external id. Every earlier badge is void from now on."""
    with opened(event_dir) as (event, database):
        serials = _serials(database, attendees)

        def step(db: Connection) -> None:
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
@click.option(
    "--skip-unprintable",
    is_flag=True,
    help="Print the others where no font draws somebody's name, and say who was left out.",
)
@click.option(
    "--per-file",
    type=click.IntRange(1, PER_FILE_MAX),
    default=PER_FILE,
    show_default=True,
    help="How many badges to a file, at most.",
)
@click.option("--template", type=file_path, help="A Typst template instead of the A6 card.")
def print_badges(
    event_dir: Path,
    out: Path,
    attendees: tuple[str, ...],
    skip_unprintable: bool,
    per_file: int,
    template: Path | None,
) -> None:
    """Make a PDF with a page for each badge, by name.

    More than 10,000 badges become several files: badges-1.pdf, badges-2.pdf and so on. Only you may
    read them: they are full of people's names.
    """
    text = read_file(template, TEMPLATE_BYTES_MAX).decode("utf-8", "replace") if template else None
    with opened(event_dir) as (event, database):
        serials = _serials(database, attendees) if attendees else None
        _refuse_revoked(database, serials or ())
        badges = issuing.current_badges(database.reader, serials)
        if not badges:
            raise click.ClickException("there are no badges to print: run `hallkeeper issue`.")
        cards = _printable(event, database, badges, skip_unprintable)
    parts = [cards[at : at + per_file] for at in range(0, len(cards), per_file)]
    paths = _paths(out, len(parts))
    design = Design(text_in(event.settings.name, "en"), text)
    done = 0
    with (
        progress("Drawing", len(cards)) as tell,
        closing(_drawn(parts, design, tell)) as files,
    ):
        for path, part, drawn in zip(paths, parts, files, strict=True):
            write_file(path, drawn)
            done += len(part)
            if len(parts) > 1 and not sys.stderr.isatty():
                click.echo(f"{path}: {done:,} of {count(len(cards), 'badge')}", err=True)
    with opened(event_dir) as (_, database):
        database.write(lambda db: issuing.note_printed(db, len(cards), by=BY, now=wall_clock()))
    click.echo(f"{count(len(cards), 'badge')} in {', '.join(map(str, paths))}.")


def _serials(database: Database, labels: Sequence[str]) -> list[int]:
    """Find the serials of badge numbers and external ids. Each is its own argument, or they are
    separated by commas.
    """
    wanted = [one.strip() for label in labels for one in label.split(",") if one.strip()]
    return [find_by_label(database.reader, label) for label in wanted]


def _refuse_revoked(database: Database, serials: Sequence[int]) -> None:
    """Refuse to print for those whose badge no door admits."""
    holders = {serial: people.attendee(database.reader, serial) for serial in serials}
    told = [_name(holder) for holder in holders.values() if holder.revoked_at is not None]
    if told:
        raise click.ClickException(
            "\n  ".join(("nothing was printed, because these badges are revoked:", *told))
            + "\nReinstate these attendees on their pages first, or leave them out."
        )


def _paths(out: Path, parts: int) -> list[Path]:
    """Return the path of the one file, or numbered paths for several."""
    if parts == 1:
        return [out]
    return [out.with_name(f"{out.stem}-{n}{out.suffix}") for n in range(1, parts + 1)]


def _drawn(
    parts: Sequence[Sequence[Card]], design: Design, tell: Callable[[int], None]
) -> Generator[bytes, None, None]:
    """Yield each part's PDF. The processes draw the next part while one is written."""
    chunked = [_chunks(part) for part in parts]
    drawing = Drawing([chunk for chunks in chunked for chunk in chunks], design)
    try:
        pdfs = _counted(drawing.pdfs(), [len(chunk) for one in chunked for chunk in one], tell)
        for chunks in chunked:
            yield join_pdfs(itertools.islice(pdfs, len(chunks)))
    finally:
        drawing.cancel()


def _chunks(part: Sequence[Card]) -> list[Sequence[Card]]:
    return [part[at : at + CHUNK_CARDS] for at in range(0, len(part), CHUNK_CARDS)]


def _counted(
    pdfs: Iterable[bytes], sizes: Iterable[int], tell: Callable[[int], None]
) -> Iterator[bytes]:
    """Pass the PDFs on, and tell how many cards are drawn by then."""
    for pdf, done in zip(pdfs, itertools.accumulate(sizes), strict=True):
        tell(done)
        yield pdf


def _printable(
    event: Event, database: Database, badges: Sequence[Badge], skip_unprintable: bool
) -> list[Card]:
    """Return the cards, without those that no font can draw, where they may be left out.

    It says of everybody who has such a card what is in the way. Where that leaves nothing to print,
    or nobody may be left out, it is an error.
    """
    cards = {badge: issuing.card(database.reader, event, badge) for badge in badges}
    errors = undrawable(list(cards.values()), event_name=text_in(event.settings.name, "en"))
    if not errors:
        return list(cards.values())
    badge_of = {card.text: badge for badge, card in cards.items()}
    bad = {badge_of[error.card.text]: error for error in errors if error.card}
    told = [str(error) for error in errors if error.card is None]
    told += [f"{_who(database, badge)}, {error}" for badge, error in bad.items()]
    good = [card for badge, card in cards.items() if badge not in bad]
    if skip_unprintable and good and len(bad) == len(errors):
        click.echo("\n".join(f"Left out {one}." for one in told), err=True)
        click.echo(f"Left out {count(len(bad), 'badge')} that no font can draw.", err=True)
        return good
    remedy = "Install the fonts, or mend the texts and import them again"
    if good and len(bad) == len(errors):
        remedy += f", or print the other {count(len(good), 'badge')} with --skip-unprintable"
    raise click.ClickException("\n  ".join(("nothing was printed:", *told)) + f"\n{remedy}.")


def _who(database: Database, badge: Badge) -> str:
    """Name somebody, with their external id."""
    return _name(people.attendee(database.reader, badge.serial))


def _name(holder: people.Attendee) -> str:
    """Write somebody's name, with their external id."""
    known = f" (id {shown(holder.external_id)[1:-1]})" if holder.external_id else ""
    return f"{shown(holder.name, 80)}{known}"
