"""Warns of probable mistakes in a venue."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime
from itertools import groupby
from zoneinfo import ZoneInfo

from badges.i18n import Phrase, joined
from server.core.event.calendar import day_starts
from server.core.event.settings import EventSettings
from server.core.programme.guests import awaited
from server.core.venue import capacity_reasons, nesting, store
from server.features.imports.venue_check import hidden
from server.features.imports.venue_plan import Venue, located
from server.storage.connection import Connection

TOLD_MAX = 5


def advice(db: Connection, venue: Venue, settings: EventSettings) -> list[str]:
    """Return a sentence for each warning, with its row if known."""
    checker = _Advice(db, venue, settings)
    checks: tuple[Callable[[], Iterable[str]], ...] = (
        checker.halls_without_a_way,
        checker.limits_above_the_parents,
        checker.capacities_above_their_reasons,
        checker.nested_doors_that_say_nothing,
        checker.sessions_at_once,
        checker.sessions_past_the_end,
        checker.guests_that_are_awaited,
    )
    return [sentence for check in checks for sentence in check()]


class _Advice:
    def __init__(self, db: Connection, venue: Venue, settings: EventSettings) -> None:
        self.db = db
        self.venue = venue
        self.settings = settings
        self.zone = ZoneInfo(settings.time_zone)

    def halls_without_a_way(self) -> Iterator[str]:
        never_freed = store.halls_never_freed(self.db)
        for hall_id, code, doors, entries in self.db.execute(
            "SELECT h.hall_id, h.code, COUNT(d.door_id), COUNT(*) FILTER (WHERE d.mode <> 'exit')"
            " FROM hall h LEFT JOIN door d USING (hall_id) GROUP BY h.hall_id ORDER BY h.code"
        ):
            place = self.venue.place("hall", code)
            if not doors:
                yield Phrase("%(place)s: has no door, so no kiosk can admit anyone", place=place)
            elif not entries:
                yield Phrase(
                    "%(place)s: its doors are only for exit, so no one can enter", place=place
                )
            elif hall_id in never_freed:
                yield (
                    Phrase(
                        "%(place)s: only scanned exits count as leaving, but no door of this hall "
                        "scans exits. So places become free only when staff count the hall as "
                        'empty on its page. Give it a door with mode = "exit" or "both"; or write '
                        'leaving = "inferred": then entering another hall counts as leaving, and '
                        "is shown as uncertain",
                        place=place,
                    )
                )

    def limits_above_the_parents(self) -> Iterator[str]:
        for code, limit, parent, around in self.db.execute(
            "SELECT h.code, h.fire_limit, p.code, p.fire_limit FROM hall h JOIN hall p"
            " ON p.hall_id = h.parent_id WHERE h.fire_limit > p.fire_limit ORDER BY h.code"
        ):
            yield (
                Phrase(
                    "%(code)s: fire_limit %(limit)s is above that of its parent %(parent)s, "
                    "which is %(around)s",
                    code=self.venue.place("hall", code),
                    limit=limit,
                    parent=parent,
                    around=around,
                )
            )

    def capacities_above_their_reasons(self) -> Iterator[str]:
        for hall in store.halls(self.db):
            excess = capacity_reasons.warning(
                hall.capacity, capacity_reasons.reasons(hall.measures)
            )
            if excess is not None:
                yield located(self.venue.place("hall", hall.code), excess)

    def nested_doors_that_say_nothing(self) -> Iterator[str]:
        """Warn of nested halls' doors without a stated origin."""
        halls = dict(self.db.execute("SELECT hall_id, code FROM hall").fetchall())
        own = {row[0] for row in self.db.execute("SELECT hall_id FROM door WHERE mode <> 'exit'")}
        unsaid, doors = nesting.unsaid(self.db), defaultdict(list)
        paths = nesting.outer_by_door(self.db, nesting.parents_of(self.db))
        for door, hall, code in self.db.execute(
            "SELECT door_id, hall_id, code FROM door ORDER BY code"
        ):
            if door in unsaid and door in paths:
                doors[hall].append(code)
        for hall, codes in sorted(doors.items(), key=lambda item: halls[item[0]]):
            outer = nesting.outer_halls(hall, nesting.parents_of(self.db), None)
            yield self._unsaid(halls[hall], codes, [halls[hall_id] for hall_id in outer],
                               [halls[hall_id] for hall_id in outer if hall_id in own])  # fmt: skip

    def _unsaid(self, hall: str, doors: list[str], outer: list[str], own: list[str]) -> str:
        more = (
            Phrase(" and %(count)s more", count=len(doors) - TOLD_MAX)
            if len(doors) > TOLD_MAX
            else ""
        )
        which = Phrase(
            "its doors %(doors)s%(more)s do not state where they lead from",
            doors=", ".join(doors[:TOLD_MAX]),
            more=more,
        )
        if len(doors) == 1:
            which = Phrase("its door %(doors)s does not state where it leads from", doors=doors[0])
        twice = (
            Phrase(
                "; people who entered by a door of %(own)s are counted twice there",
                own=joined(Phrase(" or "), own),
            )
            if own
            else ""
        )
        return Phrase(
            "%(hall)s: %(which)s, so people entering there are also counted in "
            '%(outer)s%(twice)s. Write from = "outside", or from = "%(around)s"',
            hall=self.venue.place("hall", hall),
            which=which,
            outer=joined(Phrase(" and "), outer),
            twice=twice,
            around=outer[0],
        )

    def sessions_at_once(self) -> Iterator[str]:
        """Warn of concurrent sessions in one hall, whose doors admit the guests of both."""
        rows = self.db.execute(
            "SELECT a.code, a.starts_at, h.code AS hall, b.code AS other, b.starts_at AS starts,"
            " b.ends_at AS ends FROM session a"
            " JOIN session b ON b.hall_id = a.hall_id AND b.starts_at < a.ends_at"
            " AND (a.starts_at, a.session_id) > (b.starts_at, b.session_id)"
            " AND b.ends_at > a.starts_at JOIN hall h ON h.hall_id = a.hall_id"
            " ORDER BY a.starts_at, a.code, b.starts_at"
        ).fetchall()
        for (code, hall), pairs in groupby(rows, key=lambda row: (row["code"], row["hall"])):
            others = [
                Phrase(
                    "%(one)s (%(starts)s to %(ends)s)",
                    one=pair["other"],
                    starts=self._clock(pair["starts"]),
                    ends=self._clock(pair["ends"]),
                )
                for pair in pairs
            ]
            more = (
                Phrase(" and %(count)s more", count=len(others) - TOLD_MAX)
                if len(others) > TOLD_MAX
                else ""
            )
            yield (
                Phrase(
                    "%(code)s: is in hall %(hall)s at the same time as %(others)s%(more)s; the "
                    "doors admit the guests of both",
                    code=self.venue.place("session", code),
                    hall=hall,
                    others=", ".join(others[:TOLD_MAX]),
                    more=more,
                )
            )

    def sessions_past_the_end(self) -> Iterator[str]:
        """Warn of sessions after the event's end, when no badge is valid."""
        end = day_starts(self.settings)[-1]
        for code, ends in self.db.execute(
            "SELECT code, ends_at FROM session WHERE ends_at > ? ORDER BY starts_at, code", (end,)
        ):
            yield (
                Phrase(
                    "%(code)s: ends %(ends)s, after the event's last day: from %(end)s on no "
                    "one is admitted",
                    code=self.venue.place("session", code),
                    ends=self._clock(ends),
                    end=self._clock(end),
                )
            )

    def guests_that_are_awaited(self) -> Iterator[str]:
        sessions = {row[0] for row in self.db.execute("SELECT code FROM session")}
        for code, labels in awaited(self.db).items():
            if code not in sessions:
                continue  # from a roster
            more = (
                Phrase(" and %(count)s more", count=len(labels) - TOLD_MAX)
                if len(labels) > TOLD_MAX
                else ""
            )
            named = ", ".join(map(hidden, labels[:TOLD_MAX])) + more
            yield (
                Phrase(
                    "%(code)s: names %(count)s who are not on the roster yet: %(named)s. It "
                    "applies once a roster has them",
                    code=self.venue.place("session", code),
                    count=len(labels),
                    named=named,
                )
            )

    def _clock(self, at: int) -> str:
        local = datetime.fromtimestamp(at / 1000, UTC).astimezone(self.zone)
        return local.strftime("%Y-%m-%d %H:%M")
