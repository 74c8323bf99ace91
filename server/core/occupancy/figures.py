from dataclasses import dataclass

from server.core.occupancy import pools
from server.storage.connection import Connection


@dataclass(frozen=True)
class HallFigures:
    """A hall's capacity and occupancy.

    `worst_case` counts unspent places as used, and people who moved on as inside, but not
    `unconfirmed_moves`. `overrides` are places beyond the capacity that supervisors may still use.
    """

    hall_id: int
    names: str  # JSON by language
    parent_id: int | None
    capacity: int
    fire_limit: int
    inside: int
    worst_case: int
    overrides: int
    closed: bool
    moved_on: int  # of those inside: later seen at another hall
    unconfirmed_moves: int  # this many more than `worst_case` may be inside
    accessible_places: int = 0  # of the capacity, kept for wheelchair users and their companions
    accessible_inside: int = 0  # people inside on such places
    overrides_inside: int = 0  # people whom supervisors admitted beyond the capacity

    @property
    def unspent(self) -> int:
        return self.worst_case - self.inside

    @property
    def present(self) -> int:
        """Return the number of people inside, without those who have entered another hall since."""
        return self.inside - self.moved_on

    @property
    def by_supervisor(self) -> int:
        """Return how many of the people present are above the capacity by a supervisor's override
        alone, within the legal limit. 0 if the hall is over its capacity for another reason.
        """
        above = max(0, self.present - self.capacity)
        return above if above <= self.overrides_inside and self.present <= self.fire_limit else 0

    @property
    def over(self) -> bool:
        """Return whether more people are present than allowed."""
        return self.present > self.capacity and not self.by_supervisor

    @property
    def left_to_limit(self) -> int:
        """Return how many more people supervisors may admit up to the legal limit."""
        return max(0, self.fire_limit - max(self.capacity, self.worst_case))

    @property
    def beyond(self) -> int:
        """Return how many people doors may still admit beyond the capacity, on places granted
        before an override or before the capacity was lowered.
        """
        return max(0, self.worst_case - max(self.capacity, self.inside))


def hall_figures(db: Connection) -> list[HallFigures]:
    rows = db.execute(
        "SELECT h.hall_id, h.names, h.parent_id, h.capacity, h.fire_limit,"
        " h.open_stays + h.open_overrides + h.open_accessible AS inside,"
        " h.open_stays + h.open_overrides + h.open_accessible"
        "  + SUM(CASE a.override WHEN 1 THEN 0 ELSE a.held END) AS worst_case,"
        " SUM(CASE a.override WHEN 1 THEN a.held ELSE 0 END) AS overrides,"
        " h.closed_at IS NOT NULL AS closed, h.moved_on, h.unconfirmed_moves,"
        " h.accessible_places, h.open_accessible AS accessible_inside,"
        " h.open_overrides AS overrides_inside"
        " FROM hall h LEFT JOIN (SELECT hall_id, override,"
        f"  {pools.HELD} AS held FROM place_account"
        "  UNION ALL SELECT hall_id, 0, 0 FROM hall) a USING (hall_id)"
        " GROUP BY h.hall_id ORDER BY h.hall_id"
    )
    return [HallFigures(**{**dict(row), "closed": bool(row["closed"])}) for row in rows]
