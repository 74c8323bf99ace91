"""Finds organisations, exhibitors and activities by code or name."""

import json

from badges.roster.same_name import name_key
from server.storage.connection import Connection
from server.storage.localized import names_of

# Names by code. An exhibitor has its organisation's names.
_NAMES = {
    "organisation": "SELECT code, names, other_names FROM organisation ORDER BY code",
    "activity": "SELECT code, titles AS names, '[]' AS other_names FROM activity ORDER BY code",
    "exhibitor": "SELECT x.code, o.names, o.other_names FROM exhibitor x JOIN organisation o"
    " ON o.organisation_id = x.organisation_id ORDER BY x.code",
}


class Named:
    """A kind's names. Ignores case, width, spaces and punctuation."""

    def __init__(self, db: Connection, kind: str) -> None:
        self._words: dict[str, str] = {}
        self._codes: dict[str, set[str]] = {}
        for row in db.execute(_NAMES[kind]):
            code, names = row["code"], names_of(row["names"])
            self._words[code] = names.get("en") or next(iter(names.values()), code)
            for name in (*names.values(), *json.loads(row["other_names"])):
                self._codes.setdefault(name_key("", name), set()).add(code)

    def all_words(self) -> list[str]:
        return [self.words(code) for code in self._words]

    def words(self, code: str) -> str:
        """Return a name unique to this code, else the code."""
        name = self._words.get(code, code)
        return name if self.code(name) == code else code

    def code(self, text: str) -> str | None:
        """Return the code, or None for unknown or ambiguous text."""
        if text in self._words:
            return text
        codes = self._codes.get(name_key("", text), set())
        return next(iter(codes)) if len(codes) == 1 else None
