"""The keys that sign badges: those of `keys/badge-N.key`, and those added, chosen or dropped since.

A key that is added has no file. It is derived from the event's root key, its number and the time at
which it was added, all of which every server and every backup of the event has. So nothing outside
the database changes with the keys, and a restored event has the keys that the acts beside its
backups name. Who has the root key can sign a ring of any keys anyway.
"""

import hashlib
import hmac
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from functools import lru_cache

import msgspec
from msgspec import Struct

from badges.credential import base45
from badges.credential.credential import PREFIX, VERSION, Kind
from badges.credential.keys import (
    KEY_ID_MAX,
    BadgeKey,
    KeyRing,
    PrivateKey,
    public_key,
    ring_digest,
    sign_ring,
    sign_ring_number,
)
from badges.i18n import N_, Phrase
from badges.wire import wire
from server.core.entry_log import entry_log
from server.core.entry_log.act_names import Act
from server.core.entry_log.entry_log import Subject
from server.core.event.calendar import day_starts
from server.core.event.directory import Event
from server.core.event.settings import EventError
from server.core.feed import changes
from server.core.staff import dual_control
from server.core.staff.confirmations import require_shown
from server.storage import dialect
from server.storage.connection import Connection
from server.storage.tables import keep_setting

SETTING = "badge_keys"  # the value is a KeyChanges as JSON
_DERIVED = b"hallkeeper/badge-key/v1\x00"


class BadgeKeyError(EventError):
    """Raised if a change of the keys is refused. The text gives the remedy."""


class AddedKey(Struct, frozen=True):
    key_id: int
    added_at: int  # Unix ms


class KeyChanges(Struct, frozen=True):
    """All changes of the keys that the event's directory has."""

    number: int = 0  # of the ring: Unix ms of its last change, or 0
    added: tuple[AddedKey, ...] = ()
    dropped: tuple[int, ...] = ()  # key ids. They are never used again.
    issuing: int | None = None  # the key that signs new badges, if one was chosen
    cursor: int = 0  # the feed's, after the ring's last change


@dataclass(frozen=True)
class BadgeKeys:
    """The keys of the ring. `issuing` is the id of the key that signs new badges."""

    ring: KeyRing
    number: int
    signed_ring: bytes
    private: dict[int, PrivateKey]
    issuing: int

    @property
    def digest(self) -> bytes:
        return ring_digest(self.signed_ring)


@dataclass(frozen=True)
class KeyUse:
    """A key, and how many standing badges it has signed: `people` who are not revoked have no other
    badge, and `day_credentials` are for today or later.
    """

    key_id: int
    added_at: int | None  # None: since the event began
    issuing: bool
    people: int
    day_credentials: int

    @property
    def as_listed(self) -> str:
        """The key by which a confirmation names it, without its numbers."""
        return f"{self.key_id}/{int(self.issuing)}"

    @property
    def as_shown(self) -> str:
        """The key by which a confirmation names it with its numbers."""
        return f"{self.as_listed}/{self.people}/{self.day_credentials}"


def changes_of(db: Connection) -> KeyChanges:
    row = db.execute("SELECT value FROM setting WHERE key = ?", (SETTING,)).fetchone()
    return KeyChanges() if row is None else msgspec.json.decode(row[0], type=KeyChanges)


def keys_of(db: Connection, event: Event) -> BadgeKeys:
    return _keys(event, changes_of(db))


def _keys(event: Event, changed: KeyChanges) -> BadgeKeys:
    private = event.badge_keys | {
        added.key_id: _derived(event.root_key, added.key_id, added.added_at)
        for added in changed.added
    }
    private = {n: key for n, key in sorted(private.items()) if n not in changed.dropped}
    issuing = changed.issuing
    if issuing not in private:
        issuing = max(event.badge_keys.keys() & private.keys() or private.keys())
    first = next(iter(event.ring.keys.values()))
    window = (first.not_before, first.not_after)  # all have the event's days
    ring = KeyRing(event.event_id, {n: BadgeKey(key.public, *window) for n, key in private.items()})
    keys = tuple((n, key.public.raw) for n, key in private.items())
    signed = _signed(event.root_key, event.event_id, keys, window)
    return BadgeKeys(ring, changed.number, signed, private, issuing)


@lru_cache(maxsize=64)
def _derived(root: PrivateKey, key_id: int, added_at: int) -> PrivateKey:
    text = _DERIVED + bytes([key_id]) + added_at.to_bytes(8, "big")
    return PrivateKey(hmac.digest(root.seed, text, hashlib.sha256))


@lru_cache(maxsize=64)
def _signed(
    root: PrivateKey,
    event_id: bytes,
    keys: tuple[tuple[int, bytes], ...],
    window: tuple[int, int],
) -> bytes:
    ring = KeyRing(event_id, {n: BadgeKey(public_key(raw), *window) for n, raw in keys})
    return sign_ring(root, ring)


@lru_cache(maxsize=64)
def _signed_number(root: PrivateKey, signed: bytes, number: int) -> bytes:
    return sign_ring_number(root, signed, number)


def ring_number(event: Event, keys: BadgeKeys) -> wire.RingNumber | None:
    """The signed number of the ring, for doors. None before the first change."""
    if not keys.number:
        return None
    signature = _signed_number(event.root_key, keys.signed_ring, keys.number)
    return wire.RingNumber(keys.number, signature)


def uses(db: Connection, event: Event, now: int) -> list[KeyUse]:
    """The keys of the ring, each with the badges that dropping it would make void."""
    changed = changes_of(db)
    keys = _keys(event, changed)
    added = {key.key_id: key.added_at for key in changed.added}
    return [
        KeyUse(
            key_id,
            added.get(key_id),
            key_id == keys.issuing,
            _count(db, f"SELECT COUNT(*) {_STANDING}", key_id, Kind.PRINTED),
            _day_credentials(db, event, key_id, now),
        )
        for key_id in keys.private
    ]


def add_key(db: Connection, event: Event, *, by: str, now: int) -> int:
    """Add a key to the ring, which signs nothing yet. Return its id. Raises BadgeKeyError."""
    changed = changes_of(db)
    used = {*event.badge_keys, *changed.dropped, *(key.key_id for key in changed.added)}
    key_id = max(used) + 1
    if key_id > KEY_ID_MAX:
        raise BadgeKeyError(N_("This event has had %(most)s keys, which is the limit."), most=256)
    number = max(changed.number + 1, now)
    added = (*changed.added, AddedKey(key_id, number))
    _keep_ring(db, msgspec.structs.replace(changed, added=added, number=number))
    entry_log.act(db, by, Act.BADGE_KEY_ADDED, {"badge_key": key_id}, now)
    return key_id


def issue_by(
    db: Connection,
    event: Event,
    key_id: int,
    named: Collection[str],
    *,
    by: str,
    with_: str | None,
    now: int,
) -> None:
    """Sign new badges with this key from now on.

    `named` are the keys as listed when the two people saw them. `with_` is the second person, None
    on the command line. Raises BadgeKeyError, ShownChangedError, or NotTwoError if the two may be
    one person.
    """
    keys = _checked(db, event, key_id, by, with_, now)
    require_shown(named, [use.as_listed for use in uses(db, event, now)], _shown_words)
    if key_id == keys.issuing:
        raise BadgeKeyError(N_("Key %(key)s signs new badges already."), key=key_id)
    _keep(db, msgspec.structs.replace(changes_of(db), issuing=key_id))
    entry_log.act(db, by, Act.BADGE_KEY_CHOSEN, _subject(key_id, with_), now)


def drop_key(
    db: Connection,
    event: Event,
    key_id: int,
    named: Collection[str],
    *,
    by: str,
    with_: str | None,
    now: int,
) -> int:
    """Take a key out of the ring: its badges open no door any more, and their holders are on the
    list of wrong badges. For good: the key can't come back.

    `named` are the keys as listed, and this one with the numbers that the two people saw
    (`named_to_drop`). Return how many people are locked out. Raises like `issue_by`.
    """
    keys = _checked(db, event, key_id, by, with_, now)
    found = uses(db, event, now)
    require_shown(named, named_to_drop(found, key_id), _shown_words)
    if key_id == keys.issuing:
        raise BadgeKeyError(
            N_("Key %(key)s signs new badges: choose another one for that first."), key=key_id
        )
    use = next(use for use in found if use.key_id == key_id)
    changed = changes_of(db)
    number = max(changed.number + 1, now)
    dropped = (*changed.dropped, key_id)
    _keep_ring(db, msgspec.structs.replace(changed, dropped=dropped, number=number))
    mark_holders(db)
    subject: Subject = {**_subject(key_id, with_), "count": use.people}
    entry_log.act(db, by, Act.BADGE_KEY_DROPPED, subject, now)
    return use.people


def named_to_drop(found: Iterable[KeyUse], key_id: int) -> list[str]:
    """What the confirmation names: the numbers of other keys may change meanwhile."""
    return [use.as_shown if use.key_id == key_id else use.as_listed for use in found]


def _shown_words(named: str) -> str:
    """How people call a key that a form named. The text may be anything."""
    key_id, *rest = named.split("/")
    if not all(part.isascii() and part.isdigit() for part in (key_id, *rest)):
        return named[:60]
    if len(rest) == len(("issuing", "people", "day credentials")):
        return Phrase(
            "key %(key)s with %(people)s badges and %(days)s day credentials",
            key=key_id,
            people=rest[1],
            days=rest[2],
        )
    if rest == ["1"]:
        return Phrase("key %(key)s, which signs new badges", key=key_id)
    return Phrase("key %(key)s", key=key_id)


def kiosks_behind(db: Connection) -> list[str]:
    """The names of the kiosks at work that have not applied the ring's last change yet."""
    rows = db.execute(
        "SELECT kiosk FROM kiosk WHERE state = 'active' AND cursor < ? ORDER BY kiosk",
        (changes_of(db).cursor,),
    )
    return [kiosk for (kiosk,) in rows]


def mark_holders(db: Connection) -> None:
    """Put the holders of badges by dropped keys on the list of wrong badges."""
    for key_id in changes_of(db).dropped:
        db.execute(
            f"INSERT INTO changed_holder SELECT b.serial {_NEWEST} ON CONFLICT DO NOTHING",
            (_beginning(Kind.PRINTED, key_id),),
        )


_NEWEST = (
    "FROM badge b WHERE substr(b.credential, 1, 5) = ?"
    " AND b.issue = (SELECT MAX(n.issue) FROM badge n WHERE n.serial = b.serial)"
)
_STANDING = (
    f"{_NEWEST} AND EXISTS (SELECT 1 FROM attendee a"
    " WHERE a.serial = b.serial AND a.revoked_at IS NULL)"
)


def _beginning(kind: Kind, key_id: int) -> str:
    """The first five characters of all credentials of a kind by a key, which no others have."""
    return PREFIX + base45.encode(bytes([VERSION << 4 | kind, key_id]))


def _day_credentials(db: Connection, event: Event, key_id: int, now: int) -> int:
    """Count those that replace a standing badge on a day that is not over."""
    days = [day for day, end in enumerate(day_starts(event.settings)[1:]) if now < end]
    query = (
        "SELECT COUNT(*) FROM day_credential b WHERE substr(b.credential, 1, 5) = ?"
        " AND b.issue = (SELECT MAX(n.issue) FROM badge n WHERE n.serial = b.serial)"
        f" AND {dialect.one_of('b.day')}"
    )
    return _count(db, query, key_id, Kind.DAY, dialect.many(days))


def _keep(db: Connection, changed: KeyChanges) -> None:
    keep_setting(db, SETTING, msgspec.json.encode(changed).decode())


def _keep_ring(db: Connection, changed: KeyChanges) -> None:
    """Keep a change that doors must hear of."""
    changes.publish_venue(db)
    _keep(db, msgspec.structs.replace(changed, cursor=changes.cursor(db)))


def _subject(key_id: int, with_: str | None) -> Subject:
    return {"badge_key": key_id} if with_ is None else {"badge_key": key_id, "with": with_}


def _checked(
    db: Connection, event: Event, key_id: int, by: str, with_: str | None, now: int
) -> BadgeKeys:
    """Return the keys, once the two people and the key are checked."""
    # On the command line there is no second account; who may use it owns the event's files.
    if with_ is not None:
        dual_control.check_two(db, by, with_, now)
    keys = keys_of(db, event)
    if key_id not in keys.private:
        raise BadgeKeyError(
            N_("There is no key %(key)s. The keys are %(known)s."),
            key=key_id,
            known=", ".join(map(str, keys.private)),
        )
    return keys


def _count(db: Connection, query: str, key_id: int, kind: Kind, *values: object) -> int:
    (count,) = db.execute(query, (_beginning(kind, key_id), *values)).fetchone()
    return int(count)
