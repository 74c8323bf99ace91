"""Stores the endpoints of webhooks: addresses, topics and states."""

import secrets
from collections.abc import Iterable
from dataclasses import dataclass

from badges.i18n import N_, Spoken
from server.core.entry_log import entry_log
from server.core.entry_log.act_names import Act
from server.core.outgoing import addresses
from server.core.outgoing.addresses import AddressError
from server.features.integrations import signing
from server.features.integrations.topics.table import TOPICS
from server.storage.connection import Connection, Row

ENDPOINTS_MAX = 10
_REFUSED = {
    "form": N_("The address is one such as https://example.org/hooks."),
    "secret": N_("The address has no name, no password and no #. Messages are signed."),
    "plain": N_(
        "Use an address that begins with https://. Without TLS, messages go only to this "
        "server's own computer, unless the server's operator allows it (webhooks_without_tls in "
        "event.toml)."
    ),
    "nearby": N_("No receiver can be at this address. Give its name or its own address."),
}


class EndpointError(Spoken, ValueError):
    """The endpoint can't be added or changed."""


@dataclass(frozen=True)
class Endpoint:
    """An endpoint. Times are Unix ms.

    Its next message is made of leaves from `next_leaf` on, and notices after `last_notice`.
    """

    endpoint_id: int
    url: str
    topics: frozenset[str]
    secret_of: bytes
    made_at: int
    next_leaf: int
    last_notice: int
    failing_since: int | None
    disabled_at: int | None


def check_url(url: str, *, http_allowed: bool = False) -> None:
    """Check a receiver's address. Raises EndpointError.

    Without TLS it must be on this computer, unless `http_allowed`.
    """
    try:
        addresses.check_url(url, http_allowed=http_allowed)
    except AddressError as error:
        raise EndpointError(_REFUSED[error.kind]) from None


def add(
    db: Connection, url: str, topics: Iterable[str], *, by: str, now: int, http_allowed: bool
) -> Endpoint:
    """Add an endpoint for events from now on. Raises EndpointError."""
    wanted = sorted(set(topics))
    check_url(url, http_allowed=http_allowed)
    if not wanted or set(wanted) - TOPICS.keys():
        raise EndpointError(N_("Choose the events that it reports."))
    if len(endpoints(db)) >= ENDPOINTS_MAX:
        raise EndpointError(
            N_("There are %(most)s webhooks, the most. Remove one first."), most=ENDPOINTS_MAX
        )
    first = entry_log.size(db)
    (notice,) = db.execute("SELECT COALESCE(MAX(notice_id), 0) FROM webhook_notice").fetchone()
    db.execute(
        "INSERT INTO webhook_endpoint"
        " (url, topics, secret_of, made_by, made_at, next_leaf, last_notice)"
        " VALUES (?, ?, ?, ?, ?, ?, ?)",
        (
            url, " ".join(wanted), secrets.token_bytes(signing.SECRET_OF_BYTES), by, now,
            first, notice,
        ),
    )  # fmt: skip
    (endpoint_id,) = db.execute("SELECT MAX(endpoint_id) FROM webhook_endpoint").fetchone()
    subject: dict[str, str | int | None] = {"webhook": endpoint_id, "topics": ", ".join(wanted)}
    entry_log.act(db, by, Act.WEBHOOK_ADDED, subject, now)
    return endpoint(db, endpoint_id)


def endpoint(db: Connection, endpoint_id: int) -> Endpoint:
    """Raises EndpointError if there is none, or it was removed."""
    row = db.execute(f"{_SELECT} AND endpoint_id = ?", (endpoint_id,)).fetchone()
    if row is None:
        raise EndpointError(N_("This webhook no longer exists."))
    return _endpoint(row)


def endpoints(db: Connection) -> list[Endpoint]:
    return [_endpoint(row) for row in db.execute(f"{_SELECT} ORDER BY endpoint_id").fetchall()]


def remove(db: Connection, endpoint_id: int, *, by: str, now: int) -> None:
    """Remove an endpoint with its undelivered messages. Raises EndpointError."""
    endpoint(db, endpoint_id)
    db.execute("DELETE FROM webhook_message WHERE endpoint_id = ?", (endpoint_id,))
    db.execute("UPDATE webhook_endpoint SET removed_at = ? WHERE endpoint_id = ?",
               (now, endpoint_id))  # fmt: skip
    entry_log.act(db, by, Act.WEBHOOK_REMOVED, {"webhook": endpoint_id}, now)


def disable(db: Connection, endpoint_id: int, *, by: str, now: int) -> None:
    """Stop sending; `enable` then sends the pause's events. Raises EndpointError."""
    if endpoint(db, endpoint_id).disabled_at is not None:
        return
    db.execute("UPDATE webhook_endpoint SET disabled_at = ? WHERE endpoint_id = ?",
               (now, endpoint_id))  # fmt: skip
    entry_log.act(db, by, Act.WEBHOOK_DISABLED, {"webhook": endpoint_id}, now)


def enable(db: Connection, endpoint_id: int, *, by: str, now: int) -> None:
    """Send again at once, after a pause or a failure. Raises EndpointError."""
    before = endpoint(db, endpoint_id)
    db.execute(
        "UPDATE webhook_endpoint SET disabled_at = NULL, failing_since = NULL"
        " WHERE endpoint_id = ?",
        (endpoint_id,),
    )
    db.execute(
        "UPDATE webhook_message SET next_at = ?, tries = 0"
        " WHERE endpoint_id = ? AND delivered_at IS NULL",
        (now, endpoint_id),
    )
    if before.disabled_at is not None:
        entry_log.act(db, by, Act.WEBHOOK_ENABLED, {"webhook": endpoint_id}, now)


_SELECT = (
    "SELECT endpoint_id, url, topics, secret_of, made_at, next_leaf, last_notice, failing_since,"
    " disabled_at FROM webhook_endpoint WHERE removed_at IS NULL"
)


def _endpoint(row: Row) -> Endpoint:
    return Endpoint(**{**dict(row), "topics": frozenset(row["topics"].split())})
