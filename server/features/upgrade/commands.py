from collections.abc import Callable, Sequence
from contextlib import closing
from pathlib import Path

import click

from badges.wire.version import OWN
from server.console import count, event_option, opened, wall_clock
from server.core.event import processes
from server.core.event.calendar import ago
from server.core.event.directory import load_event, read_event
from server.core.event.processes import Process, own_version
from server.core.kiosks import registry
from server.core.kiosks.registry import KioskRow
from server.core.occupancy.grants import LIVE_MS
from server.features.upgrade import estimate
from server.storage import migrations
from server.storage.connection import Connection
from server.storage.engines.state import engine_state
from server.storage.migrations import Kind, Plan, Step
from server.storage.opening import connect, connect_to_read

FINISH = "`hallkeeper upgrade finish`"


@click.command()
@click.argument("action", type=click.Choice(["show", "check", "finish"]), default="show")
@click.option("--yes", is_flag=True, help="For finish: silent servers are known to be stopped.")
@event_option
def upgrade(action: str, yes: bool, event_dir: Path) -> None:
    """Upgrade the event to this version of Hallkeeper, and show how far it is.

    \b
    upgrade         prepare the event's tables for this version, as a start of
                    the server does, and show versions and what is left to do
    upgrade check   show beforehand what this version would change, how long
                    that takes, and whether the way back is open; change nothing
    upgrade finish  when all servers have this version: remove what only the
                    version before needs
    """
    actions: dict[str, Callable[[], None]] = {
        "show": lambda: _show(event_dir),
        "check": lambda: _check(event_dir),
        "finish": lambda: _finish(event_dir, yes),
    }
    actions[action]()


def _check(event_dir: Path) -> None:
    event = read_event(event_dir)
    with closing(connect_to_read(event.database_path)) as db:
        migrations.check_made(db, event.database_path)
        plan = migrations.plan(db)
        lines = [
            f"Version    {own_version()} here; the servers at work have "
            f"{', '.join(_versions_at_work(db)) or 'none'}",
            f"Database   {engine_state(db, str(event.database_path)).about}",
            *_steps(db, "Now        ", plan.at_open, "nothing to change"),
            *_steps(db, "Later      ", plan.by_finish, "nothing to remove"),
        ]
    click.echo("\n".join([*lines, *_way_back(plan), "Nothing was changed."]))


def _steps(db: Connection, title: str, steps: Sequence[Step], none: str) -> list[str]:
    if not steps:
        return [f"{title}{none}"]
    rows = {step: estimate.rows_of(db, step) for step in steps}
    lines = [f"{title}{count(len(steps), 'step')}, {estimate.duration(sum(rows.values()))}"]
    for step, number in rows.items():
        size = f" ({count(number, 'row')}, {estimate.duration(number)})" if number else ""
        lines.append(f"  {step.name}  {step.kind.value}  {step.purpose}{size}")
    return lines


def _way_back(plan: Plan) -> list[str]:
    """Whether the version before can be started again."""
    if any(step.kind is Kind.CONTRACT for step in plan.at_open):
        return [
            "Way back   closed: an earlier upgrade was not finished, which this version does first"
        ]
    if any(step not in plan.by_finish for step in _own_removals()):
        return [f"Way back   closed by {FINISH}: the version before needs a backup from before it"]
    if plan.by_finish:
        return [f"Way back   open until {FINISH}: the version before works with these tables"]
    return ["Way back   open: the version before works with these tables"]


def _own_removals() -> list[Step]:
    """Return the contract steps of this program's release."""
    release = ".".join(own_version().split(".")[:2])
    return [
        step for step in migrations.STEPS if step.kind is Kind.CONTRACT and step.since == release
    ]


def _versions_at_work(db: Connection) -> list[str]:
    """Read so that it works before this version's steps, too."""
    since = wall_clock() - migrations.SILENT_MS
    rows = db.execute(
        "SELECT DISTINCT version FROM server_process WHERE stopped_at IS NULL AND seen_at >= ?"
        " ORDER BY version",
        (since,),
    )
    return [row["version"] for row in rows]


def _show(event_dir: Path) -> None:
    with opened(event_dir) as (_, database):
        db, now = database.reader, wall_clock()
        plan = migrations.plan(db)
        lines = [
            f"Version    {own_version()}, protocol version {OWN.newest} "
            f"(understands {OWN.oldest} and later)",
            _tables(plan),
            *_way_back(plan),
            *_steps(db, "Finish     ", plan.by_finish, "nothing to remove"),
            *_servers(db, now),
            *_kiosks(registry.kiosks(db), now),
        ]
    click.echo("\n".join(lines))


def _tables(plan: Plan) -> str:
    if plan.newer:
        return f"Tables     prepared for a newer version, too: {', '.join(plan.newer)}"
    return "Tables     prepared for this version"


def _servers(db: Connection, now: int) -> list[str]:
    running = [server for server in processes.all_processes(db) if server.stopped_at is None]
    return [
        f"Servers    {len(running)}",
        *(f"  {server.name}  version {server.version}, {_seen(server, now)}" for server in running),
    ]


def _seen(server: Process, now: int) -> str:
    return f"{'SILENT' if server.is_silent(now) else 'at work'}, {ago(server.seen_at, now)}"


def _kiosks(rows: Sequence[KioskRow], now: int) -> list[str]:
    active = [row for row in rows if row.state == "active"]
    others = registry.of_other_versions(active)
    heard = sum(row.seen_at is not None and now - row.seen_at <= LIVE_MS for row in active)
    lines = [
        f"Kiosks     {len(active)}, {heard} in contact, {len(others)} of another version",
    ]
    return [*lines, *(f"  {kiosk}  version {version}" for kiosk, version in others.items())]


def _finish(event_dir: Path, yes: bool) -> None:
    event = load_event(event_dir)
    with closing(connect(event.database_path)) as db:
        plan = migrations.plan(db)
        if not plan.by_finish:
            click.echo("Nothing to finish. The way back to the version before stays open.")
            return
        click.echo("\n".join(_steps(db, "Finish     ", plan.by_finish, "")))
        silent = _silent(db, plan.by_finish)
        for server in silent:
            click.echo(
                f"Server {server.name} (version {server.version}) was last at work "
                f"{ago(server.seen_at, wall_clock())}, and has not reported that it stopped."
            )
        if silent and not yes:
            click.confirm("Is it certain that none of these runs?", abort=True)
        migrations.finish(db)
    click.echo("Finished. The version before can't use this event any more.")


def _silent(db: Connection, steps: Sequence[Step]) -> list[Process]:
    """Return the servers of an earlier version that may still run, out of the database's reach."""
    return [
        server
        for server in processes.all_processes(db)
        if server.is_silent(wall_clock())
        and not all(migrations.knows(server.knows, step) for step in steps)
    ]
