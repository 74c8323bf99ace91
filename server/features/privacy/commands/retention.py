from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import click

from server.console import BY, Commands, count, event_option, opened, refuse, wall_clock
from server.core.event import retention as clocks
from server.core.event.calendar import Clock
from server.core.event.retention import CLOCKS, Since
from server.core.people.card_design import DesignError
from server.features.privacy import running

_SINCE = {Since.END: "after the event's end", Since.MADE: "after it was made"}


@click.group(cls=Commands)
def retention() -> None:
    """Set how long each kind of record is kept, and erase expired records.

    Nothing is erased until a period is set. The running server checks once a day.
    """


@retention.command("show", short_help="List the retention periods, and when records expire.")
@event_option
def show(event_dir: Path) -> None:
    """List each kind of record with its retention period and due date."""
    with opened(event_dir) as (event, database):
        settings = clocks.settings(database.reader)
        end = clocks.ends_at(event.settings)
        clock = Clock(ZoneInfo(event.settings.time_zone))
    for kind, clock_of_kind in CLOCKS.items():
        setting = settings.get(kind)
        state = f"off (proposed: {clock_of_kind.proposal} days)"
        if setting is not None:
            state = f"{setting.days} days {_SINCE[clock_of_kind.since]}"
            if clock_of_kind.since is Since.END:
                due: datetime = clock.local(end + setting.days * clocks.DAY_MS)
                state += f", on {due:%Y-%m-%d}"
        click.echo(f"{kind:12}  {state}\n{'':12}  {clock_of_kind.words}")


@retention.command("set", short_help="Set or stop a retention period.")
@event_option
@click.argument("kind")
@click.argument("days")
def set_clock(event_dir: Path, kind: str, days: str) -> None:
    """Erase records of KIND after this many DAYS; `off` keeps them."""
    if days != "off" and not (days.isascii() and days.isdigit() and len(days) < 6):
        raise refuse(f"{days!r} is not a number of days; write for example 90, or off.")
    wanted = None if days == "off" else int(days)
    with opened(event_dir) as (_, database):
        try:
            changed = database.write(
                lambda db: clocks.put(db, {kind: wanted}, by=BY, now=wall_clock())
            )
        except clocks.ClockError as error:
            raise refuse(str(error)) from None
    click.echo(f"{kind}: {days}." if changed else f"{kind}: {days} already.")


@retention.command("run", short_help="Erase expired records.")
@event_option
@click.option("--dry-run", is_flag=True, help="Show expired records, and erase nothing.")
def run(event_dir: Path, dry_run: bool) -> None:
    """Erase all expired records. The running server does the same once a day."""
    with opened(event_dir) as (event, database):
        now = wall_clock()
        try:
            if dry_run:
                pending = running.due(database.reader, event, now=now)
                for item in pending:
                    click.echo(f"{item.clock.kind:12}  {item.count:9,} due")
                click.echo("Nothing was erased." if pending else _NONE_SET)
                return
            done = running.run(database, event, by=BY, now=now)
        except DesignError as error:
            raise refuse(str(error)) from None
    for past in done:
        rest = f", {past.left_over:,} are left over" if past.left_over else ""
        click.echo(f"{past.kind:12}  {past.count:9,} erased{rest}")
    total = sum(past.count for past in done)
    click.echo(f"Erased {count(total, 'record')}." if done else "Nothing is due.")


_NONE_SET = "No retention period is set: see `hallkeeper retention show`."
