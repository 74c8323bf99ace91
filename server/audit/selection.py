"""Says which records of the entry log an export shows. All others stay commitments."""

from collections.abc import Iterator
from dataclasses import dataclass

from server.storage import dialect
from server.storage.connection import Connection


@dataclass(frozen=True)
class Selection:
    """Selects all records, or those of one hall, of a time (Unix ms, the end exclusive), or of one
    person. `text` names it in the export.
    """

    text: str = "all"
    hall_id: int | None = None
    since: int | None = None
    until: int | None = None
    serial: int | None = None

    @property
    def ids(self) -> dict[str, int]:
        """Return what the act of exporting is about. The serial has a field of its own, by which it
        is found when that person is erased.
        """
        found = {"hall": self.hall_id, "since": self.since, "serial": self.serial}
        return {name: value for name, value in found.items() if value is not None}

    @property
    def whole(self) -> bool:
        return self.hall_id is None and self.since is None and self.serial is None

    def numbers(self, db: Connection) -> Iterator[int]:
        """Yield the numbers of the leaves to show, in their order. It is for a part alone."""
        if self.since is not None:
            statement = (
                "SELECT l.number FROM leaf l LEFT JOIN scan s USING (number)"
                " WHERE COALESCE(s.scanned_at, l.at) >= ? AND COALESCE(s.scanned_at, l.at) < ?"
                " ORDER BY l.number"
            )
            values: tuple[int | None, ...] = (self.since, self.until)
        else:
            field, value = ("serial", self.serial)
            column = "serial"
            if self.hall_id is not None:
                field, column, value = "hall", "hall_id", self.hall_id
            statement = (
                f"SELECT number FROM scan WHERE {column} = ?"
                # The index over acts leaves scans out. It is used only if the query does so too.
                " UNION SELECT number FROM leaf WHERE kind = 'act' AND kind <> 'scan'"
                f" AND {dialect.in_json('body', 'subject', field)} = ? ORDER BY number"
            )
            values = (value, value)
        for (number,) in db.execute(statement, values):
            yield number
