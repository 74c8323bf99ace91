"""Describes what acts changed, with values before and after.

If no values of a changed attendee are stored, the current ones are shown and marked as such.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from zoneinfo import ZoneInfo

from server.core.edits.person_words import PersonWords
from server.core.edits.things import VENUE_KINDS, Thing, values_of
from server.core.edits.words import KINDS, LABELS, Difference, differences, name_of, shown
from server.core.entry_log import act_changes
from server.core.entry_log.act_changes import Change
from server.core.entry_log.act_list import LoggedAct
from server.core.entry_log.act_names import Act
from server.core.people.attendees import whole_name
from server.storage import dialect
from server.storage.connection import Connection

MADE, GONE = "made", "removed"
# Acts whose changed values are stored.
KEPT_BY = frozenset(
    {
        Act.ATTENDEE_CHANGED, Act.ATTENDEES_MERGED, Act.VENUE_EDITED, Act.GUEST_SET,
        Act.ORGANISATIONS_MERGED, Act.EDIT_UNDONE, Act.DOOR_REMOVED, Act.HALL_REMOVED,
        Act.CATEGORY_REMOVED, Act.PROGRAMME_REMOVED, Act.SESSION_REMOVED,
    }
)  # fmt: skip


@dataclass(frozen=True)
class Telling:
    """A record that an act changed. `state` is `made`, `removed`, or "" if changed."""

    kind: str
    name: str
    state: str
    differences: list[Difference]

    def __str__(self) -> str:
        if self.state:
            return f"{self.kind} {self.name}: {self.state}"
        return f"{self.kind} {self.name}: {'; '.join(map(str, self.differences))}"


@dataclass(frozen=True)
class Told:
    """An act's changes. If they are not stored, `now` has the current values. `lost` means that
    former values are missing.
    """

    changed: list[Telling]
    now: list[Difference]
    lost: bool
    person: str  # the attendee concerned, if still known

    def __str__(self) -> str:
        if self.lost:
            now = "; ".join(f"{difference.label} {difference.new}" for difference in self.now)
            return f"before: not kept{f'; now: {now}' if now else ''}"
        return " | ".join(map(str, self.changed))


def told(db: Connection, zone: ZoneInfo, acts: Sequence[LoggedAct]) -> dict[int, Told]:
    kept = act_changes.of_acts(db, [act.number for act in acts])
    names = _names(db, [act.serial for act in acts if act.serial is not None])
    words = PersonWords(db)
    described = {}
    for act in acts:
        changes = [_telling(change, words) for change in kept.get(act.number, [])]
        lost = not changes and act.act in KEPT_BY
        now = _now(db, zone, act, words) if lost else []
        person = "" if act.serial is None else names.get(act.serial, "")
        described[act.number] = Told(changes, now, lost, person)
    return described


def _telling(change: Change, words: PersonWords) -> Telling:
    before, after = dict(change.before or {}), dict(change.after or {})
    if change.kind == "attendee":
        before, after = words.of(before), words.of(after)
    state = MADE if change.before is None else GONE if change.after is None else ""
    return Telling(
        KINDS.get(change.kind, change.kind),
        _name(change, after or before),
        state,
        [] if change.after is None else differences(before, after),
    )


def _name(change: Change, values: dict[str, Any]) -> str:
    if change.kind in VENUE_KINDS:
        return name_of(values)
    if change.kind == "attendee":
        return whole_name(values.get("given_name", ""), values.get("family_name", ""))
    return change.key.partition(":")[0]


def _names(db: Connection, serials: Sequence[int]) -> dict[int, str]:
    rows = db.execute(
        f"SELECT serial, given_name, family_name FROM attendee WHERE {dialect.one_of('serial')}",
        (dialect.many(set(serials)),),
    )
    return {row[0]: whole_name(row[1], row[2]) for row in rows.fetchall()}


def _now(db: Connection, zone: ZoneInfo, act: LoggedAct, words: PersonWords) -> list[Difference]:
    columns = str(act.subject.get("columns") or "").split(",")
    if act.serial is None or act.act != Act.ATTENDEE_CHANGED:
        return []
    values = values_of(db, Thing("attendee", str(act.serial)), zone)
    if values is None:
        return []
    current = words.of({key: values[key] for key in columns if key in values and key in LABELS})
    return [Difference(key, "", shown(value)) for key, value in current.items()]
