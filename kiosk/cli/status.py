from contextlib import suppress
from pathlib import Path
from typing import Any

from badges.record import PlaceKind
from kiosk.config.files import JOURNAL_FILE, REPLICA_FILE
from kiosk.config.identity import KioskIdentity, load_identity, load_key
from kiosk.config.server_list import load_servers
from kiosk.health import disk_free_mb
from kiosk.journal.journal import Journal
from kiosk.replica.replica import Replica
from kiosk.replica.schema import OtherVersionError
from kiosk.sync.known_server import KnownServer
from kiosk.sync.servers import Servers


def status_of(directory: Path) -> dict[str, Any]:
    """The report of `hallkeeper-kiosk status`, as values. Raises ConfigError or JournalError."""
    identity, key = load_identity(directory), load_key(directory)
    name = (identity.kiosk, identity.generation)
    with Journal(directory / JOURNAL_FILE, *name, key, must_exist=True, check=False) as journal:
        state, accounts = journal.state(), journal.accounts()
        evidence = journal.witness.evidence()
    status = {
        "kiosk": identity.kiosk,
        "generation": identity.generation,
        "event": identity.identity.event_id.hex(),
        "server": f"{identity.host}:{identity.port}",
        "servers": _servers(directory, identity, name),
        "scans": state.last_seq,
        "acknowledged": state.acked,
        "waiting": state.waiting,
        "retired": state.fenced,
        "free_places": {
            str(key.hall_id): account.free
            for key, account in accounts.items()
            if key.kind is PlaceKind.ORDINARY
        },
        "log_alarms": [item.problem for item in evidence],
        "disk_free_mb": disk_free_mb(directory),
    }
    return status | _facts(directory / REPLICA_FILE, name, identity)


def _servers(directory: Path, identity: KioskIdentity, name: tuple[str, int]) -> list[str]:
    hall = None
    with (
        suppress(OtherVersionError),
        Replica(directory / REPLICA_FILE, *name, identity.root, replace=False) as replica,
    ):
        hall = None if replica.context is None else replica.context.hall.hall_id
    return Servers(KnownServer(identity), load_servers(directory), hall=hall).addresses


def checkpoint_of(directory: Path) -> str:
    """The newest checkpoint of the entry log that this kiosk verified, as a signed note; "" without
    any.

    Raises ConfigError or JournalError.
    """
    identity, key = load_identity(directory), load_key(directory)
    name = (identity.kiosk, identity.generation)
    with Journal(directory / JOURNAL_FILE, *name, key, must_exist=True, check=False) as journal:
        newest = journal.witness.newest()
    return "" if newest is None else newest.note


def _facts(path: Path, name: tuple[str, int], identity: KioskIdentity) -> dict[str, Any]:
    with suppress(OtherVersionError), Replica(path, *name, identity.root, replace=False) as replica:
        context = replica.context
        return {
            "hall": None if context is None else dict(context.hall_names),
            "door": None if context is None else dict(context.door.names),
            "facts_age_ms": replica.age_ms(),
        }
    return {"hall": None, "door": None, "facts_age_ms": None}


def status_text(status: dict[str, Any]) -> str:
    age_ms = status["facts_age_ms"]
    hall, door = (_first(status[name]) for name in ("hall", "door"))
    lines = [
        f"Kiosk      {status['kiosk']}, generation {status['generation']}"
        + (" (retired)" if status["retired"] else ""),
        f"Server     {', then '.join(status['servers'])}",
        f"Door       {door or 'not known yet'}" + (f", {hall}" if hall else ""),
        f"Scans      {status['scans']}, of which {status['waiting']} wait to be sent",
        f"Places     {sum(status['free_places'].values())} free at this door",
        f"Facts      {'none yet' if age_ms is None else f'{age_ms / 1000:.0f} s old'}",
    ]
    return "\n".join(lines + [f"ALARM      {alarm}" for alarm in status["log_alarms"]])


def _first(names: dict[str, str] | None) -> str:
    return next(iter(names.values()), "") if names else ""
