"""The presentations at each door, in order, and their right answers, written by hand.

`judge` works out the answers that depend on the people inside. Neither uses the doors' decision
code.
"""

import random
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace

from badges.credential import base45
from badges.credential.credential import (
    ALL_DAYS,
    ALL_ZONES,
    PREFIX,
    Credential,
    issue_credential,
)
from badges.credential.keys import PrivateKey
from badges.printing.card import Card
from server.core.event.directory import Event
from server.core.people import cards, issuing
from server.core.people.attendees import Attendee, find_attendees
from server.demo.forum.forum import DOORS, EXPO, PHONE_DOOR, SMALL_HALL, Forum
from server.storage.connection import Connection

# Each word is a presentation: its kind, and a label if the same badge comes again. Between the bars
# the west door is offline. A copy comes at least 3 s after the original, at the other door. A badge
# shared by three people opens the small hall, the exhibition and the small hall again within a
# minute, and is then refused.
EAST = """
seat shared:x url seat forged_bit seat:a visitor lost:p seat other_event copy:b new:p
back:x seat:c wrongday seat revoked refused caught:x copy:d visitor other_event
invited wifi vip move:m seat seat seat copy:e seat seat forged_key seat seat seat
"""
WEST = """
seat visitor seat forged_key seat revoked seat:b seat wrongday copy:a invited seat |
seat seat:d forged_bit seat revoked copy:a copy:c visitor seat url |
forged_key visitor wifi lost:q seat:e seat new:q seat wrongday seat seat seat seat seat
"""
NORTH = """
guest guest guest early guest wifi twin:x mover:m lost:r forged_key guest guest early
guest talker guest other_event guest again:m guest guest revoked guest new:r guest
early guest url guest talker guest forged_bit guest wrongday guest guest guest
"""

PHONE = """
guest wifi guest forged_key guest mover:k guest url forged_bit guest other_event again:k guest
"""

# The reason for refusing that kind, whoever is inside. Other kinds are valid badges.
REFUSED = {
    "url": "not_a_badge",
    "wifi": "not_a_badge",
    "forged_key": "forged",
    "forged_bit": "forged",
    "other_event": "other_event",
    "revoked": "revoked",
    "lost": "superseded",
    "wrongday": "not_valid_today",
    "visitor": "not_entitled",
    "refused": "not_entitled",
    "vip": "not_entitled",
    "talker": "not_entitled",
    "early": "hall_closed",
    "caught": "likely_copy",
}
SHARED = ("twin", "back")  # people with a copy of a badge whose holder is inside
NOTES = {
    "seat": "a good badge",
    "guest": "a good badge",
    "mover": "a good badge",
    "invited": "a visitor, invited by name",
    "new": "a reissued badge",
    "copy": "the same badge, at the other door",
    "again": "the same badge once more",
    "move": "a person from the exhibition",
    "shared": "a badge that will be shared",
    "twin": "its copy, at the exhibition",
    "back": "its copy, back again",
    "caught": "its copy once more",
    "url": "a stranger's code: a web address",
    "wifi": "a stranger's code: a Wi-Fi network",
    "forged_key": "forged with another key",
    "forged_bit": "forged: one bit changed",
    "other_event": "a badge of another event",
    "revoked": "a revoked badge",
    "lost": "a lost badge, reissued since",
    "wrongday": "a badge for other days",
    "visitor": "the wrong category",
    "refused": "a delegate, refused by name",
    "vip": "a guest of a later session",
    "talker": "the wrong category",
    "early": "press, before their session opens",
}
_WITHOUT_A_BADGE = ("url", "wifi")
_REUSING = ("new", "copy", "again", "move", "twin", "back", "caught")
_MADE_UP = ("forged_key", "forged_bit", "other_event")


@dataclass(frozen=True)
class Presentation:
    door: str
    hall: str
    number: int  # at its door, from 0
    kind: str
    text: str
    serial: int | None  # None if a door can't know the holder
    refused: str | None  # the reason for refusal, whoever is inside; None for a valid badge
    card: Card | None
    phone: bool

    @property
    def note(self) -> str:
        return NOTES[self.kind]


@dataclass(frozen=True)
class Script:
    """All presentations by door. The west door goes offline after `cut_after` answers there."""

    doors: Mapping[str, tuple[Presentation, ...]]
    cut_door: str
    cut_after: int
    heal_after: int

    @property
    def presentations(self) -> int:
        return sum(len(door) for door in self.doors.values())


def kinds(text: str) -> list[tuple[str, str]]:
    """Return (kind, label) of each presentation, without the bars."""
    words = [word.partition(":") for word in text.split() if word != "|"]
    return [(kind, label) for kind, _, label in words]


def cut_points(text: str) -> tuple[int, int]:
    """Return the number of presentations before each bar."""
    first, second, _ = text.split("|")
    return len(first.split()), len(first.split()) + len(second.split())


def make_script(
    db: Connection, event: Event, forum: Forum, random_bytes: Callable[[int], bytes],
    now: int, *, phone: bool,
) -> Script:  # fmt: skip
    """Cast the roster's people, and revoke and reissue badges as the script needs.

    `db` is in a transaction. `phone`: whether there is one among the doors.
    """
    cast = _Cast(db, event, forum, random_bytes, now)
    halls = dict(zip(DOORS, (SMALL_HALL, SMALL_HALL, EXPO), strict=True))
    plans = {door: kinds(text) for door, text in zip(DOORS, (EAST, WEST, NORTH), strict=True)}
    if phone:
        halls[PHONE_DOOR], plans[PHONE_DOOR] = EXPO, kinds(PHONE)
    # First assign the new badges of all doors, then the repeated ones by their labels.
    for door, plan in plans.items():
        for number, (kind, label) in enumerate(plan):
            if kind not in _REUSING:
                cast.show(door, number, kind, label)
    doors = {}
    for door, plan in plans.items():
        doors[door] = tuple(
            cast.presentation(door, halls[door], number, kind, label)
            for number, (kind, label) in enumerate(plan)
        )
    return Script(doors, DOORS[1], *cut_points(WEST))


@dataclass(frozen=True)
class _Code:
    text: str
    serial: int | None = None
    card: Card | None = None


class _Cast:
    """Assigns a code to each presentation, and prepares the event for it."""

    def __init__(
        self, db: Connection, event: Event, forum: Forum,
        random_bytes: Callable[[int], bytes], now: int,
    ) -> None:  # fmt: skip
        self._db, self._event, self._now = db, event, now
        self._random = random_bytes
        self._dice = random.Random(f"script {forum.seed}")
        attendees, _ = find_attendees(db, "", limit=len(forum.people))
        by_external_id = {person.external_id: person for person in attendees}
        parts: dict[str, list[Attendee]] = defaultdict(list)
        for person in forum.people:
            parts[person.part].append(by_external_id[person.external_id])
        for part in parts.values():
            self._dice.shuffle(part)
        self._parts: dict[str, Iterator[Attendee]] = {k: iter(v) for k, v in parts.items()}
        self._shown: dict[tuple[str, int], _Code] = {}
        self._labelled: dict[str, _Code] = {}

    def show(self, door: str, number: int, kind: str, label: str) -> None:
        code = self._new_code(kind)
        self._shown[door, number] = code
        if label:
            self._labelled[label] = code
        if kind == "revoked" and code.serial is not None:
            issuing.revoke(
                self._db, code.serial, reason="withdrawn", now=self._now, by="command-line"
            )
        if kind == "lost" and code.serial is not None:
            self._reissue(code, label)

    def presentation(
        self, door: str, hall: str, number: int, kind: str, label: str
    ) -> Presentation:
        if kind in _REUSING:
            code = self._labelled[f"new {label}" if kind == "new" else label]
        else:
            code = self._shown[door, number]
        # A copy is a photo of a badge on a phone. Other codes are on phones too.
        copied = ("copy", *SHARED, "caught")
        phone = kind in (*copied, *_WITHOUT_A_BADGE) or self._dice.random() < 0.2
        serial = None if kind in _MADE_UP else code.serial
        return Presentation(
            door, hall, number, kind, code.text, serial, REFUSED.get(kind), code.card, phone
        )

    def _new_code(self, kind: str) -> _Code:
        if kind == "url":
            return _Code(f"https://larkmoor.example/talks?id={self._dice.randrange(10**6)}")
        if kind == "wifi":
            return _Code(f"WIFI:T:WPA;S:Lobby{self._dice.randrange(100)};P:not-a-badge;;")
        code = self._badge_of(next(self._parts["" if kind in _MADE_UP else kind]))
        if kind in _MADE_UP and code.card is not None:
            text = self._made_up(kind, code.text)
            return _Code(text, None, replace(code.card, text=text))
        return code

    def _badge_of(self, person: Attendee) -> _Code:
        badge = issuing.current_badge(self._db, person.serial)
        return _Code(badge.credential, person.serial, cards.card(self._db, self._event, badge))

    def _reissue(self, lost: _Code, label: str) -> None:
        assert lost.serial is not None
        badge = issuing.reissue(
            self._db, self._event, lost.serial, reason="lost", now=self._now, by="command-line"
        )
        card = cards.card(self._db, self._event, badge)
        self._labelled[f"new {label}"] = _Code(badge.credential, lost.serial, card)

    def _made_up(self, kind: str, genuine: str) -> str:
        """Forge a badge from a genuine one, or make one of another event."""
        raw = bytearray(base45.decode(genuine.removeprefix(PREFIX)))
        if kind == "forged_bit":
            raw[8] ^= 1  # the byte of the category
            return PREFIX + base45.encode(bytes(raw))
        event_id = self._event.event_id
        if kind == "other_event":
            event_id = bytes(byte ^ 0x5A for byte in event_id)
        badge = Credential(
            serial=int.from_bytes(raw[4:7], "big"), issue=raw[7], category=raw[8],
            valid_days=ALL_DAYS, zones=ALL_ZONES, key_id=raw[1],
        )  # fmt: skip
        return issue_credential(PrivateKey(self._random(32)), event_id, badge)
