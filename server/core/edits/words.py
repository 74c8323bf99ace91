from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from badges.i18n import CHINESE, ENGLISH, N_, Phrase, Translated, joined

# Labels of kinds and keys. A key without a label is shown itself.
KINDS = {
    "category": N_("Category"),
    "hall": N_("Hall"),
    "door": N_("Door"),
    "session": N_("Session"),
    "attendee": N_("Attendee"),
    "guest": N_("Invitation"),
    "speakers": N_("Speakers"),
    "organisation": N_("Organisation"),
    "activity_kind": N_("Kind of activity"),
    "activity": N_("Activity"),
    "area": N_("Area"),
    "exhibitor": N_("Exhibitor"),
    "stand": N_("Stand"),
    "zone": N_("Zone"),
}
LABELS = {
    "name": N_("name in English"),
    "name_zh": N_("name in Chinese"),
    "title": N_("title in English"),
    "title_zh": N_("title in Chinese"),
    "capacity": N_("capacity"),
    "fire_limit": N_("legal limit"),
    "parent": N_("within"),
    "categories": N_("who may enter"),
    "zones": N_("zones"),
    "sessions_only": N_("only for sessions"),
    "anti_passback": N_("second entry"),
    "exits": N_("exits"),
    "leaving": N_("who left"),
    "walk_s": N_("seconds to walk to another hall"),
    "accessible_places": N_("places kept for wheelchair users and companions"),
    "accessible_until_min": N_("minutes before a start at which kept places are released"),
    "facts_age_max_min": N_("oldest facts of a door, in minutes"),
    "hall": N_("hall"),
    "mode": N_("way"),
    "from": N_("leads from"),
    "starts": N_("starts"),
    "ends": N_("ends"),
    "opens_before_min": N_("minutes open before the start"),
    "closes_after_min": N_("minutes the doors stay open after the end"),
    "activity": N_("activity"),
    "co_hosts": N_("co-hosts"),
    "m2": N_("m²"),
    "letter": N_("letter"),
    "colour": N_("colour"),
    "code": N_("number"),
    "external_id": N_("registration"),
    "given_name": N_("given name"),
    "family_name": N_("family name"),
    "organisation": N_("organisation"),
    "job_title": N_("job title"),
    "country": N_("country"),
    "email": N_("e-mail"),
    "phone": N_("telephone"),
    "order_number": N_("order number"),
    "category": N_("category"),
    "valid_days": N_("days"),
    "flags": N_("marks"),
    "language": N_("language"),
    "revoked": N_("revoked"),
    "invited": N_("invited"),
}
# Fields of previews beyond a file's keys, and plurals of kinds.
_FIELDS = {
    "name (en)": LABELS["name"],
    "name (zh)": LABELS["name_zh"],
    "title (en)": LABELS["title"],
    "title (zh)": LABELS["title_zh"],
    "hosts": N_("hosts"),
    "opens": N_("doors open"),
    "closes": N_("doors close"),
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
YES, NO, NONE = Phrase("yes"), Phrase("no"), Phrase("none")
WORDS = {True: YES, False: NO, None: NONE, "": NONE}


@dataclass(frozen=True)
class Difference:
    key: str
    old: str
    new: str

    @property
    def label(self) -> str:
        return LABELS.get(self.key, self.key.replace("_", " "))

    def __str__(self) -> str:
        return f"{self.label} {self.old} → {self.new}"

    @property
    def phrase(self) -> Phrase:
        return Phrase(
            "%(label)s %(old)s → %(new)s", label=Phrase(self.label), old=self.old, new=self.new
        )


def field_words(key: str) -> str:
    return _FIELDS.get(key) or LABELS.get(key, key.replace("_", " "))


def shown(value: Any) -> str:
    if isinstance(value, list | tuple):
        return (
            joined(", ", [item if isinstance(item, str) else str(item) for item in value]) or NONE
        )
    if isinstance(value, bool) or value in (None, ""):
        return WORDS[value]
    return value if isinstance(value, str) else str(value)


def told(changes: Iterable[Difference]) -> str:
    return joined(", ", [change.phrase for change in changes])


def differences(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[Difference]:
    """List the values that differ. A missing key counts as empty."""
    keys = [*after, *(key for key in before if key not in after)]
    return [
        Difference(key, shown(before.get(key)), shown(after.get(key)))
        for key in keys
        if shown(before.get(key)) != shown(after.get(key))
    ]


def named(kind: str, values: Mapping[str, Any]) -> Phrase:
    if kind not in PLURALS.values():
        return Phrase(KINDS[kind])
    return Phrase("%(kind)s %(code)s", kind=Phrase(KINDS[kind]), code=name_of(values))


def name_of(values: Mapping[str, Any]) -> str:
    for key in ("name", "title"):
        texts = {ENGLISH: values.get(key), CHINESE: values.get(f"{key}_zh")}
        if any(texts.values()):
            return Translated({language: text for language, text in texts.items() if text})
    return str(values.get("code") or "?")
