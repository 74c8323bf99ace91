"""The organisations that send people, host activities and exhibit, by the seed, in fictitious
places. Almost 200 are international organisations, institutes and foreign government departments.
"""

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import product

from server.demo.forum.names import COUNTRIES, HOME, TOPICS

INTERNATIONAL, INSTITUTES_HOME, INSTITUTES_ABROAD, FOREIGN_GOVERNMENTS = 41, 38, 58, 60
NATIONAL_AUTHORITIES = 12
COMPANIES_HOME, COMPANIES_EACH = 299, 3
UNIVERSITIES_HOME, UNIVERSITIES_ABROAD = 24, 60
MEDIA_HOME, MEDIA_ABROAD = 12, 20
# The international organisation that leads its own forums, and the organiser of the whole.
HOST, ORGANISER = "INT-01", "ORG-01"

_PLACES_HOME = tuple(
    zip(
        "Yunlu Chengyu Xingqiao Songshi Yuanfan Heming Qinghe Baita Wanghai Yunting Jichuan Lanling"
        " Cangyu Qinglu Yaopu Yanchi Xiting Wuchuan Yangui Lingxiao Zhiwei Lanxi Shiliu"
        " Zhuli".split(),
        "云麓 澄屿 星桥 松石 远帆 鹤鸣 青禾 白塔 望海 云汀 霁川 岚岭 沧屿 晴麓 瑶圃 砚池 溪亭 梧川"
        " 雁归 凌霄 知微 澜汐 石榴 竹里".split(),
        strict=True,
    )
)
_BEGINNINGS = "Lark Vel Ost Quil Bren Silv Kest Lun Ory Fen Thal Zev Tams Aub Mirr".split()
_ENDINGS = "moor ona wick ovar essa amere und iria olme ica".split()
_PLACES_ABROAD = tuple("".join(pair) for pair in product(_BEGINNINGS, _ENDINGS))
_FIELDS = (
    ("Quantum", "量子"),
    ("Biosciences", "生物"),
    ("Robotics", "机器人"),
    ("Materials", "新材料"),
    ("Photonics", "光子"),
    ("Hydrogen", "氢能"),
    ("Energy Storage", "储能"),
    ("Chips", "芯片"),
    ("Space", "航天"),
    ("Neural Interfaces", "脑机"),
    ("Virtual Worlds", "虚拟世界"),
    ("Data", "数据"),
    ("Smart Mobility", "智能出行"),
    ("Agritech", "智慧农业"),
    ("Medical Devices", "医疗器械"),
    ("Ocean Tech", "海洋科技"),
)
_UNIONS = (
    ("Meridian Council", "子午理事会"),
    ("Two Oceans Compact", "两洋联盟"),
    ("Boreal Union", "北方联合会"),
    ("Equator Network", "赤道网络"),
)
_OFFICES = ("Directorate", "Agency", "Department", "Office")


@dataclass(frozen=True)
class Organisation:
    """`kind` is one of server/core/programme's, and `country` is "" for an international one."""

    code: str
    kind: str
    country: str
    name: str
    name_zh: str = ""

    def name_for(self, language: str) -> str:
        """For the badge of a person with that language."""
        return self.name_zh if language == "zh" and self.name_zh else self.name


class Organisations:
    def __init__(self, seed: int) -> None:
        self.all = tuple(_made(random.Random(f"organisations {seed}")))
        self._by_kind: dict[str, list[Organisation]] = {}
        self._senders: dict[str, list[Organisation]] = {}
        self._exhibiting: dict[str, list[Organisation]] = {}
        self._media: dict[str, list[Organisation]] = {}
        for organisation in self.all:
            self._by_kind.setdefault(organisation.kind, []).append(organisation)
            kept = self._media if organisation.kind == "media" else self._senders
            kept.setdefault(organisation.country, []).append(organisation)
        for organisation in self.exhibitors():
            self._exhibiting.setdefault(organisation.country, []).append(organisation)
        self._organiser = next(
            organisation for organisation in self.all if organisation.code == ORGANISER
        )

    def of_kind(self, *kinds: str) -> list[Organisation]:
        return [organisation for kind in kinds for organisation in self._by_kind[kind]]

    def national_authorities(self) -> list[Organisation]:
        return [authority for authority in self._by_kind["government"] if authority.country == HOME]

    def exhibitors(self) -> list[Organisation]:
        """Return all companies, and some institutes and universities."""
        companies = self._by_kind["company"]
        return companies + self._by_kind["institute"][:56] + self._by_kind["university"][:40]

    def sender(self, dice: random.Random, country: str, category: str) -> Organisation:
        if category == "staff":
            return self._organiser
        if category == "press":
            return dice.choice(self._media.get(country) or self._by_kind["media"])
        if category == "exhibitor":
            return dice.choice(self._exhibiting[country])
        if dice.random() < 0.04:
            return dice.choice(self._by_kind["international"])
        return dice.choice(self._senders[country])


def _made(dice: random.Random) -> Iterator[Organisation]:
    abroad = [country for country in COUNTRIES if country != HOME]
    dice.shuffle(abroad)
    yield Organisation(ORGANISER, "association", HOME, "North Lake Forum Office", "北湖论坛办公室")
    pairs = list(product(_UNIONS, TOPICS))
    for number, (union, topic) in enumerate(dice.sample(pairs, INTERNATIONAL), 1):
        name, name_zh = f"{union[0]} for {topic[0]}", f"{topic[1]}{union[1]}"
        yield Organisation(f"INT-{number:02d}", "international", "", name, name_zh)
    for number, (subject, subject_zh) in enumerate(dice.sample(TOPICS, NATIONAL_AUTHORITIES), 1):
        name, name_zh = f"National Promotion Office for {subject}", f"全国{subject_zh}促进署"
        yield Organisation(f"NAT-{number:02d}", "government", HOME, name, name_zh)
    seats = dice.sample(_PLACES_ABROAD, FOREIGN_GOVERNMENTS)
    for number, (country, place) in enumerate(zip(abroad, seats, strict=False), 1):
        name = f"{dice.choice(_OFFICES)} for {dice.choice(TOPICS)[0]}, {place}"
        yield Organisation(f"GOV-{number:02d}", "government", country, name)
    working = _Names(
        dice,
        list(product(_PLACES_HOME, _FIELDS)),
        [(place, field[0]) for place, field in product(_PLACES_ABROAD, _FIELDS)],
    )
    yield from working.make(
        "INS",
        "institute",
        "{} Institute of {}",
        "{}{}研究院",
        INSTITUTES_HOME,
        abroad[:INSTITUTES_ABROAD],
    )
    yield from working.make(
        "COM", "company", "{} {}", "{}{}公司", COMPANIES_HOME, abroad * COMPANIES_EACH
    )
    placed = _Names(
        dice,
        [(place,) for place in _PLACES_HOME],
        [(place,) for place in _PLACES_ABROAD],
    )
    yield from placed.make(
        "UNI",
        "university",
        "University of {}",
        "{}大学",
        UNIVERSITIES_HOME,
        abroad[:UNIVERSITIES_ABROAD],
    )
    yield from placed.make("MED", "media", "{} Daily", "{}日报", MEDIA_HOME, abroad[:MEDIA_ABROAD])


@dataclass(frozen=True)
class _Names:
    """Combines names from words. Words at home are in English and Chinese."""

    dice: random.Random
    home: Sequence[tuple[tuple[str, str], ...]]
    abroad: Sequence[tuple[str, ...]]

    def make(
        self, prefix: str, kind: str, english: str, chinese: str, at_home: int,
        countries: Sequence[str],
    ) -> Iterator[Organisation]:  # fmt: skip
        """Yield `at_home` organisations at home, and one in each of the countries."""
        for number, words in enumerate(self.dice.sample(self.home, at_home), 1):
            name, name_zh = (
                pattern.format(*(word[at] for word in words))
                for at, pattern in enumerate((english, chinese))
            )
            yield Organisation(f"{prefix}-{number:03d}", kind, HOME, name, name_zh)
        drawn = self.dice.sample(self.abroad, len(countries))
        for number, (country, named) in enumerate(zip(countries, drawn, strict=True), at_home + 1):
            yield Organisation(f"{prefix}-{number:03d}", kind, country, english.format(*named))
