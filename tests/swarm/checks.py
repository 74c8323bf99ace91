"""The two promises, held against the truth."""

from collections import Counter
from typing import TYPE_CHECKING

from server.occupancy import figures, pools

if TYPE_CHECKING:
    from tests.swarm.day import Day


class BrokenPromiseError(AssertionError):
    """What was promised did not hold."""


def check(day: "Day") -> None:
    """Promise 1, after every step. Raises BrokenPromiseError."""
    trusted = _trusted(day)
    for hall in day.halls.values():
        people = day.truth.inside(hall.hall_id)
        automatic = sum(hall.hall_id not in one.beyond for one in people)
        slack = (day.truth.moves[hall.hall_id] if hall.inferred else 0) + trusted[hall.hall_id]
        if automatic > hall.bound + slack:
            raise BrokenPromiseError(
                f"{automatic} people in hall {hall.code} of {hall.bound}, by automatic admissions"
            )
        if len(people) > hall.fire_limit + slack:
            raise BrokenPromiseError(
                f"{len(people)} people in hall {hall.code}, whose fire limit is {hall.fire_limit}"
            )
    if not day.rolled_back:
        _check_figures(day)
        if day.released:
            check_together(day, trusted)


def _trusted(day: "Day") -> Counter[int]:
    """By hall, the places that doors of a trusting hall took back on trust. Each may be one too
    many. Raises BrokenPromiseError where a door in use has less than no place.
    """
    found: Counter[int] = Counter()
    for door in [*day.doors, *day.gone]:
        for key, account in door.accounts().items():
            found[key.hall_id] += account.trusted
            if account.free < 0 and door in day.doors:
                raise BrokenPromiseError(f"{door.kiosk} has {account.free} places of {key}")
    return found


def _check_figures(day: "Day") -> None:
    """What the server publishes as the most that can be inside is no less than who is."""
    for row in figures.hall_figures(day.site.database.reader):
        people = day.truth.count(row.hall_id)
        most = row.worst_case + row.overrides + row.unconfirmed_moves
        if people > most:
            raise BrokenPromiseError(
                f"{people} people in hall {row.hall_id}, and the server says at most {most}"
            )


def check_together(day: "Day", trusted: Counter[int]) -> None:
    """Ordinary and kept places that are out or in use are never more than the capacity."""
    for row in day.site.database.reader.execute(
        "SELECT h.hall_id, h.code, h.open_stays + h.open_accessible + COALESCE(SUM("
        f"{pools.HELD}), 0) AS worst FROM hall h LEFT JOIN place_account a"
        " ON a.hall_id = h.hall_id AND a.override <> 1 GROUP BY h.hall_id"
    ):
        hall = day.halls[row["code"]]
        if row["worst"] > hall.bound + trusted[hall.hall_id]:
            raise BrokenPromiseError(
                f"{row['worst']} places of hall {hall.code} are out or in use, of {hall.bound}"
            )


def check_end(day: "Day") -> None:
    """Promise 2: each green of a kiosk that was heard is in the ledger, once."""
    for door in [*day.doors, *day.gone]:
        if door.lost:
            continue
        rows = day.site.database.reader.execute(
            "SELECT seq, COUNT(*) FROM scan WHERE kiosk = ? AND generation = ? GROUP BY seq",
            door.key,
        ).fetchall()
        known = {row[0]: row[1] for row in rows}
        waiting = door.journal.state().waiting
        missing = [green.seq for green in door.greens if green.seq not in known]
        if missing and not door.link.state.refused:
            raise BrokenPromiseError(
                f"{door.kiosk}: greens {missing} are not in the ledger ({waiting} wait)"
            )
        twice = [seq for seq, count in known.items() if count > 1]
        if twice:
            raise BrokenPromiseError(f"{door.kiosk}: scans {twice} are in the ledger twice")
