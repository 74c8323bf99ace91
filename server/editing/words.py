"""Says in plain English what differs between two states of a thing."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

# What pages call a thing, and what they call its keys. A key without words is called by itself.
KINDS = {
    "category": "Category",
    "hall": "Hall",
    "door": "Door",
    "session": "Session",
    "attendee": "Attendee",
    "guest": "Invitation",
    "speakers": "Speakers",
    "organisation": "Organisation",
    "activity_kind": "Kind of activity",
    "activity": "Activity",
    "area": "Area",
    "exhibitor": "Exhibitor",
    "stand": "Stand",
    "zone": "Zone",
}
LABELS = {
    "name": "name in English",
    "name_zh": "name in Chinese",
    "title": "title in English",
    "title_zh": "title in Chinese",
    "capacity": "capacity",
    "fire_limit": "legal limit",
    "parent": "within",
    "categories": "who may enter",
    "zones": "zones",
    "sessions_only": "only for sessions",
    "anti_passback": "second entry",
    "exits": "exits",
    "leaving": "who left",
    "walk_s": "seconds to walk to another hall",
    "accessible_places": "places kept for wheelchair users and companions",
    "accessible_until_min": "minutes before a start at which kept places are everybody's",
    "facts_age_max_min": "oldest facts of a door, in minutes",
    "hall": "hall",
    "mode": "way",
    "from": "leads from",
    "starts": "starts",
    "ends": "ends",
    "opens_before_min": "minutes open before the start",
    "closes_after_min": "minutes open after the end",
    "activity": "activity",
    "co_hosts": "co-hosts",
    "m2": "m²",
    "letter": "letter",
    "colour": "colour",
    "code": "number",
    "external_id": "registration",
    "given_name": "given name",
    "family_name": "family name",
    "organisation": "organisation",
    "country": "country",
    "email": "e-mail",
    "phone": "telephone",
    "order_number": "order number",
    "category": "category",
    "valid_days": "days",
    "flags": "marks",
    "language": "language",
    "revoked": "revoked",
    "invited": "invited",
}
# Fields that a preview has beside the keys of a file, and its kinds as tables have them.
_FIELDS = {
    "name (en)": LABELS["name"],
    "name (zh)": LABELS["name_zh"],
    "title (en)": LABELS["title"],
    "title (zh)": LABELS["title_zh"],
    "hosts": "hosts",
    "opens": "doors open",
    "closes": "doors close",
}
PLURALS = {
    "categories": "category",
    "zones": "zone",
    "organisations": "organisation",
    "activity_kinds": "activity_kind",
    "activities": "activity",
    "halls": "hall",
    "doors": "door",
    "sessions": "session",
    "areas": "area",
    "exhibitors": "exhibitor",
    "stands": "stand",
}
WORDS = {True: "yes", False: "no", None: "none", "": "none"}


@dataclass(frozen=True)
class Difference:
    """Holds what a key was and what it is to be, in words."""

    key: str
    old: str
    new: str

    @property
    def label(self) -> str:
        return LABELS.get(self.key, self.key.replace("_", " "))

    def __str__(self) -> str:
        return f"{self.label} {self.old} → {self.new}"


def field_words(key: str) -> str:
    """Return what pages call a field of a preview."""
    return _FIELDS.get(key) or LABELS.get(key, key.replace("_", " "))


def shown(value: Any) -> str:
    """Write a value of a thing for people."""
    if isinstance(value, list | tuple):
        return ", ".join(map(str, value)) or "none"
    if isinstance(value, bool) or value in (None, ""):
        return WORDS[value]
    return str(value)


def differences(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[Difference]:
    """List what differs, in the order of `after`. A key that is not there is as good as empty."""
    keys = [*after, *(key for key in before if key not in after)]
    return [
        Difference(key, shown(before.get(key)), shown(after.get(key)))
        for key in keys
        if shown(before.get(key)) != shown(after.get(key))
    ]


def name_of(values: Mapping[str, Any]) -> str:
    """Return what people call a thing of the venue."""
    return str(values.get("name") or values.get("title") or values.get("code") or "?")
