from server.core.event.directory import Event
from server.features.wallet import apple
from server.features.wallet.certificates import AppleSigner
from server.storage.connection import Connection

PASSES_MAX = 50  # Per phone
DEVICES_MAX = 20  # Per pass


class TooManyError(ValueError):
    """The request exceeds the limit per phone or pass."""


def keep_pass(
    db: Connection, event: Event, signer: AppleSigner, serial: int, issue: int, now: int
) -> tuple[dict[str, bytes], int]:
    """Return the current pass's texts, and their last change (Unix ms), which is stored.

    Raises UnknownPassError or WalletError.
    """
    texts = apple.contents(db, event, signer, serial, issue)
    content = apple.content_hash(texts)
    row = db.execute(
        "SELECT content, changed_at FROM wallet_pass WHERE serial = ? AND issue = ?",
        (serial, issue),
    ).fetchone()
    if row is not None and row["content"] == content:
        return texts, int(row["changed_at"])
    # Phones store whole seconds, so two changes must be a second apart.
    changed_at = max(now, 0 if row is None else row["changed_at"] + 1000)
    db.execute(
        "INSERT INTO wallet_pass (serial, issue, content, changed_at) VALUES (?, ?, ?, ?)"
        " ON CONFLICT (serial, issue) DO UPDATE SET content = excluded.content,"
        " changed_at = excluded.changed_at",
        (serial, issue, content, changed_at),
    )
    return texts, changed_at


def register(
    db: Connection, device: str, serial: int, issue: int, push_token: str, now: int
) -> bool:
    """Register a phone for a pass. Return whether it is new. Raises TooManyError, or
    UnknownPassError for a pass never given out.
    """
    given = db.execute(
        "SELECT 1 FROM wallet_pass WHERE serial = ? AND issue = ?", (serial, issue)
    ).fetchone()
    if given is None:
        raise apple.UnknownPassError
    key = (device, serial, issue)
    registered = db.execute(
        "SELECT 1 FROM wallet_device WHERE device = ? AND serial = ? AND issue = ?", key
    ).fetchone()
    if registered is None:
        (passes,) = db.execute(
            "SELECT COUNT(*) FROM wallet_device WHERE device = ?", (device,)
        ).fetchone()
        (devices,) = db.execute(
            "SELECT COUNT(*) FROM wallet_device WHERE serial = ? AND issue = ?", (serial, issue)
        ).fetchone()
        if passes >= PASSES_MAX or devices >= DEVICES_MAX:
            raise TooManyError
    db.execute(
        "INSERT INTO wallet_device (device, serial, issue, push_token, registered_at)"
        " VALUES (?, ?, ?, ?, ?) ON CONFLICT (device, serial, issue)"
        " DO UPDATE SET push_token = excluded.push_token",
        (*key, push_token, now),
    )
    return registered is None


def unregister(db: Connection, device: str, serial: int, issue: int) -> None:
    db.execute(
        "DELETE FROM wallet_device WHERE device = ? AND serial = ? AND issue = ?",
        (device, serial, issue),
    )


def passes_of(db: Connection, device: str) -> list[tuple[int, int]]:
    """Return (serial, issue) of each pass on the phone."""
    rows = db.execute(
        "SELECT serial, issue FROM wallet_device WHERE device = ? ORDER BY serial, issue",
        (device,),
    )
    return [(row["serial"], row["issue"]) for row in rows]
