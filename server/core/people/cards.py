import hashlib
import unicodedata
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import partial
from typing import Any

from badges.categories import CategoryPlan
from badges.credential.badge_number import badge_number
from badges.printing.card import Card, Day
from badges.printing.latin import latin_name
from badges.printing.name_order import NameKey, name_key, text_key
from badges.roster.countries import country_name
from server.core.entry_log import entry_log
from server.core.entry_log.act_names import Act
from server.core.event.directory import Event
from server.core.event.settings import EventSettings
from server.core.people import attendees, collection
from server.core.people.attendees import Attendee
from server.core.people.issuing import Badge
from server.core.venue import store
from server.storage import dialect
from server.storage.connection import Connection

DAYS_SHOWN_MAX = 8  # Longer events show no days on cards.
_AT_ONCE = 2_000

Photo = Callable[[Attendee], str]


@dataclass(frozen=True)
class Lines:
    """Optional lines of a design."""

    latin: bool = True  # Transliterate names in other scripts where possible
    job_title: bool = False


USUAL = Lines()


@dataclass(frozen=True)
class PrintedBadge:
    badge: Badge
    holder: Attendee
    card: Card
    printed: int  # how often this issue was printed
    printed_as: str  # `content_of` the card at that print

    @property
    def has_changed(self) -> bool:
        return self.printed > 0 and self.printed_as != content_of(self.card)

    @property
    def made_latin(self) -> str:
        """Return the name as transliterated, or "" if the roster has a Latin one."""
        return "" if self.holder.latin_name else self.card.latin_name

    @property
    def lacks_latin(self) -> bool:
        """Return whether the name has no Latin letter and could not be transliterated."""
        letters = [char for char in self.holder.name if char.isalpha()]
        return not self.card.latin_name and not any(map(_is_latin, letters))


@dataclass(frozen=True)
class Choice:
    """A filter for badges. An empty field does not filter."""

    categories: Collection[str] = ()  # keys
    organisations: Collection[str] = ()
    serials: Collection[int] = ()
    not_printed: bool = False
    changed: bool = False  # since the last print
    order: str = "name"  # a key of ORDERS


def _by_name(printed: PrintedBadge) -> tuple[NameKey, int]:
    return name_key(printed.holder.given_name, printed.holder.family_name), printed.badge.serial


def _by_organisation(printed: PrintedBadge) -> tuple[object, ...]:
    return text_key(printed.holder.organisation), _by_name(printed)


def _by_category(printed: PrintedBadge) -> tuple[object, ...]:
    return printed.holder.category, _by_name(printed)


def _by_number(printed: PrintedBadge) -> tuple[object, ...]:
    return (printed.card.badge_number,)


ORDERS: Mapping[str, Callable[[PrintedBadge], tuple[Any, ...]]] = {
    "name": _by_name,
    "organisation": _by_organisation,
    "category": _by_category,
    "number": _by_number,
}


def card(db: Connection, event: Event, badge: Badge) -> Card:
    """Return the card without a photo and with the usual lines. Raises UnknownAttendeeError."""
    return next(_cards(db, event, [badge], USUAL, None)).card


def specimen(
    db: Connection, event: Event, badge: Badge, holder: Attendee, *, lines: Lines = USUAL
) -> Card:
    """The badge need not exist, for a preview."""
    category = next(plan for plan in store.categories(db) if plan.code == holder.category)
    return _card(event, badge, holder, category, store.zones(db), lines)


def read(
    db: Connection,
    event: Event,
    badges: Sequence[Badge],
    *,
    lines: Lines = USUAL,
    photo: Photo | None = None,
) -> list[PrintedBadge]:
    """Return the badges in the given order.

    `photo` returns an attendee's photo as SVG (`badges.printing.look.photo`).
    """
    return list(_cards(db, event, badges, lines, photo))


def chosen(
    badges: Iterable[PrintedBadge], choice: Choice, categories: Mapping[str, int]
) -> list[PrintedBadge]:
    """The result is sorted. `categories` maps category keys to numbers."""
    codes = {categories[key] for key in choice.categories}
    wanted = {_folded(text) for text in choice.organisations}
    matching = (
        printed
        for printed in badges
        if (not codes or printed.holder.category in codes)
        and (not choice.serials or printed.badge.serial in choice.serials)
        and (not wanted or _folded(printed.holder.organisation) in wanted)
        and _is_due(printed, choice)
    )
    return sorted(matching, key=ORDERS[choice.order])


def _is_due(printed: PrintedBadge, choice: Choice) -> bool:
    if not (choice.not_printed or choice.changed):
        return True
    return (choice.not_printed and not printed.printed) or (choice.changed and printed.has_changed)


def reprints(db: Connection, printed: Sequence[PrintedBadge]) -> int:
    """Return how many of these badges were printed before."""
    before = _printed_before(db, [item.badge.serial for item in printed])
    badges = [(item.badge.serial, item.badge.issue) for item in printed]
    # A person who was erased since has no badge any more.
    return sum(before[badge][0] > 0 for badge in badges if badge in before)


def note_printed(db: Connection, printed: Sequence[PrintedBadge], *, by: str, now: int) -> int:
    """Count and log prints. Return the number of reprints."""
    again = reprints(db, printed)
    db.executemany(
        "UPDATE badge SET printed = printed + 1, printed_at = ?, printed_as = ?"
        " WHERE serial = ? AND issue = ?",
        ((now, content_of(item.card), item.badge.serial, item.badge.issue) for item in printed),
    )
    is_single = len(printed) == 1
    subject = {"serial": printed[0].badge.serial} if is_single else {"count": len(printed)}
    more = {"again": again} if again else {}
    entry_log.act(db, by, Act.BADGES_PRINTED, subject | more, now)
    return again


def note_handed_over(db: Connection, printed: Sequence[PrintedBadge], *, by: str, now: int) -> None:
    """Called for cards that the desk printed for people who wait."""
    note_printed(db, printed, by=by, now=now)
    for item in printed:
        collection.note_collected(db, item.badge.serial, item.badge.issue, by=by, now=now)


def count_printed(db: Connection) -> int:
    (count,) = db.execute("SELECT COUNT(DISTINCT serial) FROM badge WHERE printed > 0").fetchone()
    return int(count)


def content_of(card: Card) -> str:
    """Return a hash of the card's visible content, except its photo and signature."""
    shown = replace(card, text="", photo="")
    return hashlib.blake2b(repr(shown).encode(), digest_size=12).hexdigest()


def event_days(settings: EventSettings, valid_days: int) -> tuple[Day, ...]:
    """Return the event's days, each with whether a badge with the bits `valid_days` is valid."""
    if not 2 <= settings.days <= DAYS_SHOWN_MAX:
        return ()
    return tuple(
        Day(str((settings.first_day + timedelta(days=day)).day), bool(valid_days >> day & 1))
        for day in range(settings.days)
    )


def _cards(
    db: Connection, event: Event, badges: Sequence[Badge], lines: Lines, photo: Photo | None
) -> Iterator[PrintedBadge]:
    categories = {plan.code: plan for plan in store.categories(db)}
    zones = store.zones(db)
    for at in range(0, len(badges), _AT_ONCE):
        some = badges[at : at + _AT_ONCE]
        serials = dialect.many([badge.serial for badge in some])
        holders = {
            row["serial"]: attendees.attendee_of(row)
            for row in db.execute(
                f"{attendees.SELECT} WHERE {dialect.one_of('a.serial')}", (serials,)
            )
        }
        before = _printed_before(db, [badge.serial for badge in some])
        for badge in some:
            holder = holders.get(badge.serial) or attendees.attendee(db, badge.serial)
            make = partial(_card, event, badge, holder, categories[holder.category], zones)
            card = replace(make(lines), photo=photo(holder)) if photo else make(lines)
            yield PrintedBadge(badge, holder, card, *before[badge.serial, badge.issue])


def _printed_before(
    db: Connection, serials: Sequence[int]
) -> dict[tuple[int, int], tuple[int, str]]:
    rows = db.execute(
        f"SELECT serial, issue, printed, printed_as FROM badge WHERE {dialect.one_of('serial')}",
        (dialect.many(serials),),
    )
    return {(row["serial"], row["issue"]): (row["printed"], row["printed_as"]) for row in rows}


def _card(
    event: Event,
    badge: Badge,
    holder: Attendee,
    category: CategoryPlan,
    zones: Mapping[str, int],
    lines: Lines,
) -> Card:
    first, second = both_languages(category.names)
    return Card(
        text=badge.credential,
        given_name=holder.given_name,
        family_name=holder.family_name,
        organisation=holder.organisation,
        country=country_name(holder.country),
        category_name=first,
        category_second_name=second,
        category_letter=category.letter,
        category_colour=category.colour,
        badge_number=badge_number(badge.serial),
        zones=_open_zones(zones, holder.zones),
        language=holder.language,
        latin_name=_stated_latin(holder) or (_made_latin(holder) if lines.latin else ""),
        job_title=holder.job_title if lines.job_title else "",
        days=event_days(event.settings, holder.valid_days),
    )


def of_one_day(card: Card, event: Event, day: int) -> Card:
    """`day` counts from 0, the event's first day."""
    date = event.settings.first_day + timedelta(days=day)
    return replace(
        card,
        days=event_days(event.settings, 1 << day),
        good_on=(
            f"{date:%a} {date.day} {date:%b}",
            f"{date.month}月{date.day}日当日证 · DAY CREDENTIAL",
        ),
    )


def latin_line(holder: Attendee) -> tuple[str, bool]:
    """Return the name in Latin letters, and whether it was transliterated, so that staff must
    check it.
    """
    return (holder.latin_name, False) if holder.latin_name else (_made_latin(holder), True)


def both_languages(names: Mapping[str, str]) -> tuple[str, str]:
    """Return a name in Chinese and in English, or the only one and ""."""
    texts = list(dict.fromkeys(filter(None, (names.get("zh"), names.get("en")))))
    texts += [text for text in names.values() if text and not texts]
    return (texts[0], texts[1]) if len(texts) > 1 else (texts[0] if texts else "", "")


def _stated_latin(holder: Attendee) -> str:
    """Return the roster's name in Latin letters, or "" if it only repeats the name."""
    stated, name = (text.casefold().split() for text in (holder.latin_name, holder.name))
    return "" if sorted(stated) == sorted(name) else holder.latin_name


def _made_latin(holder: Attendee) -> str:
    return latin_name(holder.given_name, holder.family_name, holder.language, holder.country)


def _open_zones(zones: Mapping[str, int], bits: int) -> tuple[str, ...]:
    """Return the codes of the zones open to a holder, empty if all zones are."""
    granted = tuple(code for code, bit in zones.items() if bits >> bit & 1)
    return () if len(granted) == len(zones) else granted


def _is_latin(char: str) -> bool:
    return unicodedata.name(char, "").startswith("LATIN")


def _folded(text: str) -> str:
    return " ".join(unicodedata.normalize("NFKC", text).casefold().split())
