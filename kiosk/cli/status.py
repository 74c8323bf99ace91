from contextlib import suppress
from pathlib import Path
from typing import Any

from badges.record import PlaceKind
from kiosk import earlier
from kiosk.config.files import JOURNAL_FILE, REPLICA_FILE, ConfigError, load_servers
from kiosk.config.identity import KioskIdentity, load_identity, load_key
from kiosk.health import disk_free_mb
from kiosk.journal.errors import JournalError
from kiosk.journal.journal import Journal
from kiosk.replica.replica import Replica
from kiosk.replica.schema import OtherVersionError
from kiosk.sync.known_server import KnownServer
from kiosk.sync.servers import Servers


def status_of(directory: Path) -> dict[str, Any]:
    """Raises ConfigError or JournalError."""
    identity = load_identity(directory)
    with journal_in(directory, identity) as journal:
        state, accounts = journal.state(), journal.accounts()
        evidence = journal.witness.evidence()
    hall, facts = _facts(directory, identity)
    servers = Servers(KnownServer(identity), load_servers(directory), hall=hall)
    return {
        "kiosk": identity.kiosk,
        "generation": identity.generation,
        "event": identity.identity.event_id.hex(),
        "server": f"{identity.host}:{identity.port}",
        "servers": servers.addresses,
        "scans": state.last_seq,
        "acknowledged": state.acked,
        "waiting": state.waiting,
        "earlier": {own.name: _waiting_in(own) for own in earlier.unsent(directory)},
        "retired": state.fenced,
        "free_places": {
            str(key.hall_id): account.free
            for key, account in accounts.items()
            if key.kind is PlaceKind.ORDINARY
        },
        "log_alarms": [item.problem for item in evidence],
        "disk_free_mb": disk_free_mb(directory),
        **facts,
    }


def journal_in(directory: Path, identity: KioskIdentity) -> Journal:
    """Opens without a check. Raises ConfigError or JournalError."""
    name = (identity.kiosk, identity.generation)
    key = load_key(directory)
    return Journal(directory / JOURNAL_FILE, *name, key, must_exist=True, check=False)


def _waiting_in(own: Path) -> int | None:
    """Return None if its journal can't be read."""
    try:
        return earlier.waiting_in(own)
    except (ConfigError, JournalError):
        return None


def checkpoint_of(directory: Path) -> str:
    """The newest verified checkpoint of the entry log, as a signed note; "" without any.

    Raises ConfigError or JournalError.
    """
    with journal_in(directory, load_identity(directory)) as journal:
        newest = journal.witness.newest()
    return "" if newest is None else newest.note


def _facts(directory: Path, identity: KioskIdentity) -> tuple[int | None, dict[str, Any]]:
    """The hall's id and the facts of the report; None without facts that this version reads."""
    name = (identity.kiosk, identity.generation)
    context, age_ms = None, None
    with (
        suppress(OtherVersionError),
        Replica(directory / REPLICA_FILE, *name, identity.root, replace=False) as replica,
    ):
        context, age_ms = replica.context, replica.age_ms()
    return None if context is None else context.hall.hall_id, {
        "hall": None if context is None else dict(context.hall_names),
        "door": None if context is None else dict(context.door.names),
        "facts_age_ms": age_ms,
    }


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
    for name, waiting in status["earlier"].items():
        if waiting is None:
            lines.append(f"Earlier    {name} can't be read; its scans may wait to be sent")
        elif waiting:
            lines.append(f"Earlier    {waiting} scans of {name} wait to be sent")
    return "\n".join(lines + [f"ALARM      {alarm}" for alarm in status["log_alarms"]])


def _first(names: dict[str, str] | None) -> str:
    return next(iter(names.values()), "") if names else ""
