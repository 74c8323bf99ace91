"""The command `hallkeeper links`, for mail merges by another program."""

from pathlib import Path

import click

from badges.cli.console import AbsolutePath, write_file
from server.console import BY, count, event_option, opened, wall_clock
from server.features.mail import links_csv


@click.command()
@event_option
@click.option("--out", type=AbsolutePath(dir_okay=False), required=True, help="The CSV to make.")
def links(event_dir: Path, out: Path) -> None:
    """Write name, e-mail address, language and link of everyone with a badge as CSV.

    The file has personal data, and each link opens a badge. Only you may read it.
    """
    with opened(event_dir) as (event, database):
        rows = links_csv.links(database.reader, event)
        write_file(out, "".join(links_csv.csv_lines(rows)).encode())
        database.write(lambda db: links_csv.note_exported(db, len(rows), by=BY, now=wall_clock()))
    click.echo(f"{count(len(rows), 'link')} in {out}. {links_csv.NOTE}")
