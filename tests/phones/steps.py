"""Steps of the tests of phones, and what each waits for."""

import os
from pathlib import Path

from server.core.kiosks import registry
from tests.phones.forum import Forum
from tests.phones.phone import Phone

CAPACITY, PEOPLE = 12, 40
SHOTS = os.environ.get("HALLKEEPER_SHOTS", "")


def scan(place: Forum, phone: Phone, people: range) -> int:
    """How many of the people got a green light."""
    return sum(phone.answer_to(place.place.badge(n)).green for n in people)


def online(phone: Phone) -> None:
    """Connected, and with places."""
    phone.wait("places", lambda: phone.status.get("online") and phone.status.get("free_places"))


def offline(place: Forum, phone: Phone) -> None:
    place.network.cut()
    phone.wait("no server", lambda: phone.status.get("online") is False)


def in_time(place: Forum, phone: Phone) -> None:
    """The network is whole again, and everything is sent."""
    place.network.mend()
    phone.wait("the queue", lambda: phone.status.get("online")
               and phone.status.get("scans_waiting") == 0)  # fmt: skip


def needs(phone: Phone, what: str) -> None:
    phone.wait(what, lambda: any(m["what"] == what for m in phone.of_type("need")))


def troubled(phone: Phone, words: str) -> None:
    """The screen has these English words in place of an answer."""
    phone.wait(words, lambda: words in (phone.status.get("trouble") or {}).get("en", ""))


def state_of(place: Forum, phone: Phone) -> str:
    rows = registry.kiosks(place.place.database.reader)
    return next(row.state for row in rows if row.kiosk == phone.kiosk)


def keep_shot(phone: Phone, name: str) -> None:
    if SHOTS:
        phone.shot(Path(SHOTS) / f"phone-door-{name}.png")
