from collections import defaultdict
from collections.abc import Collection, Sequence

import click

from server.features.imports.venue_preview import Preview

SHOWN_MAX = 50  # Of each list; --json has all


def say_preview(effects: Preview, name: str, kinds: Collection[str] | None, dry_run: bool) -> None:
    """Print an import's effects. Lists what file `name` lacks, of `kinds` only, or of all if
    None.
    """
    would = "Would " if dry_run else ""
    for verb, things in ((f"{would}add".capitalize(), effects.added),
                         (f"{would}remove".capitalize(), effects.removed)):  # fmt: skip
        by_kind = defaultdict(list)
        for thing in things:
            by_kind[thing.kind].append(f"{thing.code} ({thing.name})" if thing.name else thing.code)
        for kind, texts in by_kind.items():
            click.echo(f"{verb} {kind} {len(texts):,}: {_some(texts)}")
    changed = defaultdict(list)
    for change in effects.changed:
        changed[change.kind, change.code].append(
            f"{change.field} {change.old or 'nothing'} → {change.new or 'nothing'}"
        )
    for number, ((kind, code), texts) in enumerate(changed.items()):
        if number == SHOWN_MAX:
            click.echo(f"… and {len(changed) - SHOWN_MAX:,} more changes (--json has all)")
            break
        click.echo(f"{f'{would}change'.capitalize()} {kind} {code}: {'; '.join(texts)}")
    click.echo(f"Unchanged: {effects.unchanged:,}")
    missing = defaultdict(list)
    for thing in effects.missing:
        if kinds is None or thing.kind in kinds:
            missing[thing.kind].append(thing.code)
    for kind, texts in missing.items():
        click.echo(f"Not in {name}, and kept: {kind} {len(texts):,}: {_some(texts)}")
    for warning in effects.warnings:
        click.echo(f"Note: {warning}.", err=True)
    if dry_run:
        click.echo("Nothing was imported: this was a dry run.")


def _some(texts: Sequence[str]) -> str:
    more = len(texts) - SHOWN_MAX
    return ", ".join(texts[:SHOWN_MAX]) + (
        f" and {more:,} more (--json has all)" if more > 0 else ""
    )
