"""Defines `hallkeeper status`, which says how the servers and their database are."""

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path

import click

from server.console import count, event_option, opened, wall_clock
from server.core.entry_log import entry_log
from server.core.event import processes
from server.core.event.calendar import ago
from server.core.event.directory import Event
from server.core.event.processes import Process
from server.core.feed import changes
from server.core.kiosks import addresses, registry, runs
from server.core.second_disk import line, set_back
from server.core.second_disk.line import Awaited
from server.features.kiosks.commands import wrong_version
from server.storage import event_state
from server.storage.connection import Connection
from server.storage.engines.state import EngineState, engine_state
from server.storage.localized import names_of, text_in

HEARD_LATELY_MS = 60_000
HEARD_TODAY_MS = 3_600_000  # A kiosk that was heard within this time was at work.
TURN_MAX_S = 10.0


@dataclass(frozen=True)
class Status:
    """Holds how the event's servers are. It has no secret and nothing personal."""

    at: int  # Unix ms
    engine: EngineState
    incarnation: int
    run: str
    begun_by: str
    servers: list[Process]
    addresses: list[str]
    log_size: int
    # The most entries that a kiosk has verified in a checkpoint of this log, and which kiosk.
    seen_by_kiosks: int
    seen_most_by: str
    # How far behind the kiosk is that is furthest behind, of those that were heard lately.
    feed_lag: int
    kiosks: int
    kiosks_heard: int
    put_back_at: int | None
    # Kiosks of which more scans wait than the event's settings allow, with how many, and kiosks
    # that were at work within the last hour and are not heard any more.
    queues: dict[str, int] = field(default_factory=dict)
    unheard: list[str] = field(default_factory=list)
    awaited: list[Awaited] = field(default_factory=list)
    # Kiosks whose version of the wire does not fit, each with what to do.
    wrong_versions: dict[str, str] = field(default_factory=dict)

    @property
    def silent(self) -> list[Process]:
        """Return the servers that are not heard, and in whose place no other one works."""
        at_work = {
            one.address
            for one in self.servers
            if one.stopped_at is None and not one.is_silent(self.at)
        }
        return [
            one for one in self.servers if one.is_silent(self.at) and one.address not in at_work
        ]

    @property
    def troubles(self) -> list[str]:
        """Return what somebody has to look after, in plain words."""
        found = [
            f"Server {one.name} ({one.address}) was at work, and has written nothing for a while. "
            "Does it run, and does it reach the database?"
            for one in self.silent
        ]
        found += [
            f"Writes of server {one.name} fail, {one.failed} in a minute: {one.cause}"
            for one in self.servers
            if one.failed and one.stopped_at is None and not one.is_silent(self.at)
        ]
        found += _of_engine(self.engine) + _of_kiosks(self)
        if self.awaited:
            halls = dict.fromkeys(_hall(one) for one in self.awaited)
            names = ", ".join(dict.fromkeys(one.kiosk for one in self.awaited))
            found.append(
                f"No places are given out in {', '.join(halls)}: the database was set back, and "
                f"these kiosks have not been heard since: {names}. Fence one that is lost, and "
                "attest on its hall's page what became of its people."
            )
        if self.seen_by_kiosks > self.log_size:
            found.append(
                f"Kiosk {self.seen_most_by} states that it has seen {self.seen_by_kiosks} entries "
                f"of the log, and there are {self.log_size}. It showed no signature for them, so "
                "look at that kiosk."
            )
        found += [f"Kiosk {name}: {what}" for name, what in self.wrong_versions.items()]
        return found


def _of_engine(engine: EngineState) -> list[str]:
    """Return what keeps commits waiting."""
    found = []
    if engine.lacks_standby:
        found.append(
            "Commits wait for a synchronous standby, and none is connected: nothing is written "
            "before it is back. Start it, or change synchronous_standby_names."
        )
    if engine.held_s > TURN_MAX_S:
        found.append(
            f"{engine.writer} has had its turn to write for {engine.held_s:.0f} s, for which all "
            "others wait."
        )
    return found


def _of_kiosks(status: Status) -> list[str]:
    found = []
    if status.queues:
        named = ", ".join(f"{name} ({scans})" for name, scans in status.queues.items())
        found.append(f"Scans wait at kiosks, more than the event's alert_queue: {named}.")
    if status.unheard:
        found.append(
            f"Kiosks that were at work within the hour are not heard: {', '.join(status.unheard)}. "
            "Their scans wait with them."
        )
    return found


@click.command()
@click.option("--json", "as_json", is_flag=True, help="For programs.")
@event_option
def status(as_json: bool, event_dir: Path) -> None:
    """Say how the servers and their database are: which servers there are, the entry log and how
    far kiosks have seen it, and what is not right. Ends with status 1 where something is not.
    """
    with opened(event_dir) as (event, database):
        found = look(database.reader, event, wall_clock())
    if as_json:
        click.echo(json.dumps({**asdict(found), "troubles": found.troubles}, ensure_ascii=False))
    else:
        click.echo("\n".join(lines(found, wall_clock())))
    if found.troubles:
        raise SystemExit(1)


def look(db: Connection, event: Event, now: int) -> Status:
    """Gather how it is. Only reads."""
    newest = runs.newest(db)
    listed = addresses.servers_of(db)
    most = db.execute(
        "SELECT kiosk, log_size FROM kiosk WHERE state = 'active' ORDER BY log_size DESC LIMIT 1"
    ).fetchone()
    (at_work, heard, furthest) = db.execute(
        "SELECT COUNT(*), COALESCE(SUM(CASE WHEN reported_at >= ? THEN 1 ELSE 0 END), 0),"
        " MIN(CASE WHEN reported_at >= ? THEN cursor END) FROM kiosk WHERE state = 'active'",
        (now - HEARD_LATELY_MS, now - HEARD_LATELY_MS),
    ).fetchone()
    queues, unheard = _waiting(db, event, now)
    put_back = set_back.notice(db)
    return Status(
        at=now,
        engine=engine_state(db, str(event.database_path)),
        incarnation=event_state.incarnation(db),
        run=newest.run,
        begun_by=newest.server,
        servers=processes.all_processes(db),
        addresses=[] if listed is None else [one.text for one in listed.servers],
        log_size=entry_log.size(db),
        seen_by_kiosks=0 if most is None else int(most[1]),
        seen_most_by="" if most is None else str(most[0]),
        feed_lag=0 if furthest is None else max(0, changes.cursor(db) - int(furthest)),
        kiosks=int(at_work),
        kiosks_heard=int(heard),
        put_back_at=None if put_back is None else put_back.at,
        queues=queues,
        unheard=unheard,
        awaited=line.awaited(db),
        wrong_versions={
            row.kiosk: wrong_version(row)
            for row in registry.kiosks(db)
            if row.state == "active" and not row.is_understood
        },
    )


def _waiting(db: Connection, event: Event, now: int) -> tuple[dict[str, int], list[str]]:
    """Return the kiosks with a long queue, and those that are not heard any more."""
    settings = event.settings
    at_work = [row for row in registry.kiosks(db) if row.state == "active"]
    queues = {row.kiosk: row.waiting for row in at_work if row.waiting > settings.alert_queue}
    silent_ms = settings.alert_silent_s * 1000
    unheard = [
        row.kiosk
        for row in at_work
        if row.seen_at is not None and silent_ms < now - row.seen_at < HEARD_TODAY_MS
    ]
    return queues, unheard


def lines(found: Status, now: int) -> list[str]:
    """Return the same for a person."""
    written = [
        f"Database   {found.engine.about}",
        *_standbys(found.engine),
        f"Servers    {count(sum(one.stopped_at is None for one in found.servers), 'server')}",
        *(_server(one, found, now) for one in found.servers),
        f"Addresses  {', '.join(found.addresses) or 'one, that of the enrolment'}",
        f"Line       server number {found.incarnation}; its newest run was begun by "
        f"{found.begun_by or 'nobody yet'}",
        f"Entry log  {count(found.log_size, 'entry', 'entries')}; kiosks have seen "
        f"{found.seen_by_kiosks}" + (f" ({found.seen_most_by})" if found.seen_most_by else ""),
        f"Kiosks     {found.kiosks} at work, {found.kiosks_heard} heard in the last minute; the "
        f"furthest behind lacks {count(found.feed_lag, 'change')}",
    ]
    if found.put_back_at is not None:
        written.append(f"Set back   noticed {ago(found.put_back_at, now)}")
    return written + [f"TROUBLE    {one}" for one in found.troubles]


def _standbys(engine: EngineState) -> list[str]:
    if not engine.about.startswith("PostgreSQL"):
        return []
    sure = "waits for one" if engine.synchronous else "waits for none, so a failover may lose"
    return [
        f"Standbys   {count(len(engine.standbys), 'standby', 'standbys')}; a commit {sure}",
        *(f"  {one.text}" for one in engine.standbys),
        f"Writers    {engine.waiting} waiting for their turn"
        + (f"; {engine.writer} has had it for {engine.held_s:.1f} s" if engine.writer else ""),
    ]


def _server(one: Process, found: Status, now: int) -> str:
    if one.stopped_at is not None:
        state = f"stopped {ago(one.stopped_at, now)}"
    elif one.is_silent(now):
        state = f"SILENT, last at work {ago(one.seen_at, now)}"
    else:
        state = f"at work, version {one.version}, since {ago(one.started_at, now)}"
    behind = "" if one.run == found.run else ", superseded by a later run"
    return f"  {one.name}  {state}{behind}"


def _hall(one: Awaited) -> str:
    return text_in(names_of(one.hall_names), "en")
