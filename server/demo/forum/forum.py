"""Makes up a forum of 55 halls, 150 sessions over six days, an exhibition, and the people.

It has the shape of a large real one. Today is its first day, whatever the day is.
"""

import random
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta, timezone

from server.demo.forum.names import FORMATS, TOPICS
from server.demo.forum.people import Person, make_people
from server.event.settings import EventSettings, quoted

HALLS = 55
SESSIONS = 150
DAYS = 6
SMALL_HALL, SMALL_CAPACITY = "A12", 28
EXPO, EXPO_CAPACITY = "EXPO", 600
DOORS = ("A12-east", "A12-west", "EXPO-north")  # The doors that have kiosks.
WEBCAM_DOOR = "EXPO-south"
NAME = {"en": "North Lake Forum (demo)", "zh": "北湖论坛（演示）"}
_SLOTS = (("09:00", "11:30"), ("13:30", "15:30"), ("16:00", "18:00"))
_RULES = (
    ("delegate", "speaker", "press", "vip"),
    ("delegate", "speaker", "visitor", "exhibitor"),
    ("speaker", "vip"),
    ("delegate", "exhibitor"),
    (),  # By invitation only.
)


@dataclass(frozen=True)
class Forum:
    """Holds what the event is made from."""

    seed: int
    time_zone: str
    first_day: date
    people: tuple[Person, ...]
    venue: str  # TOML, as `hallkeeper import-venue` reads it

    def settings(self, host: str, port: int) -> EventSettings:
        """Return the event's settings on this machine."""
        return EventSettings(
            name=NAME, time_zone=self.time_zone, first_day=self.first_day, days=DAYS,
            public_host=host, host=host, port=port,
        )  # fmt: skip


def make_forum(seed: int, people: int, now: int) -> Forum:
    """Make the forum of that seed whose first day is the day of `now` (Unix ms)."""
    time_zone, first_day = noon_zone(now)
    roster = tuple(make_people(seed, people))
    return Forum(seed, time_zone, first_day, roster, _venue(seed, first_day, roster))


def noon_zone(now: int) -> tuple[str, date]:
    """Return a time zone in which `now` is between noon and one o'clock, and the day there.

    So the sessions that are on, and today itself, go on for hours whenever the demo is started. In
    the machine's own zone it would fail for an hour around midnight, and at night every session
    would be over.
    """
    utc = datetime.fromtimestamp(now / 1000, UTC)
    ahead = 12 - utc.hour  # -11 to 12
    local = utc.astimezone(timezone(timedelta(hours=ahead)))
    # In POSIX the sign is that of what one adds to reach UTC.
    return f"Etc/GMT{-ahead:+d}", local.date()


def _venue(seed: int, first_day: date, people: tuple[Person, ...]) -> str:
    dice = random.Random(f"venue {seed}")
    codes = [f"A{number:02d}" for number in range(1, HALLS - 2)]
    tables = [*_halls(dice, codes), *_doors(codes), *_sessions(dice, codes, first_day, people)]
    return "\n".join(tables)


def _halls(dice: random.Random, codes: list[str]) -> Iterator[str]:
    """Yield the exhibition and the two pavilions in it, and the halls of the forum."""
    visiting = ["delegate", "exhibitor", "staff", "vip", "visitor"]
    policy = {
        "categories": visiting, "anti_passback": "soft", "exits": "trusting",
        "leaving": "inferred",
    }  # fmt: skip
    yield _table(
        "hall", code=EXPO, name="Exhibition", name_zh="展览", capacity=EXPO_CAPACITY, **policy
    )
    for code, name, name_zh in (("EXPO-N", "North", "北馆"), ("EXPO-S", "South", "南馆")):
        yield _table(
            "hall", code=code, name=f"Pavilion {name}", name_zh=name_zh, parent=EXPO,
            capacity=EXPO_CAPACITY // 2, **policy,
        )  # fmt: skip
    for code in codes:
        capacity = SMALL_CAPACITY if code == SMALL_HALL else dice.choice((60, 90, 150, 300, 800))
        yield _table(
            "hall", code=code, name=f"Hall {code}", name_zh=f"{code} 厅", capacity=capacity,
            fire_limit=capacity + capacity // 10, sessions_only=True, anti_passback="hard",
        )  # fmt: skip


def _doors(codes: list[str]) -> Iterator[str]:
    sides = (("east", "东门"), ("west", "西门"))
    for code in codes:
        mode = "entry" if code == SMALL_HALL else "both"
        for side, side_zh in sides:
            name = f"{code} {side}"
            yield _table(
                "door",
                code=f"{code}-{side}",
                hall=code,
                name=name,
                name_zh=f"{code} {side_zh}",
                mode=mode,
            )
    for side, side_zh, mode in (("north", "北门", "entry"), ("south", "南门", "both")):
        name = f"Exhibition {side}"
        yield _table(
            "door", code=f"EXPO-{side}", hall=EXPO, name=name, name_zh=f"展览{side_zh}", mode=mode
        )


def _sessions(
    dice: random.Random, codes: list[str], first_day: date, people: tuple[Person, ...]
) -> Iterator[str]:
    """Yield the sessions that the films are about, then as many more as make 150."""
    by_part: dict[str, list[str]] = {}
    for person in people:
        by_part.setdefault(person.part, []).append(person.external_id)
    number = 0
    for hall, starts, ends, rules in (
        (SMALL_HALL, "11:00", "17:00", {
            "categories": ["delegate", "speaker", "press"],
            "invited": by_part.get("invited", []), "refused": by_part.get("refused", []),
        }),
        (SMALL_HALL, "17:30", "18:30", {"categories": ["vip"]}),
        (EXPO, "16:00", "17:00", {"categories": ["press"]}),
    ):  # fmt: skip
        number += 1
        yield _session(dice, number, hall, first_day, starts, ends, rules)
    slots = [
        (code, day, slot)
        for code in codes if code != SMALL_HALL
        for day in range(DAYS) for slot in _SLOTS
    ]  # fmt: skip
    for code, day, (starts, ends) in sorted(
        dice.sample(slots, SESSIONS - number), key=lambda s: s[1:]
    ):
        number += 1
        rules = {"categories": list(dice.choice(_RULES))}
        rules["invited"] = [dice.choice(people).external_id for _ in range(dice.randrange(6))]
        yield _session(dice, number, code, first_day + timedelta(days=day), starts, ends, rules)


def _session(
    dice: random.Random, number: int, hall: str, day: date, starts: str, ends: str,
    rules: Mapping[str, object],
) -> str:  # fmt: skip
    (topic, topic_zh), (form, form_zh) = dice.choice(TOPICS), dice.choice(FORMATS)
    return _table(
        "session", code=f"S{number:03d}", hall=hall, title=f"{form} {topic}",
        title_zh=f"{topic_zh}{form_zh}", starts=f"{day} {starts}", ends=f"{day} {ends}", **rules,
    )  # fmt: skip


def _table(kind: str, **values: object) -> str:
    lines = [f"{key} = {_toml(value)}" for key, value in values.items()]
    return "\n".join([f"[[{kind}]]", *lines, ""])


def _toml(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, list):
        return "[" + ", ".join(_toml(one) for one in value) + "]"
    return quoted(value) if isinstance(value, str) else str(value)
