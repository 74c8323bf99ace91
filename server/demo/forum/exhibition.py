"""The exhibition: areas in two pavilions, and a stand for each exhibitor."""

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from server.demo.forum.organisations import Organisation
from server.demo.forum.toml import table

NORTH, SOUTH = "EXPO-N", "EXPO-S"
_STAND_M2 = (9, 9, 12, 12, 18, 18, 27, 36)
# Share of an area for stands; the rest is for aisles.
_STANDS_SHARE = 0.6


@dataclass(frozen=True)
class Area:
    letter: str  # first letter of its stands' numbers
    code: str
    hall: str
    m2: int
    name: str
    name_zh: str


AREAS = (
    Area("A", "robotics", NORTH, 3_600, "Robotics", "机器人展区"),
    Area("B", "metaverse", NORTH, 2_400, "Metaverse", "元宇宙展区"),
    Area("C", "intelligence", NORTH, 3_600, "Artificial Intelligence", "人工智能展区"),
    Area("D", "circuits", NORTH, 3_000, "Integrated Circuits", "集成电路展区"),
    Area("E", "space", NORTH, 2_400, "Commercial Space", "商业航天展区"),
    Area("F", "health", SOUTH, 3_300, "Life and Health", "生命健康展区"),
    Area("G", "carbon", SOUTH, 2_700, "Carbon Neutrality", "碳中和展区"),
    Area("H", "manufacturing", SOUTH, 3_000, "Advanced Manufacturing", "先进制造展区"),
    Area("J", "startups", SOUTH, 3_000, "Start-ups of the World", "全球初创展区"),
)


def exhibition(seed: int, exhibitors: Sequence[Organisation]) -> Iterator[str]:
    dice = random.Random(f"exhibition {seed}")
    for area in AREAS:
        yield table(
            "area", code=area.code, hall=area.hall, m2=area.m2, name=area.name,
            name_zh=area.name_zh,
        )  # fmt: skip
    room = {area: area.m2 * _STANDS_SHARE for area in AREAS}
    count = dict.fromkeys(AREAS, 0)
    shuffled = dice.sample(exhibitors, len(exhibitors))
    for number, organisation in enumerate(shuffled, 1):
        code = f"X{number:03d}"
        yield table("exhibitor", code=code, organisation=organisation.code)
        # The area with the most space left gets the next stand.
        area = max(room, key=lambda candidate: room[candidate])
        size = dice.choice(_STAND_M2)
        room[area] -= size
        count[area] += 1
        yield table(
            "stand", code=f"{area.letter}{count[area]:03d}", area=area.code, exhibitor=code, m2=size
        )
