import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

import click

from server.console import count, event_option, opened, wall_clock
from server.core.alerts import operations
from server.core.alerts.sources import CORE, STATUS, AlertContext, Source, alerts
from server.core.entry_log import entry_log
from server.core.event import processes
from server.core.event.calendar import ago
from server.core.event.directory import Event
from server.core.event.processes import Process, own_version
from server.core.feed import changes
from server.core.kiosks import addresses, registry, runs
from server.core.second_disk import line, set_back
from server.core.second_disk.line import Awaited
from server.storage import event_state
from server.storage.connection import Connection
from server.storage.engines.state import EngineState, engine_state

HEARD_LATELY_MS = 60_000


@dataclass(frozen=True)
class Status:
    """The state of the event's servers. Contains nothing secret or personal."""

    at: int  # Unix ms
    engine: EngineState
    incarnation: int
    run: str
    begun_by: str
    servers: list[Process]
    addresses: list[str]
    log_size: int
    # The largest of this log's checkpoints that a kiosk verified, and that kiosk.
    seen_by_kiosks: int
    seen_most_by: str
    # Changes that the slowest recently heard kiosk lacks.
    feed_lag: int
    kiosks: int
    kiosks_heard: int
    put_back_at: int | None
    queues: dict[str, int] = field(default_factory=dict)
    unheard: list[str] = field(default_factory=list)
    awaited: list[Awaited] = field(default_factory=list)
    wrong_versions: dict[str, str] = field(default_factory=dict)
    # Kiosks whose version of Hallkeeper is not this program's, which may be no problem.
    other_versions: dict[str, str] = field(default_factory=dict)
    troubles: list[str] = field(default_factory=list)


@click.command()
@click.option("--json", "as_json", is_flag=True, help="For programs.")
@event_option
@click.pass_obj
def status(
    alert_sources: Callable[[], Sequence[Source]] | None, as_json: bool, event_dir: Path
) -> None:
    """Show the servers, the database, the entry log with the kiosks' progress, and all problems.
    Exit status 1 if there are problems.
    """
    with opened(event_dir) as (event, database):
        sources = CORE if alert_sources is None else alert_sources()
        state = look(database.reader, event, wall_clock(), sources)
    if as_json:
        click.echo(json.dumps(asdict(state), ensure_ascii=False))
    else:
        click.echo("\n".join(lines(state, wall_clock())))
    if state.troubles:
        raise SystemExit(1)


def look(db: Connection, event: Event, now: int, sources: Iterable[Source] = CORE) -> Status:
    context = AlertContext(db, event, now)
    newest = runs.newest(db)
    listed = addresses.servers_of(db)
    seen_most_by, seen_by_kiosks = operations.seen_by_kiosks(db)
    (at_work, heard, furthest) = db.execute(
        "SELECT COUNT(*), COALESCE(SUM(CASE WHEN reported_at >= ? THEN 1 ELSE 0 END), 0),"
        " MIN(CASE WHEN reported_at >= ? THEN cursor END) FROM kiosk WHERE state = 'active'",
        (now - HEARD_LATELY_MS, now - HEARD_LATELY_MS),
    ).fetchone()
    put_back = set_back.notice(db)
    return Status(
        at=now,
        engine=engine_state(db, str(event.database_path)),
        incarnation=event_state.incarnation(db),
        run=newest.run,
        begun_by=newest.server,
        servers=processes.all_processes(db),
        addresses=[] if listed is None else [server.text for server in listed.servers],
        log_size=entry_log.size(db),
        seen_by_kiosks=seen_by_kiosks,
        seen_most_by=seen_most_by,
        feed_lag=0 if furthest is None else max(0, changes.cursor(db) - int(furthest)),
        kiosks=int(at_work),
        kiosks_heard=int(heard),
        put_back_at=None if put_back is None else put_back.at,
        queues=operations.long_queues(context),
        unheard=operations.unheard(context),
        awaited=line.awaited(db),
        wrong_versions=operations.wrong_versions(context),
        other_versions=registry.of_other_versions(context.kiosks),
        troubles=[alert.what for alert in alerts(STATUS, context, sources)],
    )


def lines(state: Status, now: int) -> list[str]:
    written = [
        f"Database   {state.engine.about}",
        *_standbys(state.engine),
        f"Servers    {count(sum(item.stopped_at is None for item in state.servers), 'server')}",
        *(_server(item, state, now) for item in state.servers),
        f"Addresses  {', '.join(state.addresses) or 'one, that of the enrolment'}",
        f"Line       server number {state.incarnation}; its newest run was begun by "
        f"{state.begun_by or 'nobody yet'}",
        f"Entry log  {count(state.log_size, 'entry', 'entries')}; kiosks have seen "
        f"{state.seen_by_kiosks}" + (f" ({state.seen_most_by})" if state.seen_most_by else ""),
        f"Kiosks     {state.kiosks} at work, {state.kiosks_heard} heard in the last minute; the "
        f"furthest behind lacks {count(state.feed_lag, 'change')}",
    ]
    if state.other_versions:
        named = ", ".join(f"{kiosk} ({text})" for kiosk, text in state.other_versions.items())
        written.append(f"Versions   {own_version()} here; kiosks of another version: {named}")
    if state.put_back_at is not None:
        written.append(f"Set back   noticed {ago(state.put_back_at, now)}")
    return written + [f"TROUBLE    {item}" for item in state.troubles]


def _standbys(engine: EngineState) -> list[str]:
    if not engine.about.startswith("PostgreSQL"):
        return []
    sure = "waits for one" if engine.synchronous else "waits for none, so a failover may lose"
    return [
        f"Standbys   {count(len(engine.standbys), 'standby', 'standbys')}; a commit {sure}",
        *(f"  {standby.text}" for standby in engine.standbys),
        f"Writers    {engine.waiting} waiting for their turn"
        + (f"; {engine.writer} has had it for {engine.held_s:.1f} s" if engine.writer else ""),
    ]


def _server(process: Process, status: Status, now: int) -> str:
    if process.stopped_at is not None:
        state = f"stopped {ago(process.stopped_at, now)}"
    elif process.is_silent(now):
        state = f"SILENT, last at work {ago(process.seen_at, now)}"
    else:
        state = f"at work, version {process.version}, since {ago(process.started_at, now)}"
    behind = "" if process.run == status.run else ", superseded by a later run"
    return f"  {process.name}  {state}{behind}"
