from typing import Annotated, Literal

import msgspec

from server.core.occupancy import figures
from server.core.venue import store
from server.storage.connection import Connection

State = Literal["open", "full", "closed"]
Count = Annotated[int, msgspec.Meta(ge=0)]


class Hall(msgspec.Struct):
    """One hall."""

    code: str
    names: Annotated[dict[str, str], msgspec.Meta(description="by language")]
    parent: Annotated[str | None, msgspec.Meta(description="the code of the hall around it")]
    inside: Annotated[Count, msgspec.Meta(description="people inside by the records")]
    at_most: Annotated[Count, msgspec.Meta(description="with places that doors have not used yet")]
    capacity: Count
    state: State


def halls(db: Connection) -> list[Hall]:
    by_id = {hall.hall_id: hall for hall in figures.hall_figures(db)}
    rows = store.halls(db)
    codes = {row.hall_id: row.code for row in rows}
    return [
        Hall(
            code=row.code,
            names=row.names,
            parent=None if row.parent_id is None else codes[row.parent_id],
            inside=by_id[row.hall_id].inside,
            at_most=by_id[row.hall_id].worst_case,
            capacity=row.capacity,
            state=state_of(by_id[row.hall_id]),
        )
        for row in rows
    ]


def state_of(hall: figures.HallFigures) -> State:
    """Return a hall's state, without its outer halls."""
    if hall.closed:
        return "closed"
    return "full" if hall.inside >= hall.capacity else "open"
