"""Reports halls that become full, open or closed."""

from badges.i18n import N_
from server.features.integrations import notices
from server.features.integrations.topics.topic import Topic
from server.storage import dialect
from server.storage.connection import Connection

# A full hall is open again once 1/50 of its places are free, so that single exits send nothing.
FREE_AGAIN_PART = 50
_INSIDE = "(h.open_stays + h.open_overrides + h.open_accessible)"
_STATE = (
    "CASE WHEN h.closed_at IS NOT NULL THEN 'closed'"
    f" WHEN {_INSIDE} >= h.capacity THEN 'full'"
    f" WHEN w.state = 'full' AND {_INSIDE} > h.capacity - "
    f"{dialect.greatest('1', f'h.capacity / {FREE_AGAIN_PART}')} THEN 'full'"
    " ELSE 'open' END"
)
_CHANGED = (
    f"SELECT * FROM (SELECT h.hall_id, h.code, h.capacity, {_INSIDE} AS inside, w.state AS before,"
    f" {_STATE} AS state FROM hall h LEFT JOIN webhook_hall w USING (hall_id)) AS hall_states"
    f" WHERE {dialect.differs('before', 'state')} ORDER BY hall_id"
)


def note_halls(db: Connection, now: int) -> None:
    for row in db.execute(_CHANGED).fetchall():
        db.execute(
            "INSERT INTO webhook_hall (hall_id, state) VALUES (?, ?)"
            " ON CONFLICT (hall_id) DO UPDATE SET state = excluded.state",
            (row["hall_id"], row["state"]),
        )
        if row["before"] is None:
            continue  # The hall's first state is not a change
        data = {"hall": row["code"], "inside": row["inside"], "capacity": row["capacity"]}
        notices.add(db, TOPIC.name, f"hall.{row['state']}", data, now)


TOPIC = Topic("halls", N_("Halls that fill up, open or close"), after_step=note_halls)
