"""The programme: 158 activities of five kinds, with hosts, sessions and speakers.

55 are parallel forums. Of these, one international organisation leads 13, and national authorities
lead or co-host 25 others.
"""

import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta

from server.demo.forum.exhibition import NORTH, SOUTH
from server.demo.forum.names import TOPICS
from server.demo.forum.organisations import HOST, ORGANISER, Organisations
from server.demo.forum.people import Person
from server.demo.forum.toml import table

PARALLEL, OFFICIAL, LED_BY_HOST = 55, 25, 13
KEYNOTES_OPENING, KEYNOTES_EACH = 8, 2  # of the opening, and of each parallel forum
KEYNOTES = KEYNOTES_OPENING + KEYNOTES_EACH * PARALLEL
# The demo begins between noon and one on the first day, so the second slot is current.
SLOTS = (("09:00", "11:30"), ("12:00", "15:00"), ("15:30", "18:00"))
CURRENT = 36  # sessions of parallel forums in the first day's second slot
OPENING_HALL = "A01"
_TALK_MIN = 25
_RULES = (
    ("delegate", "speaker", "press", "vip"),
    ("delegate", "speaker", "visitor", "exhibitor"),
    ("speaker", "vip"),
    ("delegate", "exhibitor"),
    (),  # by invitation only
)
_ASPECTS = (("Frontiers", "前沿"), ("Industry", "产业"), ("Cooperation", "国际合作"))
# Other activities: code, kind, number, and titles.
_OTHERS = (
    ("CONF", "conference", 31, "Workshop: {}", "{}研讨会"),
    ("TRADE", "transaction", 22, "Matchmaking: {}", "{}技术对接会"),
    ("NEWS", "release", 27, "Launch: {}", "{}成果发布会"),
    ("COMP", "competition", 16, "{} Challenge", "{}创新大赛"),
)
# Parts whose badges are refused somewhere, so they do not speak.
_NO_SPEAKERS = ("revoked", "lost", "wrongday", "refused", "early")


@dataclass
class Activity:
    """An activity during construction. `lead` and `co_hosts` are organisations' codes."""

    code: str
    kind: str
    title: str
    title_zh: str
    lead: str
    co_hosts: list[str] = field(default_factory=list)
    official: bool = False
    parallel: bool = False
    theme: str = ""
    language: str = "zh"
    sessions: int = 1  # number of sessions


class Programme:
    def __init__(
        self, seed: int, first_day: date, days: int, people: Sequence[Person],
        organisations: Organisations,
    ) -> None:  # fmt: skip
        self._dice = random.Random(f"programme {seed}")
        self._first_day, self._days = first_day, days
        self._people = people
        self._organisations = organisations
        rank = {"speaker": 0, "vip": 1, "delegate": 2}
        able = [person for person in people if person.part not in _NO_SPEAKERS]
        able.sort(key=lambda person: rank.get(person.category, 3))  # keeps the roster's order
        self._keynotes = iter(able)
        self._others = able[KEYNOTES : KEYNOTES + 400] or able
        self._number = 0
        self._opened: set[str] = set()  # codes of activities that have a session already
        self._speakers: list[str] = []
        self.activities = [*self._plenaries(), *self._parallel(), *self._exhibitions()]
        for others in _OTHERS:
            self.activities += self._more(*others)

    def tables(
        self, fixed: Sequence[tuple[str, str, str, str, Mapping[str, list[str]]]],
        halls: Sequence[str],
    ) -> Iterator[str]:  # fmt: skip
        """Yield activities, then sessions and speakers.

        `fixed` are today's sessions in the films, as (activity code, hall, start, end, rules). The
        others are in `halls`, one at a time in each.
        """
        for item in self.activities:
            yield table(
                "activity", code=item.code, kind=item.kind, title=item.title,
                title_zh=item.title_zh, official=item.official, parallel=item.parallel,
                theme=item.theme or None, language=item.language, lead=[item.lead],
                co_hosts=item.co_hosts or None,
            )  # fmt: skip
        by_code = {item.code: item for item in self.activities}
        for code, hall, starts, ends, rules in fixed:
            by_code[code].sessions -= 1
            yield self._session(by_code[code], hall, self._first_day, starts, ends, rules)
        yield from self._show_days(by_code)
        free = [(day, hall, slot) for day in range(self._days) for hall in halls for slot in SLOTS]
        free.remove((0, OPENING_HALL, SLOTS[0]))
        self._dice.shuffle(free)
        current = [place for place in free if place[0] == 0 and place[2] == SLOTS[1]][:CURRENT]
        free = [place for place in free if place not in current]
        for item in self.activities:
            for number in range(item.sessions):
                first = item.parallel and number == 0
                day, hall, (starts, ends) = (current if first and current else free).pop()
                if item.code == "CONF-OPENING":
                    day, hall, (starts, ends) = 0, OPENING_HALL, SLOTS[0]
                on = self._first_day + timedelta(days=day)
                yield self._session(item, hall, on, starts, ends, self._rules())
        yield from self._speakers

    def _plenaries(self) -> Iterator[Activity]:
        ends = (
            ("CONF-OPENING", "Opening Plenary", "开幕式"),
            ("CONF-CLOSING", "Closing Plenary", "闭幕式"),
        )
        for code, title, title_zh in ends:
            yield Activity(code, "conference", title, title_zh, ORGANISER)

    def _parallel(self) -> Iterator[Activity]:
        """Yield the parallel forums, first those of the leading international organisation."""
        national = self._organisations.national_authorities()
        others = self._organisations.of_kind("institute", "university")
        drawn = [(topic, aspect) for topic in TOPICS for aspect in _ASPECTS]
        for number, (topic, aspect) in enumerate(self._dice.sample(drawn, PARALLEL)):
            forum = Activity(
                code=f"FORUM-{number + 1:02d}",
                kind="conference",
                title=f"Forum on {topic[0]}: {aspect[0]}",
                title_zh=f"{topic[1]}{aspect[1]}论坛",
                lead=HOST if number < LED_BY_HOST else self._dice.choice(others).code,
                parallel=True,
                theme=topic[0],
                language="en" if number < LED_BY_HOST else "zh",
                sessions=self._dice.choice((1, 2)),
            )
            forum.official = LED_BY_HOST <= number < LED_BY_HOST + OFFICIAL
            if forum.official:
                authority = self._dice.choice(national).code
                if self._dice.random() < 0.6:
                    forum.lead, authority = authority, forum.lead
                forum.co_hosts.append(authority)
            yield forum

    def _exhibitions(self) -> Iterator[Activity]:
        for code, title, title_zh in (
            ("EXPO-NORTH", "Exhibition of New Technologies, North", "新技术展（北馆）"),
            ("EXPO-SOUTH", "Exhibition of New Technologies, South", "新技术展（南馆）"),
            ("EXPO-YOUNG", "Show of Young Makers", "青少年创客展"),
            ("EXPO-ART", "Science in Pictures", "科学影像展"),
        ):
            yield Activity(code, "exhibition", title, title_zh, ORGANISER)
        yield Activity(
            "NEWS-EXPO", "release", "The Press Meets the Exhibition", "展览媒体见面会", ORGANISER
        )

    def _more(
        self, prefix: str, kind: str, count: int, title: str, title_zh: str
    ) -> Iterator[Activity]:
        leading = self._organisations.of_kind("company", "institute", "university")
        subjects = [
            *TOPICS,
            *((f"{t} {a}", f"{t_zh}{a_zh}") for t, t_zh in TOPICS for a, a_zh in _ASPECTS[:1]),
        ]
        for number, (topic, topic_zh) in enumerate(self._dice.sample(subjects, count), 1):
            lead, other = self._dice.sample(leading, 2)
            yield Activity(
                code=f"{prefix}-{number:02d}",
                kind=kind,
                title=title.format(topic),
                title_zh=title_zh.format(topic_zh),
                lead=lead.code,
                co_hosts=[other.code] if self._dice.random() < 0.4 else [],
                theme=topic,
                sessions=self._dice.choice((1, 1, 1, 2)),
            )

    def _show_days(self, by_code: Mapping[str, Activity]) -> Iterator[str]:
        visiting = {"categories": ["delegate", "exhibitor", "staff", "vip", "visitor"]}
        for code, hall in (("EXPO-NORTH", NORTH), ("EXPO-SOUTH", SOUTH)):
            by_code[code].sessions = 0
            for day in range(self._days):
                on = self._first_day + timedelta(days=day)
                yield self._session(by_code[code], hall, on, "09:00", "18:00", visiting)

    def _rules(self) -> Mapping[str, list[str]]:
        invited = [
            self._dice.choice(self._people).external_id for _ in range(self._dice.randrange(6))
        ]
        return {"categories": list(self._dice.choice(_RULES)), "invited": sorted(set(invited))}

    def _session(
        self, activity: Activity, hall: str, day: date, starts: str, ends: str,
        rules: Mapping[str, list[str]],
    ) -> str:  # fmt: skip
        """Create a session, and store its speakers. Speakers are admitted."""
        self._number += 1
        code = f"S{self._number:03d}"
        speaking = [] if activity.kind == "exhibition" else self._panel(activity)
        begins = datetime.fromisoformat(f"{day} {starts}")
        for place, (person, role) in enumerate(speaking):
            at = begins + timedelta(minutes=_TALK_MIN * place)
            self._speakers.append(
                table(
                    "speaker",
                    session=code,
                    attendee=person.external_id,
                    role=role,
                    name=f"{person.given_name} {person.family_name}",
                    starts=f"{at:%Y-%m-%d %H:%M}" if role in ("keynote", "speaker") else None,
                )
            )
        admitted = rules.get("categories", [])
        uninvited = [p.external_id for p, _ in speaking if p.category not in admitted]
        invited = sorted({*rules.get("invited", []), *uninvited})
        return table(
            "session", code=code, hall=hall, activity=activity.code, title=activity.title,
            title_zh=activity.title_zh, starts=f"{day} {starts}", ends=f"{day} {ends}",
            **{**rules, "invited": invited},
        )  # fmt: skip

    def _panel(self, activity: Activity) -> list[tuple[Person, str]]:
        """Choose the speakers of a session. Keynotes are in an activity's first session."""
        keynotes = KEYNOTES_OPENING if activity.code == "CONF-OPENING" else 0
        if activity.parallel:
            keynotes = KEYNOTES_EACH
        if activity.code in self._opened:
            keynotes = 0
        self._opened.add(activity.code)
        roles = ["keynote"] * keynotes + ["speaker", "moderator", "panellist"]
        others = self._dice.sample(self._others, 3)
        return [
            (next(self._keynotes) if role == "keynote" else others.pop(), role) for role in roles
        ]
