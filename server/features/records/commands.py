import sys
from pathlib import Path

import click

from badges.cli.console import AbsolutePath
from server.console import BY, event_option, opened, refuse, wall_clock
from server.core.entry_log import entry_log
from server.core.entry_log.act_names import Act
from server.core.ledger import entries_files
from server.core.ledger.finding import Filter
from server.core.venue import store


@click.command()
@event_option
@click.option(
    "--csv",
    "csv_path",
    type=AbsolutePath(dir_okay=False, allow_dash=True),
    required=True,
    help="The file to write; - for standard output.",
)
@click.option("--hall", "hall_code", metavar="CODE", help="Entries of this hall alone.")
@click.option("--door", "door_code", metavar="CODE", help="Entries at this door alone.")
def entries(event_dir: Path, csv_path: Path, hall_code: str | None, door_code: str | None) -> None:
    """Write every scan as CSV: who, where, when, and the door's answer.

    People appear by badge number only.
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


def _id_of(ids: dict[str, int], code: str | None, noun: str) -> int | None:
    if code is None:
        return None
    if code not in ids:
        raise refuse(f"there is no {noun} {code!r}; there are {', '.join(ids) or 'none'}.")
    return ids[code]
