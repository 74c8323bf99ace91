"""A decision in plain words: one huge word, the nearest failing condition, and the next step.

Pure: the instant, the time zone, the translations and every name are arguments.
"""

import gettext
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from functools import reduce
from zoneinfo import ZoneInfo

from badges.admission import sentences
from badges.admission.facts import Admitted, Decision, Denied, Direction, Flag, Reason
from badges.admission.sentences import FLAGS, PARTS, REFUSALS, WORDS, Pair
from badges.i18n import ENGLISH

Language = str  # as in the names of halls, for example "en" or "zh"

# Flags shown to staff, most pressing first.
_TOLD = (
    *(Flag.LIKELY_COPY, Flag.ATTENTION, Flag.CHECK_DAY),
    *(Flag.ESCORT, Flag.LOOKED_UP, Flag.PASSBACK),
)
# English nouns with these endings take an s in the plural.
_COUNTED = ("er", "or", "ent", "ant", "ist", "ee", "gate", "guest")


class Tone(StrEnum):
    ADMIT = "admit"
    LOOK = "look"  # admitted, with a notice for staff
    SAME = "same"  # denied; staff let in the person who was admitted before the restart
    DENY = "deny"
    ELSEWHERE = "elsewhere"  # denied for a fault of the door, not of the holder
    GOODBYE = "goodbye"  # an exit
    SEEN = "seen"  # noted at a roll call; opens no door


# Other denials have the tone DENY.
_TONES = {
    Reason.BEFORE_RESTART: Tone.SAME,
    Reason.ROLL_CALL: Tone.SEEN,
    Reason.KIOSK_RETIRED: Tone.ELSEWHERE,
    Reason.DOOR_RESTING: Tone.ELSEWHERE,
    Reason.FACTS_TOO_OLD: Tone.ELSEWHERE,
}


@dataclass(frozen=True)
class Explanation:
    """A kiosk's message to its steward in one language. `next_step` is "" if there is nothing to
    do.
    """

    word: str
    reason: str
    next_step: str


def tone(decision: Decision, direction: Direction) -> Tone:
    if direction is Direction.EXIT:
        return Tone.GOODBYE
    if isinstance(decision, Denied):
        return _TONES.get(decision.reason, Tone.DENY)
    return Tone.LOOK if decision.flags.intersection(_TOLD) else Tone.ADMIT


def explain(
    decision: Decision,
    direction: Direction,
    *,
    language: Language,
    words: gettext.NullTranslations,
    time_zone: ZoneInfo | str,
    at: int,
    categories: Mapping[int, str],
    category: int | None = None,
    hall: str = "",
    sessions: Mapping[int, str] | None = None,
    doors: Mapping[str, str] | None = None,
    outer: Mapping[int, str] | None = None,
    is_number: bool = False,
) -> Explanation:
    """Describe a decision made at `at` (Unix ms) to the steward. All names are in `language`.

    `words` translates `sentences`, from `badges/translations` or another catalogue. `category` is
    the badge's own; `sessions` are titles by id; `doors` are names by the values of `Denied.door`,
    which is shown unchanged without a name; `outer` are names of surrounding halls by id. Missing
    names are left out. `is_number` as in `Scan`. Raises ZoneInfoNotFoundError for an unknown zone.
    """
    zone = ZoneInfo(time_zone) if isinstance(time_zone, str) else time_zone
    saying = _Saying(
        language,
        words,
        zone,
        at,
        categories,
        category,
        hall,
        sessions or {},
        doors or {},
        outer or {},
    )
    word = words.gettext(WORDS[_word(decision, direction)])
    if isinstance(decision, Denied):
        if is_number and decision.reason is Reason.NOT_A_BADGE:
            return Explanation(word, *saying.part("number"))
        return Explanation(word, *saying.denied(decision))
    if direction is Direction.EXIT:
        return Explanation(word, *saying.left(decision))
    return Explanation(word, *saying.admitted(decision))


def _word(decision: Decision, direction: Direction) -> str:
    answer_tone = tone(decision, direction)
    # Such a person may not enter alone, so "admit" would be wrong.
    if (
        isinstance(decision, Admitted)
        and answer_tone is Tone.LOOK
        and Flag.ESCORT in decision.flags
    ):
        return "escort"
    return answer_tone


@dataclass(frozen=True)
class _Saying:
    language: Language
    words: gettext.NullTranslations
    zone: ZoneInfo
    at: int
    categories: Mapping[int, str]
    category: int | None
    hall: str
    sessions: Mapping[int, str]
    doors: Mapping[str, str]
    outer: Mapping[int, str]

    def admitted(self, admitted: Admitted) -> Pair:
        flags = set(admitted.flags)
        if Flag.LIKELY_COPY in flags:  # whose check is the same
            flags.discard(Flag.PASSBACK)
        notices = [self.pair(FLAGS[flag]) for flag in _TOLD if flag in flags]
        if notices and admitted.kept_place:
            notices.append(self.part("kept_place"))
        if notices:
            return reduce(self.then, notices)
        name = "admitted_to" if self.title(admitted.session_id) else "admitted"
        welcome = self.part(name, place=self.place(admitted.session_id))
        if Flag.DAY_CREDENTIAL in admitted.flags:
            card, nothing = self.pair(FLAGS[Flag.DAY_CREDENTIAL])
            sentence = self.say(sentences.NEXT_SENTENCE, first=welcome[0], second=card)
            welcome = sentence, nothing
        if not admitted.kept_place:
            return welcome
        kept, next_step = self.part("kept_place")
        return self.say(sentences.NEXT_SENTENCE, first=welcome[0], second=kept), next_step

    def left(self, admitted: Admitted) -> Pair:
        for flag in (Flag.UNVERIFIED, Flag.NO_ENTRY, Flag.REPEATED):
            if flag in admitted.flags:
                return self.pair(FLAGS[flag])
        return self.part("left")

    def denied(self, denied: Denied) -> Pair:
        if denied.reason is Reason.NOT_ENTITLED:
            return self.not_entitled(denied)
        if denied.reason is Reason.HALL_CLOSED:
            return self.closed(denied)
        if denied.reason is Reason.ALREADY_INSIDE:
            return self.inside(denied)
        if denied.reason is Reason.HALL_FULL and denied.kept:
            return self.kept(denied)
        if denied.reason is Reason.BEFORE_RESTART:
            return self.refusal(denied.reason, n=str(self.seconds_since(denied)))
        return self.refusal(denied.reason, hall=self.hall_of(denied))

    def seconds_since(self, denied: Denied) -> int:
        return 0 if denied.since is None else max(0, self.at - denied.since) // 1000

    def kept(self, denied: Denied) -> Pair:
        hall = self.hall_of(denied)
        hall = hall[:1].upper() + hall[1:]
        if denied.kept_until is None:
            return self.pair(sentences.KEPT, hall=hall)
        return self.pair(sentences.KEPT_UNTIL, hall=hall, time=self.moment(denied.kept_until))

    def not_entitled(self, denied: Denied) -> Pair:
        place = self.place(denied.session_id)
        categories = self.who(denied)
        if self.category is not None and self.category in denied.categories:
            # A zone or a refusal by name shuts this holder out. "Admits delegates" would puzzle a
            # delegate.
            reason, next_step = self.refusal(denied.reason, place=place)
        elif categories:
            reason, next_step = self.part("admits", place=place, who=categories)
        elif denied.session_id is not None:
            reason, next_step = self.part("invited", place=place)
        else:
            reason, next_step = self.refusal(denied.reason, place=place)
        if denied.opens_at is None:
            return reason, next_step
        return reason, self.opens(denied.opens_at, "own")[0]

    def closed(self, denied: Denied) -> Pair:
        if denied.opens_at is None:
            return self.refusal(denied.reason, hall=self.hall_of(denied))
        opens, next_step = self.opens(denied.opens_at)
        title = self.title(denied.session_id)
        return (self.part("titled", opens=opens, title=title)[0] if title else opens), next_step

    def inside(self, denied: Denied) -> Pair:
        around = denied.hall_id is not None
        door = "" if around or not denied.door else self.doors.get(denied.door, denied.door)
        time = "" if denied.since is None else self.moment(denied.since)
        reason, next_step = self.refusal(denied.reason)
        name = (
            "inside"
            + ("_outer" if around else "")
            + ("_since" if denied.since is not None else "")
            + ("_door" if door else "")
        )
        if name in PARTS:
            reason, _ = self.part(name, time=time, hall=self.hall_of(denied), door=door)
        return reason, next_step

    def opens(self, opens_at: int, subject: str = "opens") -> Pair:
        """`subject` is "opens" for the hall, "own" for the holder's session beside another."""
        time, days = self.time(opens_at), self.days_away(opens_at)
        if days <= 0:
            return self.part(f"{subject}_today", time=time, span=self.span(opens_at))
        if days == 1:
            return self.part(f"{subject}_tomorrow", time=time)
        return self.part(f"{subject}_later", time=time, day=self.day(opens_at))

    def refusal(self, reason: Reason, **names: str) -> Pair:
        words = REFUSALS[reason]
        return self.pair((words.sentence, words.next_step), **names)

    def part(self, name: str, **names: str) -> Pair:
        return self.pair(PARTS[name], **names)

    def pair(self, pair: Pair, **names: str) -> Pair:
        reason = self.say(pair[0], **names)
        nameless = (self.say(sentences.THIS_HALL), self.say(sentences.HALL_AROUND))
        if reason.startswith(nameless):
            reason = reason[0].upper() + reason[1:]
        return reason, self.say(pair[1], **names)

    def say(self, text: str, **names: str) -> str:
        # Not for "", which gettext answers with the catalogue's header.
        return self.words.gettext(text).format(**names) if text else ""

    def then(self, first: Pair, second: Pair) -> Pair:
        join = sentences.NEXT_SENTENCE
        return (
            self.say(join, first=first[0], second=second[0]),
            self.say(join, first=first[1], second=second[1]),
        )

    def title(self, session_id: int | None) -> str:
        return "" if session_id is None else self.sessions.get(session_id, "")

    def place(self, session_id: int | None) -> str:
        return self.title(session_id) or self.hall or self.say(sentences.THIS_HALL)

    def hall_of(self, denied: Denied) -> str:
        if denied.hall_id is None:
            return self.place(None)
        return self.outer.get(denied.hall_id) or self.say(sentences.HALL_AROUND)

    def who(self, denied: Denied) -> str:
        """The admitted categories as one text, such as "speakers, staff and press"."""
        codes = sorted(denied.categories)
        names = [name for code in codes if (name := self.categories.get(code, ""))]
        if self.language == ENGLISH:
            names = [_plural(name) for name in names]
        *most, last = names or [""]
        if not most:
            return last
        listed = reduce(lambda a, b: self.say(sentences.NEXT_NAME, names=a, name=b), most)
        return self.say(sentences.LAST_NAME, names=listed, name=last)

    def local(self, instant: int) -> datetime:
        return datetime.fromtimestamp(instant / 1000, self.zone)

    def time(self, instant: int) -> str:
        return self.local(instant).strftime("%H:%M")

    def days_away(self, instant: int) -> int:
        return (self.local(instant).date() - self.local(self.at).date()).days

    def moment(self, instant: int) -> str:
        if self.days_away(instant) == 0:
            return self.time(instant)
        return self.say(sentences.MOMENT, day=self.day(instant), time=self.time(instant))

    def day(self, instant: int) -> str:
        day: date = self.local(instant).date()
        return self.say(
            sentences.DAY,
            weekday=self.say(sentences.WEEKDAYS[day.weekday()]),
            day=str(day.day),
            month=self.say(sentences.MONTHS[day.month - 1]),
        )

    def span(self, instant: int) -> str:
        """The time until `instant` in whole minutes, rounded up, at least one."""
        hours, minutes = divmod(max(1, -(-(instant - self.at) // 60_000)), 60)
        parts = [self.count(sentences.HOURS, hours), self.count(sentences.MINUTES, minutes)]
        if hours and minutes:
            return self.say(sentences.HOURS_MINUTES, hours=parts[0], minutes=parts[1])
        return parts[0] if hours else parts[1]

    def count(self, units: Pair, n: int, **names: str) -> str:
        return self.words.ngettext(*units, n).format(n=n, **names)


def _plural(name: str) -> str:
    """Within a sentence: "Speaker" becomes "speakers", "VIP" becomes "VIPs"."""
    if not name.isascii() or " " in name:
        return name
    if name.isupper():
        return f"{name}s"
    lower = name.lower()
    return f"{lower}s" if lower.endswith(_COUNTED) else lower
