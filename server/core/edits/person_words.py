"""Describes the columns of an attendee in plain words."""

from collections.abc import Mapping
from typing import Any

from badges.credential.credential import ALL_DAYS, ALL_ZONES, CredentialFlag
from badges.i18n import Phrase, Translated
from server.core.event.settings import DAYS_MAX
from server.core.venue import store
from server.storage.connection import Connection

FLAGS = {
    CredentialFlag.ATTENTION: Phrase("needs attention"),
    CredentialFlag.ESCORT: Phrase("escort"),
}
EVERY = Phrase("all")


class PersonWords:
    def __init__(self, db: Connection) -> None:
        self.categories = {
            plan.code: Translated(plan.names) or plan.key for plan in store.categories(db)
        }
        self._zones = store.zones(db)

    def of(self, values: Mapping[str, Any]) -> dict[str, Any]:
        return {key: self._value(key, value) for key, value in values.items()}

    def _value(self, key: str, value: Any) -> Any:
        if key == "category":
            return self.categories.get(value, value)
        if key == "valid_days":
            days = [n + 1 for n in range(DAYS_MAX) if value >> n & 1]
            return EVERY if value == ALL_DAYS else days
        if key == "zones":
            named = [code for code, bit in self._zones.items() if value >> bit & 1]
            return EVERY if value == ALL_ZONES else named
        if key == "flags":
            return [words for flag, words in FLAGS.items() if value & flag]
        return value
