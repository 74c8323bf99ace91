import itertools
import sys
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

import click

from badges.cli.console import AbsolutePath, write_file
from badges.printing.card import Card, forget_drawn, layout_notes, render_pngs, undrawable
from badges.printing.joining import join_pdfs
from badges.printing.look import FORMATS, Look
from badges.roster.problems import shown
from server.console import BY, count, event_option, opened, progress, refuse, wall_clock
from server.core.event.directory import Event
from server.core.people import attendees as people
from server.core.people import cards, issuing
from server.core.people.attendees import find_by_label
from server.core.people.card_design import (
    CardDesign,
    find_template,
    read_design,
    read_pretix_layout,
    read_template,
)
from server.core.people.cards import Choice, PrintedBadge
from server.core.people.wrong_badges import find_changed
from server.core.venue.store import categories as categories_of
from server.features.cards.drawing import CHUNK_CARDS, Drawing
from server.features.imports.commands.changed_badges import issue_changed, say_changed
from server.storage.connection import Connection
from server.storage.database import Database

PER_FILE = 10_000
PER_FILE_MAX = 20_000
PNGS_MAX = 500
PNGS_AT_ONCE = 20
LATIN_SHOWN = 20
ISSUE_AT_ONCE = 2_000  # In one transaction, which delays the doors' scans

F = TypeVar("F", bound=Callable[..., Any])


def _options(options: Sequence[Callable[[F], F]]) -> Callable[[F], F]:
    def add(command: F) -> F:
        for option in reversed(options):
            command = option(command)
        return command

    return add


@click.command()
@event_option
@click.option("--changed", is_flag=True, help="Instead, replace outdated badges.")
@click.option("--dry-run", is_flag=True, help="With --changed: name them all, and replace none.")
def issue(event_dir: Path, changed: bool, dry_run: bool) -> None:
    """Issue a badge for every attendee without one.

    With --changed, replace the badges of those whose name, organisation, country, category, days or
    zones have changed: the earlier badges are void from now on.
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
        click.echo("Everyone has a badge; nothing was issued.")
    if holders:
        say_changed(holders)


@click.command()
@click.argument("attendees", metavar="NUMBER…", nargs=-1, required=True)
@event_option
@click.option(
    "--reason",
    type=click.Choice(issuing.REISSUE_REASONS),
    required=True,
    help="Recorded in the entry log.",
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


_ATTENDEES = click.option(
    "--attendee",
    "attendees",
    multiple=True,
    metavar="NUMBER",
    help="A badge number or an external id, once or more; everyone if absent.",
)
_CHOICE = (
    click.option("--category", "categories", multiple=True, help="Only these; once or more."),
    click.option("--organisation", "organisations", multiple=True, help="Only these."),
    click.option("--not-printed", is_flag=True, help="Only badges that were never printed."),
    click.option("--changed", is_flag=True, help="Only those that have changed since."),
    click.option("--order", type=click.Choice(list(cards.ORDERS)), default="name"),
)
_FILE = AbsolutePath(exists=True, dir_okay=False)
_DESIGN = (
    click.option("--format", "format_name", type=click.Choice(list(FORMATS)), help="The paper."),
    click.option("--back/--no-back", default=None, help="Print the backs too, or not."),
    click.option("--layer-only", is_flag=True, help="For shells that have colour and logos."),
    click.option("--template", help="A Typst template, by path or by its name in DIR/cards."),
    click.option("--pretix-layout", type=_FILE, help="A layout of pretix' badge editor, as JSON."),
    click.option("--background", type=_FILE, help="The PDF under the layout of pretix."),
    click.option("--dpi", type=click.IntRange(30, 1200), default=300, help="Of PNGs."),
)


@click.command("print")
@event_option
@click.option(
    "--out",
    type=AbsolutePath(dir_okay=False),
    required=True,
    help="The PDF to make, or PNGs where it ends in .png.",
)
@_ATTENDEES
@_options(_CHOICE)
@click.option(
    "--skip-unprintable",
    is_flag=True,
    help="Leave out people whose name no font can draw, and list them.",
)
@click.option(
    "--per-file",
    type=click.IntRange(1, PER_FILE_MAX),
    default=PER_FILE,
    show_default=True,
    help="How many badges to a file, at most.",
)
@_options(_DESIGN)
def print_badges(
    event_dir: Path,
    out: Path,
    attendees: tuple[str, ...],
    skip_unprintable: bool,
    per_file: int,
    dpi: int,
    **options: Any,
) -> None:
    """Make a PDF with a page for each badge, by name.

    More than 10,000 badges become several files: badges-1.pdf, badges-2.pdf and so on. Only you may
    read them: they are full of people's names. DIR/cards/cards.toml has the design.
    """
    with opened(event_dir) as (event, database):
        design = _design(
            event,
            **{name: options.pop(name) for name in (
                "format_name", "back", "layer_only", "template", "pretix_layout", "background"
            )},
        )  # fmt: skip
        printed = _chosen(event, database, attendees, Choice(**options), design)
        printed = _printable(printed, design.look, skip_unprintable)
    write = _write_pngs if out.suffix.lower() == ".png" else _write_pdfs
    paths = write(out, [badge.card for badge in printed], design.look, per_file, dpi)
    with opened(event_dir) as (_, database):
        again = database.write(lambda db: cards.note_printed(db, printed, by=BY, now=wall_clock()))
    repeated = f", of which {again:,} were printed before" if again else ""
    where = ", ".join(map(str, paths if len(paths) <= 12 else (*paths[:2], "…", paths[-1])))
    click.echo(f"{count(len(printed), 'badge')} in {where}{repeated}.")
    _say_latin(printed)


def _design(
    event: Event,
    format_name: str | None,
    back: bool | None,
    layer_only: bool,
    template: str | None,
    pretix_layout: Path | None,
    background: Path | None,
) -> CardDesign:
    """Combine settings and options. Report where a pretix layout is printed differently."""
    if background and not pretix_layout:
        raise refuse("--background goes with --pretix-layout.")
    if pretix_layout and template:
        raise refuse("--pretix-layout and --template don't go together: leave one out.")
    design = read_design(event, format_name=format_name or "", back=back, layer_only=layer_only)
    look = design.look
    if template:
        text = read_template(find_template(event, template))
        look = replace(look, template=text, layout=None)
    elif pretix_layout:
        layout = read_pretix_layout(pretix_layout, background, format_name or "a6")
        look = replace(look, layout=layout)
    for note in layout_notes(look.layout) if look.layout else ():
        click.echo(f"{pretix_layout or 'The layout'}: {note}", err=True)
    return replace(design, look=look)


def _chosen(
    event: Event,
    database: Database,
    attendees: Sequence[str],
    choice: Choice,
    design: CardDesign,
) -> list[PrintedBadge]:
    """Raises ClickException if there are no badges to print."""
    db = database.reader
    codes = {category.key: category.code for category in categories_of(db)}
    for key in choice.categories:
        if key not in codes:
            raise refuse(f"There is no category {key!r}: known are {', '.join(codes)}.")
    serials = _serials(database, attendees) if attendees else None
    _refuse_revoked(database, serials or ())
    badges = issuing.current_badges(db, serials)
    if not badges:
        raise click.ClickException("there are no badges to print: run `hallkeeper issue`.")
    badges_found = cards.read(db, event, badges, lines=design.lines, photo=design.photo_of())
    badges_found = cards.chosen(badges_found, choice, codes)
    if not badges_found:
        raise click.ClickException("none of the badges is as asked; nothing was printed.")
    return badges_found


def _say_latin(printed: Sequence[PrintedBadge]) -> None:
    transliterated = [badge for badge in printed if badge.made_latin]
    lacking = [badge for badge in printed if badge.lacks_latin]
    for several, remark in (
        (transliterated, "transliterated, for correction in the roster's column latin_name"),
        (lacking, "without a Latin line, which the roster's column latin_name can give"),
    ):
        if several:
            click.echo(f"{count(len(several), 'name')} {remark}:")
            for badge in several[:LATIN_SHOWN]:
                latin = f": {badge.made_latin}" if badge.made_latin else ""
                click.echo(f"  {_name(badge.holder)}{latin}")
            if len(several) > LATIN_SHOWN:
                click.echo(f"  … and {len(several) - LATIN_SHOWN:,} more")


def _write_pdfs(
    out: Path, to_draw: Sequence[Card], look: Look, per_file: int, _: int
) -> list[Path]:
    parts = [to_draw[at : at + per_file] for at in range(0, len(to_draw), per_file)]
    paths = _paths(out, len(parts))
    done = 0
    with (
        progress("Drawing", len(to_draw)) as tell,
        closing(_drawn(parts, look, tell)) as files,
    ):
        for path, part, drawn in zip(paths, parts, files, strict=True):
            write_file(path, drawn)
            done += len(part)
            if len(parts) > 1 and not sys.stderr.isatty():
                click.echo(f"{path}: {done:,} of {count(len(to_draw), 'badge')}", err=True)
    return paths


def _write_pngs(out: Path, to_draw: Sequence[Card], look: Look, _: int, dpi: int) -> list[Path]:
    if len(to_draw) > PNGS_MAX:
        raise refuse(f"{len(to_draw):,} badges are too many for pictures: print them as a PDF.")
    pictures: list[Path] = []
    sides = len(look.layout.pages) if look.layout else 1 if look.back is None else 2
    several = len(to_draw) > 1 or sides > 1
    with progress("Drawing", len(to_draw)) as tell:
        for at in range(0, len(to_draw), PNGS_AT_ONCE):
            for png in render_pngs(to_draw[at : at + PNGS_AT_ONCE], look, dpi):
                number = len(pictures) + 1
                path = out.with_name(f"{out.stem}-{number:04}{out.suffix}") if several else out
                write_file(path, png)
                pictures.append(path)
            forget_drawn()
            tell(min(at + PNGS_AT_ONCE, len(to_draw)))
    return pictures


def _serials(database: Database, labels: Sequence[str]) -> list[int]:
    """Find serials by badge numbers and external ids, which may be separated by commas."""
    wanted = [part.strip() for label in labels for part in label.split(",") if part.strip()]
    return [find_by_label(database.reader, label) for label in wanted]


def _refuse_revoked(database: Database, serials: Sequence[int]) -> None:
    holders = {serial: people.attendee(database.reader, serial) for serial in serials}
    revoked = [_name(holder) for holder in holders.values() if holder.revoked_at is not None]
    if revoked:
        raise click.ClickException(
            "\n  ".join(("nothing was printed, because these badges are revoked:", *revoked))
            + "\nReinstate these attendees on their pages first, or leave them out."
        )


def _paths(out: Path, parts: int) -> list[Path]:
    """Return the path of the only file, or numbered paths."""
    if parts == 1:
        return [out]
    return [out.with_name(f"{out.stem}-{n}{out.suffix}") for n in range(1, parts + 1)]


def _drawn(
    parts: Sequence[Sequence[Card]], look: Look, tell: Callable[[int], None]
) -> Generator[bytes, None, None]:
    """Yield each part's PDF, while the processes draw the next."""
    chunked = [_chunks(part) for part in parts]
    drawing = Drawing([chunk for chunks in chunked for chunk in chunks], look)
    try:
        pdfs = _counted(
            drawing.pdfs(),
            [len(chunk) for chunks in chunked for chunk in chunks],
            tell,
        )
        for chunks in chunked:
            yield join_pdfs(itertools.islice(pdfs, len(chunks)))
    finally:
        drawing.cancel()


def _chunks(part: Sequence[Card]) -> list[Sequence[Card]]:
    return [part[at : at + CHUNK_CARDS] for at in range(0, len(part), CHUNK_CARDS)]


def _counted(
    pdfs: Iterable[bytes], sizes: Iterable[int], tell: Callable[[int], None]
) -> Iterator[bytes]:
    for pdf, done in zip(pdfs, itertools.accumulate(sizes), strict=True):
        tell(done)
        yield pdf


def _printable(
    badges: Sequence[PrintedBadge], look: Look, skip_unprintable: bool
) -> list[PrintedBadge]:
    """Leave out, and report, badges that no font can draw.

    Raises ClickException if none may be left out, or none is left.
    """
    errors = undrawable([badge.card for badge in badges], look)
    if not errors:
        return list(badges)
    one_of = {badge.card.text: badge for badge in badges}
    bad = {error.card.text: error for error in errors if error.card}
    reasons = [str(error) for error in errors if error.card is None]
    reasons += [f"{_name(one_of[text].holder)}, {error}" for text, error in bad.items()]
    good = [badge for badge in badges if badge.card.text not in bad]
    if skip_unprintable and good and len(bad) == len(errors):
        click.echo("\n".join(f"Left out {badge}." for badge in reasons), err=True)
        click.echo(f"Left out {count(len(bad), 'badge')} that no font can draw.", err=True)
        return good
    remedy = "Install the fonts, or correct the texts and import them again"
    if good and len(bad) == len(errors):
        remedy += f", or print the other {count(len(good), 'badge')} with --skip-unprintable"
    raise click.ClickException("\n  ".join(("nothing was printed:", *reasons)) + f"\n{remedy}.")


def _name(holder: people.Attendee) -> str:
    suffix = f" (id {shown(holder.external_id)[1:-1]})" if holder.external_id else ""
    return f"{shown(holder.name, 80)}{suffix}"
