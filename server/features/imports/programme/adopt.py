"""Converts the drafts of a programme to plans.

Admission, door times, official forums and titles in other languages stay as in the event.
"""

import re
import uuid
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from badges.i18n import Phrase, counted, joined, phrase_of
from badges.roster import cells
from badges.roster.same_name import name_key
from server.core.event.calendar import day_starts
from server.core.event.settings import EventSettings
from server.core.programme import activities, organisations
from server.core.programme.activities import Activity
from server.core.programme.speakers import Speaker, speakers_of
from server.core.venue import fields as venue_fields
from server.core.venue import store
from server.core.venue.fields import ValueRefusedError
from server.core.venue.store import SessionRow
from server.features.imports.programme.formats.draft import Draft, DraftPerson, Found
from server.features.imports.programme.mapping import ProgrammeMapping, folded
from server.features.imports.programme.new_halls import NewHalls
from server.features.imports.programme.plan import ActivityPlan, Programme, SpeakerPlan
from server.features.imports.programme.title import HAN_OR_NOT, titles_of
from server.features.imports.venue_plan import SessionPlan, Venue, located
from server.storage.connection import Connection

NO_KIND = "conference"
OPENS_BEFORE_MS = 30 * 60_000
NAMED_MAX = 20
_EVERYBODY = frozenset(
    {"all", "everybody", "everyone", "public", "open", "全部", "所有人", "公开", "不限"}
)
_BETWEEN_NAMES = re.compile(r"[,，、;；/|()（）\n]")


@dataclass(frozen=True)
class Adopted:
    venue: Venue
    problems: tuple[str, ...]
    skipped: int  # Sessions left out for a problem, or by the mapping
    cancelled: tuple[str, ...]
    # The file's rooms and kinds with codes; None: left out; "": unknown.
    rooms: Mapping[str, str | None] = field(default_factory=dict)
    kinds: Mapping[str, str | None] = field(default_factory=dict)
    # Rooms that become halls, with the places that the file or the mapping gives; "" if neither.
    new_rooms: Mapping[str, str] = field(default_factory=dict)


def adopt(
    db: Connection,
    drafts: Found,
    mapping: ProgrammeMapping,
    settings: EventSettings,
    *,
    on_page: bool = False,
) -> Adopted:
    """Convert the drafts to plans, and report the others.

    With `on_page`, remedies don't mention the command line.
    """
    return _Adopter(db, mapping, settings, on_page).adopt(drafts)


class _Adopter:
    def __init__(
        self, db: Connection, mapping: ProgrammeMapping, settings: EventSettings, on_page: bool
    ) -> None:
        self.db = db
        self.on_page = on_page
        self.days = day_starts(settings)
        self.settings = settings
        halls = {item.code: item.names for item in store.halls(db)}
        kinds = {code: kind.names for code, kind in activities.kinds(db).items()}
        self.halls = _Words(Phrase("hall"), "halls", halls, mapping.halls)
        self.new_halls = NewHalls(mapping, set(halls))
        self.kinds = _Words(Phrase("kind of activity"), "kinds", kinds, mapping.kinds)
        self.sessions = {item.code: item for item in store.sessions(db)}
        self.activities = {item.code: item for item in activities.activities(db)}
        categories = {item.code: item.key for item in store.categories(db)}
        self.categories = categories
        self.category_words = cells.category(
            {item.key: tuple(item.names.values()) for item in store.categories(db)}
        )
        self.problems: list[str] = []
        self.notes: list[str] = []
        self.unknown_hosts: Counter[str] = Counter()

    def adopt(self, drafts: Found) -> Adopted:
        plans: list[SessionPlan] = []
        activity_plans: dict[str, ActivityPlan] = {}
        taken: list[Draft] = []
        rows: dict[tuple[str, str], str] = {}
        self.problems = list(drafts.problems)
        self.new_halls.study(drafts.drafts)
        for draft in drafts.drafts:
            if ("session", draft.code) in rows:
                self.problems.append(
                    Phrase(
                        "%(place)s: its code %(code)s is there twice",
                        place=draft.place,
                        code=draft.code,
                    )
                )
                continue
            plan, activity = self._session(draft), self._activity(draft)
            if plan is None or activity is None:
                continue
            rows["session", draft.code] = rows["activity", draft.activity] = draft.place
            plans.append(plan)
            activity_plans.setdefault(draft.activity, activity)
            taken.append(draft)
        speakers = tuple(_Speakers(self.db, self.sessions, self.notes).plans(taken))
        halls = tuple(self.new_halls.plans())
        rows |= {("hall", hall.code): self.new_halls.places[hall.code] for hall in halls}
        self.problems += [
            *self.new_halls.problems(self.on_page),
            *self.halls.problems(self.on_page),
            *self.kinds.problems(self.on_page),
        ]
        cancelled = tuple(code for code in drafts.cancelled if code in self.sessions)
        self._note(drafts, cancelled)
        return Adopted(
            venue=Venue(
                halls=halls,
                sessions=tuple(plans),
                programme=Programme(activities=tuple(activity_plans.values()), speakers=speakers),
                notes=(*drafts.all_notes(), *self.notes),
                rows=rows,
            ),
            problems=tuple(self.problems),
            skipped=len(drafts.drafts) - len(taken),
            cancelled=cancelled,
            rooms=self.halls.met,
            kinds=self.kinds.met,
            new_rooms=self.new_halls.rooms(),
        )

    def _note(self, drafts: Found, cancelled: tuple[str, ...]) -> None:
        if drafts.cancelled:
            self.notes.append(
                Phrase("cancelled in the file: %(cancelled)s", cancelled=_some(drafts.cancelled))
            )
        if cancelled:
            remedy = (
                Phrase("go to the session's page")
                if self.on_page
                else Phrase("confirm with --remove-sessions, or use the session's page")
            )
            self.notes.append(
                Phrase(
                    "cancelled, and still in the event: %(cancelled)s. To remove them, %(remedy)s",
                    cancelled=_some(cancelled),
                    remedy=remedy,
                )
            )
        if self.unknown_hosts:
            self.notes.append(
                Phrase(
                    "no organisation of the event, so that they host nothing: %(unknown_hosts)s",
                    unknown_hosts=_some(list(self.unknown_hosts)),
                )
            )

    def _session(self, draft: Draft) -> SessionPlan | None:
        problems = list(self._flaws(draft))
        self.problems += [located(draft.place, problem) for problem in problems]
        hall = self._hall(draft)
        admitted: tuple[str | int, ...] = ()
        try:
            admitted = self._categories(draft)
        except cells.CellError as error:
            problems.append(Phrase("who is admitted: %(why)s", why=phrase_of(error)))
            self.problems.append(located(draft.place, problems[-1]))
        if problems or not hall:
            return None
        before = self.sessions.get(draft.code)
        opens, closes = OPENS_BEFORE_MS, 0
        if before is not None:
            opens, closes = before.starts_at - before.opens_at, before.closes_at - before.ends_at
        return SessionPlan(
            code=draft.code,
            hall=hall,
            titles={
                **(before.titles if before else {}),
                **titles_of(draft.title),
                **titles_of(draft.title_zh),
            },
            starts_at=draft.starts_at,
            ends_at=draft.ends_at,
            opens_at=draft.starts_at - opens,
            closes_at=draft.ends_at + closes,
            categories=admitted or self._admitted(before),
            invited=(),
            refused=(),
            activity=draft.activity,
        )

    def _hall(self, draft: Draft) -> str | None:
        """Return the code of the room's hall, of a new one, None to skip it, or ""."""
        if not draft.room:
            return ""
        if self.new_halls.wanted(draft.room) and self.halls.is_new(draft.room):
            self.halls.met[draft.room] = ""
            return self.new_halls.code(draft)
        return self.halls.code(draft.room)

    def _categories(self, draft: Draft) -> tuple[str | int, ...]:
        """Return the keys of the categories that the file admits, none if it does not say.

        Raises CellError for a word that is no category.
        """
        if any(word.casefold() in _EVERYBODY for word in draft.admitted):
            return tuple(self.categories.values())
        return tuple(dict.fromkeys(map(self.category_words, draft.admitted)))

    def _flaws(self, draft: Draft) -> Iterator[str]:
        try:
            venue_fields.text(draft.title)
        except ValueRefusedError as error:
            yield (
                Phrase("has no title")
                if not draft.title
                else Phrase("its title %(why)s", why=phrase_of(error))
            )
        if not draft.room:
            yield Phrase("has no room, so that no hall is known")
        if not self.days[0] <= draft.starts_at < self.days[-1]:
            yield (
                Phrase(
                    "starts outside the event, which is %(days)s days from %(first_day)s",
                    days=self.settings.days,
                    first_day=self.settings.first_day,
                )
            )

    def _admitted(self, before: SessionRow | None) -> tuple[str | int, ...] | None:
        """Return the event's admitted categories; None, meaning all, for a new session."""
        if before is None or set(before.categories) == set(self.categories):
            return None
        return before.categories

    def _activity(self, draft: Draft) -> ActivityPlan | None:
        before = self.activities.get(draft.activity)
        kind, others = self._kind(draft, before)
        if not kind:
            return None
        hosts = list(self._hosts(draft))
        lead = tuple(code for code, role in hosts if role == "lead")
        co_hosts = tuple(code for code, role in hosts if role == "co_host" and code not in lead)
        if not hosts and before is not None:
            lead = tuple(host.code for host in before.hosts if host.role == "lead")
            co_hosts = tuple(host.code for host in before.hosts if host.role == "co_host")
        theme = draft.theme or next(iter(others), "") or (before.theme if before else "")
        return ActivityPlan(
            code=draft.activity,
            kind=kind,
            titles={
                **(before.titles if before else {}),
                **titles_of(draft.title),
                **titles_of(draft.title_zh),
            },
            official=before.official if before else False,
            parallel=before.parallel if before else False,
            theme=self._theme(draft, theme),
            language=self._language(draft, before),
            lead=lead,
            co_hosts=co_hosts,
        )

    def _kind(self, draft: Draft, before: Activity | None) -> tuple[str, list[str]]:
        if not draft.kinds:
            return (before.kind if before else NO_KIND), []
        mapped_words = [word for word in draft.kinds if self.kinds.knows(word)]
        word = mapped_words[0] if mapped_words else draft.kinds[0]
        code = self.kinds.code(word)
        return code or "", [other for other in draft.kinds if other != word]

    def _theme(self, draft: Draft, theme: str) -> str:
        try:
            return venue_fields.text(theme) if theme else ""
        except ValueRefusedError as error:
            self.notes.append(
                Phrase(
                    "%(place)s: its theme is left out: it %(why)s",
                    place=draft.place,
                    why=phrase_of(error),
                )
            )
            return ""

    def _language(self, draft: Draft, before: Activity | None) -> str:
        try:
            language = cells.language(draft.language) if draft.language else ""
        except cells.CellError as error:
            self.notes.append(
                Phrase(
                    "%(place)s: its language is left out: %(why)s",
                    place=draft.place,
                    why=phrase_of(error),
                )
            )
            language = ""
        return language or (before.language if before else "")

    def _hosts(self, draft: Draft) -> Iterator[tuple[str, str]]:
        codes = self._organisations() if draft.hosts else {}
        for name, role in dict.fromkeys(draft.hosts):
            code = codes.get(name_key("", name))
            if code:
                yield code, role
            else:
                self.unknown_hosts[name] += 1

    def _organisations(self) -> dict[str, str]:
        """Return the code for each unambiguous name."""
        if not hasattr(self, "_by_name"):
            met: dict[str, set[str]] = {}
            for organisation in organisations.organisations(self.db):
                for name in (organisation.code, *organisation.all_names):
                    met.setdefault(name_key("", name), set()).add(organisation.code)
            self._by_name = {key: min(codes) for key, codes in met.items() if len(codes) == 1}
        return self._by_name


class _Words:
    """Finds a word's code, by mapping, code or name."""

    def __init__(
        self,
        noun: str,
        table: str,
        names: Mapping[str, Mapping[str, str]],
        mapping: Mapping[str, str | None],
    ) -> None:
        self.what = noun
        self.table = table
        self.mapping = mapping
        self.codes = {folded(code): code for code in names}
        self.by_name: dict[str, set[str]] = {}
        for code, by_language in names.items():
            for name in by_language.values():
                self.by_name.setdefault(name_key("", name), set()).add(code)
        self.met: dict[str, str | None] = {}
        self.unknown: Counter[str] = Counter()

    def knows(self, word: str) -> bool:
        return self._find(word) != ""

    def is_new(self, word: str) -> bool:
        """Whether nothing of the event and of the mapping has this name."""
        key = folded(word)
        return not (key in self.mapping or key in self.codes or self._named(word))

    def code(self, word: str) -> str | None:
        matched = self.met[word] = self._find(word)
        if matched == "":
            self.unknown[word] += 1
        return matched

    def _find(self, word: str) -> str | None:
        key = folded(word)
        if key in self.mapping:
            mapped = self.mapping[key]
            return None if mapped is None else self.codes.get(folded(mapped), "")
        if key in self.codes:
            return self.codes[key]
        named = self._named(word)
        return next(iter(named)) if len(named) == 1 else ""

    def _named(self, word: str) -> set[str]:
        """Return the codes of things with this name, or all names of a list such as "Grand Hall,
        大会堂".
        """
        whole = self.by_name.get(name_key("", word), set())
        names = [name for part in _BETWEEN_NAMES.split(word) for name in HAN_OR_NOT.findall(part)]
        keys = [key for name in names if (key := name_key("", name))]
        if whole or len(keys) < 2:
            return whole
        return set.intersection(*(self.by_name.get(key, set()) for key in keys))

    def problems(self, on_page: bool) -> Iterator[str]:
        for word, events in self.unknown.most_common():
            quoted = word[:60].replace('"', '\\"')
            times = counted("%(num)s event", "%(num)s events", events)
            mapped = self.mapping.get(folded(word))
            named = sorted(self._named(word))
            why = Phrase("is not a %(what)s of this event", what=self.what)
            if mapped:
                why = Phrase("is mapped to %(mapped)s, which %(why)s", mapped=mapped, why=why)
            elif named:
                why = Phrase("could be %(named)s", named=joined(Phrase(" or "), named))
            if on_page:
                yield Phrase(
                    "%(word)s (%(times)s) %(why)s: choose one below, or leave them out",
                    word=word[:60],
                    times=times,
                    why=why,
                )
                continue
            yield (
                Phrase(
                    "%(quoted)s (%(times)s) %(why)s: write in a mapping, under [%(table)s], "
                    '"%(quoted2)s" = "CODE", or false to skip them; there are %(what)s',
                    quoted=repr(quoted),
                    times=times,
                    why=why,
                    table=self.table,
                    quoted2=quoted,
                    what=", ".join(sorted(self.codes.values())[:12]) or "none",
                )
            )


class _Speakers:
    def __init__(
        self, db: Connection, sessions: Mapping[str, SessionRow], notes: list[str]
    ) -> None:
        self.db = db
        self.sessions = sessions
        self.notes = notes
        self.unknown: dict[str, None] = {}

    def plans(self, drafts: Iterable[Draft]) -> Iterator[SpeakerPlan]:
        with_people = [draft for draft in drafts if draft.people]
        if not with_people:
            return
        guids = any(person.guid for draft in with_people for person in draft.people)
        people = _People(self.db, guids=guids)
        numbers = [
            self.sessions[draft.code].session_id
            for draft in with_people
            if draft.code in self.sessions
        ]
        before = speakers_of(self.db, numbers)
        for draft in with_people:
            session = self.sessions.get(draft.code)
            stood = before.get(session.session_id, ()) if session else ()
            yield from self._of_session(draft, people, stood)
        if self.unknown:
            self.notes.append(
                Phrase(
                    "not on the roster yet, and shown by name: %(unknown)s",
                    unknown=_some(list(self.unknown)),
                )
            )

    def _of_session(
        self, draft: Draft, people: "_People", stood: Iterable[Speaker]
    ) -> Iterator[SpeakerPlan]:
        roles = {_who(speaker): speaker.role for speaker in stood}
        starts = {_who(speaker): speaker.starts_at for speaker in stood}
        met: set[str] = set()
        for person in draft.people:
            serial, label, name = people.find(person)
            speaker = Speaker(serial, label, name, person.role or "speaker", None)
            if serial is None:
                self.unknown[person.name] = None
            identity = _who(speaker)
            if {identity, (label or name).casefold()} & met:
                continue
            met |= {identity, (label or name).casefold()}
            role = person.role or roles.get(identity, "speaker")
            whole = Speaker(serial, label, name, role, starts.get(identity))
            yield SpeakerPlan(draft.code, whole)


def _who(speaker: Speaker) -> str:
    return (
        f"#{speaker.serial}"
        if speaker.serial is not None
        else (speaker.label or speaker.name).casefold()
    )


class _People:
    """Finds attendees by a programme's data. `guids`: compute guids, which takes seconds for a
    whole roster.
    """

    def __init__(self, db: Connection, *, guids: bool) -> None:
        self.by_id: dict[str, list[tuple[int, str, str]]] = {}
        self.by_name: dict[str, list[tuple[int, str, str]]] = {}
        for row in db.execute(
            "SELECT serial, external_id, email, given_name, family_name FROM attendee"
        ):
            mail = row["email"] or ""
            name = name_key(row["given_name"], row["family_name"])
            entry = (row["serial"], row["external_id"] or mail, name)
            self.by_name.setdefault(name, []).append(entry)
            keys = {row["external_id"] or "", mail.casefold()}
            if mail and guids:
                # The format derives a person's guid from the address.
                for form in {mail, mail.lower()}:
                    keys.add(str(uuid.uuid5(uuid.NAMESPACE_URL, f"acct:{form}")))
            for key in keys - {""}:
                self.by_id.setdefault(key, []).append(entry)

    def find(self, person: DraftPerson) -> tuple[int | None, str, str]:
        name = name_key("", person.name)
        for key in (person.email.casefold(), person.code, person.guid):
            matches = self.by_id.get(key, []) if key else []
            if len(matches) > 1:
                matches = [match for match in matches if match[2] == name]
            if len(matches) == 1:
                return matches[0][0], matches[0][1] or person.email, person.name
        named = self.by_name.get(name, [])
        if not person.email and len(named) == 1:
            return named[0][0], named[0][1], person.name
        return None, person.email, person.name


def _some(names: Iterable[str]) -> str:
    whole = list(names)
    more = (
        Phrase(" and %(count)s more", count=len(whole) - NAMED_MAX)
        if len(whole) > NAMED_MAX
        else ""
    )
    return ", ".join(name[:60] for name in whole[:NAMED_MAX]) + more
