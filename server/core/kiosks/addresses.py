"""Stores the addresses of the event's servers, and signs the list for kiosks."""

from collections.abc import Sequence

import msgspec

from badges.wire.servers import SERVERS_MAX, ServerAddress, ServerList, sign_servers
from server.core.entry_log import entry_log
from server.core.entry_log.act_names import Act
from server.core.event.directory import Event
from server.core.event.settings import EventError
from server.core.feed import changes
from server.storage.connection import Connection
from server.storage.tables import keep_setting

_SETTING = "servers"  # the value is a ServerList as JSON


class AddressesError(EventError):
    """Raised for an invalid list of addresses. Nothing was changed."""


def servers_of(db: Connection) -> ServerList | None:
    row = db.execute("SELECT value FROM setting WHERE key = ?", (_SETTING,)).fetchone()
    return None if row is None else msgspec.json.decode(row[0], type=ServerList)


def signed_servers(db: Connection, event: Event) -> bytes | None:
    servers = servers_of(db)
    return None if servers is None else sign_servers(event.root_key, servers)


def set_servers(
    db: Connection, event: Event, addresses: Sequence[ServerAddress], *, by: str, now: int
) -> bool:
    """Return whether the list changed; kiosks are then notified.

    Raises AddressesError for a duplicate address or too many.
    """
    texts = [address.text for address in addresses]
    twice = next((text for text in texts if texts.count(text) > 1), None)
    if twice is not None:
        raise AddressesError(f"{twice} is listed twice. List each server once.")
    if len(addresses) > SERVERS_MAX:
        raise AddressesError(f"these are {len(addresses)} servers. {SERVERS_MAX} are allowed.")
    before = servers_of(db)
    if tuple(addresses) == (() if before is None else before.servers):
        return False
    number = 1 if before is None else before.number + 1
    # Kiosks refuse a lower number, which a restore would cause; the time keeps it rising.
    updated = ServerList(event.event_id, max(number, now // 1000), tuple(addresses))
    keep_setting(db, _SETTING, msgspec.json.encode(updated).decode())
    entry_log.act(db, by, Act.SERVERS_SET, {"servers": " ".join(texts)}, now)
    changes.publish_venue(db)
    return True
