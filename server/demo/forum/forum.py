"""A forum of 55 halls, 158 activities over six days, an exhibition, and the people. It begins
today, because doors admit by the real time.
"""

import random
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta, timezone

from server.core.event.settings import EventSettings
from server.demo.forum.exhibition import NORTH, SOUTH, exhibition
from server.demo.forum.names import HOME
from server.demo.forum.organisations import Organisations
from server.demo.forum.people import Person, make_people
from server.demo.forum.programme import Programme
from server.demo.forum.toml import table

HALLS = 55
DAYS = 6
SMALL_HALL, SMALL_CAPACITY = "A12", 28
EXPO, EXPO_CAPACITY = "EXPO", 6_000
DOORS = ("A12-east", "A12-west", "EXPO-north")  # doors with kiosks
PHONE_DOOR = "EXPO-east"
WEBCAM_DOOR = "EXPO-south"
NAME = {"en": "North Lake Forum (demo)", "zh": "北湖论坛（演示）"}


@dataclass(frozen=True)
class Forum:
    seed: int
    time_zone: str
    first_day: date
    people: tuple[Person, ...]
    venue: str  # TOML for `hallkeeper import-venue`

    def settings(self, host: str, port: int) -> EventSettings:
        return EventSettings(
            name=NAME, time_zone=self.time_zone, first_day=self.first_day, days=DAYS,
            public_host=host, host=host, port=port, country=HOME,
        )  # fmt: skip


def make_forum(seed: int, people: int, now: int) -> Forum:
    """It begins on the day of `now` (Unix ms)."""
    time_zone, first_day = noon_zone(now)
    organisations = Organisations(seed)
    roster = tuple(make_people(seed, people, organisations))
    venue = _venue(seed, first_day, roster, organisations)
    return Forum(seed, time_zone, first_day, roster, venue)


def noon_zone(now: int) -> tuple[str, date]:
    """Return a time zone in which `now` is between noon and one o'clock, and the date there, so
    that current sessions continue for hours.
    """
    utc = datetime.fromtimestamp(now / 1000, UTC)
    ahead = 12 - utc.hour  # -11 to 12
    local = utc.astimezone(timezone(timedelta(hours=ahead)))
    # POSIX counts the offset to UTC, with the opposite sign.
    return f"Etc/GMT{-ahead:+d}", local.date()


def _venue(
    seed: int, first_day: date, people: tuple[Person, ...], organisations: Organisations
) -> str:
    dice = random.Random(f"venue {seed}")
    codes = [f"A{number:02d}" for number in range(1, HALLS - 2)]
    programme = Programme(seed, first_day, DAYS, people, organisations)
    halls = [code for code in codes if code != SMALL_HALL]
    tables = [
        *_halls(dice, codes),
        *_doors(codes),
        *_organisations(organisations),
        *programme.tables(_films_sessions(people), halls),
        *exhibition(seed, organisations.exhibitors()),
    ]
    return "\n".join(tables)


def _organisations(organisations: Organisations) -> Iterator[str]:
    for sender in organisations.all:
        yield table(
            "organisation", code=sender.code, name=sender.name, name_zh=sender.name_zh or None,
            country=sender.country or None, kind=sender.kind,
        )  # fmt: skip


def _films_sessions(
    people: tuple[Person, ...],
) -> list[tuple[str, str, str, str, dict[str, list[str]]]]:
    by_part: dict[str, list[str]] = {}
    for person in people:
        by_part.setdefault(person.part, []).append(person.external_id)
    main = {
        "categories": ["delegate", "speaker", "press"],
        "invited": by_part.get("invited", []), "refused": by_part.get("refused", []),
    }  # fmt: skip
    return [
        ("FORUM-01", SMALL_HALL, "11:00", "17:00", main),
        ("CONF-01", SMALL_HALL, "17:30", "18:30", {"categories": ["vip"]}),
        ("NEWS-EXPO", EXPO, "16:00", "17:00", {"categories": ["press"]}),
    ]


def _halls(dice: random.Random, codes: list[str]) -> Iterator[str]:
    """Yield the exhibition's halls first."""
    visiting = ["delegate", "exhibitor", "staff", "vip", "visitor"]
    policy = {
        "categories": visiting, "anti_passback": "soft", "exits": "trusting",
        "leaving": "inferred",
    }  # fmt: skip
    yield table(
        "hall", code=EXPO, name="Exhibition", name_zh="展览", capacity=EXPO_CAPACITY, **policy
    )
    for code, name, name_zh in ((NORTH, "North", "北馆"), (SOUTH, "South", "南馆")):
        yield table(
            "hall", code=code, name=f"Pavilion {name}", name_zh=name_zh, parent=EXPO,
            capacity=EXPO_CAPACITY // 2, **policy,
        )  # fmt: skip
    for code in codes:
        capacity = SMALL_CAPACITY if code == SMALL_HALL else dice.choice((60, 90, 150, 300, 800))
        yield table(
            "hall", code=code, name=f"Hall {code}", name_zh=f"{code} 厅", capacity=capacity,
            fire_limit=capacity + capacity // 10, sessions_only=True, anti_passback="hard",
        )  # fmt: skip


def _doors(codes: list[str]) -> Iterator[str]:
    sides = (("east", "东门"), ("west", "西门"))
    for code in codes:
        mode = "entry" if code == SMALL_HALL else "both"
        for side, side_zh in sides:
            name = f"{code} {side}"
            yield table(
                "door",
                code=f"{code}-{side}",
                hall=code,
                name=name,
                name_zh=f"{code} {side_zh}",
                mode=mode,
            )
    expo = (("north", "北门", "entry"), ("east", "东门", "entry"), ("south", "南门", "both"))
    for side, side_zh, mode in expo:
        name = f"Exhibition {side}"
        yield table(
            "door", code=f"EXPO-{side}", hall=EXPO, name=name, name_zh=f"展览{side_zh}", mode=mode
        )
