"""Reads a venue file in TOML or XLSX, and reports all faults at once.

`venue_import` checks references against the event.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any
from zoneinfo import ZoneInfo

from badges.i18n import Count, Phrase, phrase_of
from badges.settings_check import unknown_key
from badges.whole_toml import whole_toml
from server.core.event.settings import EventSettings
from server.core.venue.fields import Field, ValueRefusedError
from server.features.imports.venue_plan import KINDS, Venue, VenueError, located
from server.features.imports.venue_values import KINDS as THINGS
from server.features.imports.venue_values import read_values
from server.features.imports.venue_xlsx import Entry, Found, is_workbook, read_workbook

FILE_BYTES_MAX = 10_000_000
ENTRIES_MAX = 20_000  # of each kind


def columns() -> dict[str, dict[str, Field]]:
    return {kind: dict(thing.fields(ZoneInfo("UTC"))) for kind, thing in THINGS.items()}


def read_venue(data: bytes, name: str, settings: EventSettings) -> Venue:
    """Read the venue from a TOML or XLSX file called `name`, with local times of the event.

    Raises VenueError with every problem.
    """
    if len(data) > FILE_BYTES_MAX:
        raise VenueError(
            [
                Phrase(
                    "%(name)s has over %(most)s bytes: too large for a venue file",
                    name=name,
                    most=Count(FILE_BYTES_MAX),
                )
            ]
        )
    kinds = tuple(THINGS)
    workbook = is_workbook(data)
    read = read_workbook(data, name, kinds) if workbook else Found(_toml(data, name, kinds))
    entries = read.entries
    reader = _Reader(settings, list(read.problems))
    for kind, things in entries.items():
        if len(things) > ENTRIES_MAX:
            raise VenueError(
                [
                    Phrase(
                        "%(name)s has over %(most)s of [[%(kind)s]]",
                        name=name,
                        most=Count(ENTRIES_MAX),
                        kind=kind,
                    )
                ]
            )
    venue = Venue.of(
        {kind: reader.all(kind, entries) for kind in kinds},
        notes=tuple(read.notes),
        rows=reader.rows if workbook else {},
    )
    if not any(entries.values()):
        reader.problems.append(
            Phrase(
                "%(name)s has none of %(known)s",
                name=name,
                known=", ".join(f"[[{kind}]]" for kind in kinds),
            )
        )
    if reader.problems:
        raise VenueError(reader.problems)
    return venue


def _toml(data: bytes, name: str, kinds: tuple[str, ...]) -> dict[str, list[Entry]]:
    try:
        document = whole_toml(data.decode("utf-8-sig"))
    except UnicodeDecodeError:
        raise VenueError(
            [Phrase("%(name)s is not UTF-8 text: save it as UTF-8", name=name)]
        ) from None
    except RecursionError:
        raise VenueError(
            [Phrase("%(name)s has lists nested too deeply: it is not a venue file", name=name)]
        ) from None
    except ValueError as error:  # also for a whole number of over 4,300 digits
        raise VenueError(
            [Phrase("%(name)s is not TOML: %(why)s", name=name, why=phrase_of(error))]
        ) from None
    problems = []
    entries: dict[str, list[Entry]] = {}
    for kind, tables in document.items():
        if kind not in kinds:
            problems.append(located(name, unknown_key(kind, kinds)))
        elif not isinstance(tables, list) or not all(isinstance(table, dict) for table in tables):
            problems.append(
                Phrase(
                    "%(name)s: write each %(kind)s under its own [[%(kind)s]]", name=name, kind=kind
                )
            )
        else:
            entries[kind] = [
                Entry(_toml_place(kind, n, table), table) for n, table in enumerate(tables, 1)
            ]
    if problems:
        raise VenueError(problems)
    return entries


def _toml_place(kind: str, number: int, table: Mapping[str, Any]) -> str:
    code = table.get("code")
    if isinstance(code, (str, int)):
        return Phrase(
            "%(kind)s %(number)s (%(code)s)",
            kind=KINDS[kind],
            number=number,
            code=str(code)[:32],
        )
    return Phrase("%(kind)s %(number)s", kind=KINDS[kind], number=number)


@dataclass
class _Reader:
    settings: EventSettings
    problems: list[str]
    rows: dict[tuple[str, str], str] = field(default_factory=dict)

    def all(self, kind: str, entries: Mapping[str, list[Entry]]) -> list[Any]:
        fields = THINGS[kind].fields(ZoneInfo(self.settings.time_zone))
        plans = []
        met: dict[str, str] = {}
        for entry in entries.get(kind, ()):
            values, problems = read_values(fields, entry.values, entry.unread)
            problems = [located(entry.place, problem) for problem in problems]
            self.rows[kind, str(values.get("key", values.get("code")))] = entry.place
            problems += self._repeated(entry.place, values, met)
            self.problems += problems
            if problems or entry.unread:
                continue
            try:
                plans.append(THINGS[kind].plan(values, self.settings))
            except ValueRefusedError as error:
                self.problems.append(located(entry.place, error.phrase))
        return plans

    def _repeated(
        self, place: str, values: Mapping[str, Any], met: dict[str, str]
    ) -> Iterator[str]:
        for key in ("code", "key", "bit", "letter"):
            if key in values:
                label = f"{key} {str(values[key]).casefold()}"
                first = met.setdefault(label, place)
                if first != place:
                    yield located(
                        place, Phrase("the same %(key)s as %(first)s", key=key, first=first)
                    )
